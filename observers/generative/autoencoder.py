"""The autoencoder of latent diffusion and flow-matching models. The autoencoder always computes in float32."""

from functools import cached_property
from typing import Any

import torch
from attrs import frozen

from observers.devices import deterministic_inference
from observers.generative.components import Components
from observers.generative.likelihood import RestoredImages
from observers.generative.noising import Denoising, Predictor
from observers.protocol import ObserverError, Restoration


@frozen(eq=False)
class Autoencoder:
    """The variational autoencoder of a model, loaded on first use."""

    components: Components
    device: torch.device

    @cached_property
    def _vae(self) -> Any:
        from diffusers import AutoencoderKL

        return self.components.load_diffuser(AutoencoderKL, "vae", torch.float32, self.device)

    @property
    def n_channels(self) -> int:
        """The number of channels in a latent."""
        return int(self._vae.config.latent_channels)

    @property
    def scale(self) -> int:
        """The number of image pixels per latent element along one side, such as 8."""
        return int(2 ** (len(self._vae.config.block_out_channels) - 1))

    @deterministic_inference()
    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Encode an image (3, height, width) in −1..1 as a latent (C, h, w).

        The latent is (posterior mean − shift) × scaling factor, with the shift and the scaling factor in the model's
        config.
        """
        scale, shift = self._scaling
        mean: torch.Tensor = self._vae.encode(image[None].to(self.device)).latent_dist.mean[0]
        return torch.mul(mean - shift, scale)

    @deterministic_inference()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode latents (N, C, h, w) to images (N, 3, height, width) in 0..1."""
        scale, shift = self._scaling
        images: torch.Tensor = self._vae.decode(latents / scale + shift).sample
        return (images / 2 + 0.5).clamp(0, 1)

    @property
    def _scaling(self) -> tuple[float, float]:
        """The scaling factor and the shift of latents. Raises ObserverError if one of them is not a number."""
        config = self._vae.config
        scale, shift = config.scaling_factor, config.shift_factor or 0.0
        if not isinstance(scale, int | float) or not isinstance(shift, int | float):
            raise ObserverError(
                f"{self.components.model_name}: its vae/config.json has the scaling_factor {scale!r} and shift_factor "
                f"{shift!r}: expected numbers; download the file again"
            )
        return scale, shift

    def restore(
        self,
        denoising: Denoising,
        latent: torch.Tensor,
        restoration: Restoration,
        n_prompts: int,
        predict: Predictor,
        predict_empty: Predictor | None,
    ) -> RestoredImages:
        """Restore a latent (C, h, w) under each of `n_prompts` prompts and decode the results.

        The other arguments are passed to `Denoising.restore`. Errors are squared differences between latents, not
        between images.
        """
        noised, latents = denoising.restore(
            latent.expand(n_prompts, *latent.shape), restoration, predict, predict_empty
        )
        errors = (latents - latent).square().flatten(1).sum(1)
        return RestoredImages(self.decode(noised[:1])[0], self.decode(latents), errors, latent.numel())
