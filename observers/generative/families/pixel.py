"""Pixel diffusion (DeepFloyd IF stage I, in place of Imagen): the error of the denoised 64 × 64 image under a text prompt.

Noise is added to the image itself, in −1..1. The U-Net also predicts a variance, which is not used. The error of x̂ is
the error of ε̂ times σ/α, which reaches 20,000 near t = 1 on IF's cosine schedule. Therefore x̂ is computed in float32
and clamped to −1..1 before it is compared with x; the model's own sampler does something similar. Prompts are converted
to lower case, stripped of outer spaces and padded to 77 tokens, as in training.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from attrs import field, frozen

from observers.devices import deterministic_inference
from observers.generative.components import Components, find_components
from observers.generative.draws import kronecker_sequence
from observers.generative.likelihood import Conditioning, RestoredImages
from observers.generative.noising import Denoising, Predictor, diffusion_levels, read_prediction_type
from observers.generative.options import Compute, Objective, Source
from observers.generative.preprocessing import crop_and_resize, read_sample_size
from observers.generative.text_encoder import load_text_encoder
from observers.protocol import ObserverError, Restoration

N_TOKENS = 77


@frozen
class PixelDiffusion:
    """A pixel diffusion model as a `Likelihood`.

    A score is −w(t) ‖x − x̂‖², summed over all pixels and channels in −1..1. With the weighting vdm the score is in
    nats, apart from the effect of the clamping. An encoded image is (3, size, size) float32 in −1..1.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the U-Net and the text encoder.
        objective: Weighting, loss, allocation of draws and random seed.
        n_draws: Always None, because the number of draws is not limited.

    Raises:
        ObserverError: If an option is out of range, or, at first use, if a file of the model is missing or unsuitable.
    """

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective()
    n_draws: int | None = field(default=None, init=False)

    @property
    def unit(self) -> str:
        """The unit of the scores, as it is written into the sidecar."""
        return self.objective.unit("pixels")

    @cached_property
    def _components(self) -> Components:
        return find_components(
            self.source,
            diffusers=["unet"],
            transformers=["text_encoder"],
            tokenizers=["tokenizer"],
            half=self.compute.dtype_name() != "float32",
        )

    @cached_property
    def device(self) -> torch.device:
        """The torch device on which the model computes."""
        return self.compute.torch_device()

    @cached_property
    def _network(self) -> Any:
        from diffusers import UNet2DConditionModel

        unet = self._components.load_diffuser(UNet2DConditionModel, "unet", self.compute.torch_dtype(), self.device)
        n_in, n_out = unet.config.in_channels, unet.config.out_channels
        if n_in != 3 or n_out not in (3, 6):
            raise ObserverError(
                f"{self.source.model}: its U-Net takes {n_in} channels and gives {n_out}: expected 3 and 3, or 3 and 6 with "
                f"a learned variance; use the first stage of a pixel diffusion model, not a super-resolution stage"
            )
        return self.compute.prepare(unet)

    @cached_property
    def _size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        return read_sample_size(self._network, self.source.model)

    @cached_property
    def _denoising(self) -> Denoising:
        settings = self._components.read_settings("scheduler/scheduler_config.json")
        levels, prediction_type = diffusion_levels(settings), read_prediction_type(settings)
        return Denoising(levels, prediction_type, self.objective, self.device, clamp=True)

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        """Convert a uint8 image (height, width, 3) to a float32 tensor (3, size, size) in −1..1."""
        return crop_and_resize(pixels, self._size).to(self.device)

    @deterministic_inference()
    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each prompt, return the hidden states (N_TOKENS, width) of its tokens."""
        from transformers import T5EncoderModel

        encode = load_text_encoder(self._components, T5EncoderModel, "text_encoder", self.compute, N_TOKENS, mask=True)
        return [(encode(prompt.lower().strip()).last_hidden_state[0],) for prompt in prompts]

    def positions(self, draws: np.ndarray) -> np.ndarray:
        """Return the positions of draws along the noise levels, in 0..1."""
        return kronecker_sequence(draws, self.objective.seed)

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditioning: Conditioning, draws: np.ndarray) -> torch.Tensor:
        """Score N rows and return the scores as a float32 tensor (N,)."""
        return self._denoising.score(images, draws, self._predictor(conditioning))

    @deterministic_inference()
    def restore(
        self,
        image: torch.Tensor,
        conditioning: Conditioning,
        empty_prompt: Conditioning | None,
        restoration: Restoration,
    ) -> RestoredImages:
        """Add noise to an image and denoise it under K prompts."""
        k, predict_empty = len(conditioning[0]), None if empty_prompt is None else self._predictor(empty_prompt)
        noised, denoised = self._denoising.restore(
            image.expand(k, *image.shape), restoration, self._predictor(conditioning), predict_empty
        )
        errors = (denoised - image).square().flatten(1).sum(1)
        return RestoredImages((noised[0] / 2 + 0.5).clamp(0, 1), denoised / 2 + 0.5, errors)

    def _predictor(self, conditioning: Conditioning) -> Predictor:
        network, dtype = self._network, self.compute.torch_dtype()

        def predict(noised: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = network(
                self.compute.in_memory_format(noised.to(dtype)),
                timesteps,
                encoder_hidden_states=conditioning[0],
                return_dict=False,
            )[0]
            return out[:, :3]

        return predict

    def provenance(self) -> dict[str, str]:
        """Return the entries of the sidecar that describe the weights, the device and the dtype."""
        facts = self._components.files.provenance(self.device, self.compute.dtype_name())
        return facts | self._denoising.provenance()
