"""The spaces in which noise is added to an image: the latents of an autoencoder, or the pixels themselves.

Images (3, height, width) in −1..1 are encoded one at a time; N encoded images are decoded together, to images in 0..1.
"""

import math
from functools import cached_property
from typing import Any

import torch
from attrs import frozen

from observers.devices import deterministic_inference
from observers.generative.components import Components
from observers.protocol import ObserverError

VAE_DEFAULTS = {"scaling_factor": 0.18215}  # of AutoencoderKL, if its config.json does not state them


@frozen(eq=False)
class PixelSpace:
    """The pixels of an image, with values in −1..1."""

    device: torch.device

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Copy an image (3, height, width) to the device."""
        return image.to(self.device)

    def decode(self, images: torch.Tensor) -> torch.Tensor:
        """Convert images (N, 3, height, width) to the range 0..1."""
        return (images / 2 + 0.5).clamp(0, 1)


@frozen(eq=False)
class Autoencoder:
    """The variational autoencoder of a model, loaded on first use. It always computes in float32."""

    components: Components
    device: torch.device

    @cached_property
    def _vae(self) -> Any:
        from diffusers import AutoencoderKL

        settings = self.components.read_settings("vae/config.json")
        self.components.assume(settings, VAE_DEFAULTS)
        for key in ("latents_mean", "latents_std"):
            if settings.get(key) is not None:
                raise ObserverError(
                    f"{self.components.model_name}: its vae/config.json has {key}, so that it normalizes each channel of "
                    f"its latents, which is not supported: use another model"
                )
        return self.components.load_diffuser(AutoencoderKL, "vae", torch.float32, self.device)

    @property
    def n_channels(self) -> int:
        """The number of channels in a latent."""
        return int(self._vae.config.latent_channels)

    @property
    def scale(self) -> int:
        """The number of image pixels per latent element along one side, such as 8."""
        return pixels_per_element(self._vae.config)

    @deterministic_inference()
    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """Encode an image (3, height, width) as a latent (C, h, w).

        The latent is (posterior mean − shift) × scaling factor, with the shift and the scaling factor in the model's
        config.
        """
        scale, shift = self._scaling
        vae = self._vae
        with self.components.computing("vae"):
            mean: torch.Tensor = vae.encode(image[None].to(self.device)).latent_dist.mean[0]
        expected = (self.n_channels, *(side // self.scale for side in image.shape[1:]))
        if mean.shape != expected:
            raise ObserverError(
                f"{self.components.model_name}: its autoencoder encodes an image of {image.shape[-1]} pixels per side as a "
                f"latent of the shape {tuple(mean.shape)}, expected {expected} according to its vae/config.json: download "
                f"the file again"
            )
        return torch.mul(mean - shift, scale)

    @deterministic_inference()
    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Decode latents (N, C, h, w) to images (N, 3, height, width)."""
        scale, shift = self._scaling
        vae = self._vae
        with self.components.computing("vae"):
            images: torch.Tensor = vae.decode(latents / scale + shift).sample
        return (images / 2 + 0.5).clamp(0, 1)

    @property
    def _scaling(self) -> tuple[float, float]:
        """The scaling factor and the shift of latents. Raises ObserverError if they are not possible."""
        config = self._vae.config
        scale, shift = config.scaling_factor, config.shift_factor or 0.0
        are_numbers = isinstance(scale, int | float) and isinstance(shift, int | float)
        if not (are_numbers and 0 < scale < math.inf and math.isfinite(shift)):
            raise ObserverError(
                f"{self.components.model_name}: its vae/config.json has the scaling_factor {scale!r} and shift_factor "
                f"{shift!r}: expected numbers, the first above 0; download the file again"
            )
        return scale, shift


def pixels_per_element(config: Any) -> int:
    """Return the number of image pixels per element of the encoded image along one side, for an autoencoder's config."""
    return int(2 ** (len(config.block_out_channels) - 1))
