"""The autoencoder of latent diffusion and flow matching: images to latents, in float32 whatever the network computes in."""

from functools import cached_property
from typing import Any

import torch
from attrs import frozen

from observers.devices import deterministic_inference
from observers.generative.components import Components
from observers.generative.likelihood import RestoredImages
from observers.generative.noising import Denoising, Predict
from observers.protocol import ObserverError, Restoration


@frozen(eq=False)
class Autoencoder:
    parts: Components
    device: torch.device

    @cached_property
    def _vae(self) -> Any:
        from diffusers import AutoencoderKL

        return self.parts.diffuser(AutoencoderKL, "vae", torch.float32, self.device)

    @property
    def n_channels(self) -> int:
        """Of a latent."""
        return int(self._vae.config.latent_channels)

    @property
    def scale(self) -> int:
        """How many times fewer elements a side a latent has than pixels."""
        return int(2 ** (len(self._vae.config.block_out_channels) - 1))

    @deterministic_inference()
    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """(3, height, width) in −1..1 -> (C, h, w): the mean of the posterior less its shift, times the scaling factor."""
        scale, shift = self._scaling
        mean: torch.Tensor = self._vae.encode(image[None].to(self.device)).latent_dist.mean[0]
        return torch.mul(mean - shift, scale)

    @deterministic_inference()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """(N, C, h, w) -> (N, 3, height, width) in 0..1."""
        scale, shift = self._scaling
        images: torch.Tensor = self._vae.decode(latents / scale + shift).sample
        return (images / 2 + 0.5).clamp(0, 1)

    @property
    def _scaling(self) -> tuple[float, float]:
        """Scaling factor and shift. Raises ObserverError."""
        config = self._vae.config
        scale, shift = config.scaling_factor, config.shift_factor or 0.0
        if not isinstance(scale, int | float) or not isinstance(shift, int | float):
            raise ObserverError(
                f"{self.parts.who}: its vae/config.json has the scaling_factor {scale!r} and shift_factor {shift!r}: "
                f"expected numbers; get it anew"
            )
        return scale, shift

    def restored(
        self,
        denoising: Denoising,
        image: torch.Tensor,
        how: Restoration,
        k: int,
        predict: Predict,
        without: Predict | None,
    ) -> RestoredImages:
        """Of a latent (C, h, w) under k texts: `Restoring.restore`, whose errors are those of the latents."""
        noised, latents = denoising.restored(image.expand(k, *image.shape), how, predict, without)
        errors = (latents - image).square().flatten(1).sum(1)
        return RestoredImages(self.decode(noised[:1])[0], self.decode(latents), errors, image.numel())
