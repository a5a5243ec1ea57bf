"""Pixel diffusion, DeepFloyd IF stage I (the row of Imagen): the error of the denoised 64 × 64 image, given a text.

The image itself is noised, in −1..1. The U-Net also predicts a variance, which is not used. Near t = 1 the error of x̂ is
that of ε̂ times σ/α, up to 20,000 on IF's cosine schedule: x̂ is therefore formed and clamped to −1..1 in float32, as the
model's own sampler does in kind, and compared there. Texts are lower-cased and stripped, and filled up to 77 tokens, as in
training.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from attrs import field, frozen

from observers.devices import deterministic_inference
from observers.generative.components import Components, components
from observers.generative.draws import positions
from observers.generative.likelihood import Condition, RestoredImages
from observers.generative.noising import Denoising, Predict, diffusion_levels, form_of
from observers.generative.options import Compute, Objective, Source
from observers.generative.prepare import square, trained_size
from observers.generative.texts import reader
from observers.protocol import ObserverError, Restoration

N_TOKENS = 77


@frozen
class PixelDiffusion:
    """Scores: −w(t) ‖x − x̂‖² over all pixels and channels, in units of half the range of a channel, squared; nats with the
    weighting vdm, but for the clamping."""

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective()
    n_draws: int | None = field(default=None, init=False)

    @property
    def unit(self) -> str:
        return self.objective.unit("pixels")

    @cached_property
    def _parts(self) -> Components:
        return components(
            self.source,
            diffusers=["unet"],
            transformers=["text_encoder"],
            tokenizers=["tokenizer"],
            half=self.compute.dtype_name() != "float32",
        )

    @cached_property
    def device(self) -> torch.device:
        return self.compute.where()

    @cached_property
    def _network(self) -> Any:
        from diffusers import UNet2DConditionModel

        unet = self._parts.diffuser(UNet2DConditionModel, "unet", self.compute.format(), self.device)
        n_in, n_out = unet.config.in_channels, unet.config.out_channels
        if n_in != 3 or n_out not in (3, 6):
            raise ObserverError(
                f"{self.source.model}: its U-Net takes {n_in} channels and gives {n_out}; expected 3 and 3, or 6 with a "
                f"learned variance: take the first stage of a pixel diffusion model, not one that enlarges images"
            )
        return self.compute.prepared(unet)

    @cached_property
    def _size(self) -> int:
        return trained_size(self._network, self.source.model)

    @cached_property
    def _denoising(self) -> Denoising:
        settings = self._parts.settings("scheduler/scheduler_config.json")
        return Denoising(diffusion_levels(settings), form_of(settings), self.objective, self.device, clamp=True)

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        return square(pixels, self._size).to(self.device)

    @deterministic_inference()
    def condition(self, texts: Sequence[str]) -> list[Condition]:
        from transformers import T5EncoderModel

        read = reader(self._parts, T5EncoderModel, "text_encoder", self.compute, N_TOKENS, mask=True)
        return [(read(text.lower().strip()).last_hidden_state[0],) for text in texts]

    def place(self, draws: np.ndarray) -> np.ndarray:
        return positions(draws, self.objective.seed)

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditions: Condition, draws: np.ndarray) -> torch.Tensor:
        return self._denoising.score(images, draws, self._predictor(conditions))

    @deterministic_inference()
    def restore(
        self, image: torch.Tensor, conditions: Condition, empty: Condition | None, how: Restoration
    ) -> RestoredImages:
        k, without = len(conditions[0]), None if empty is None else self._predictor(empty)
        noised, found = self._denoising.restored(
            image.expand(k, *image.shape), how, self._predictor(conditions), without
        )
        errors = (found - image).square().flatten(1).sum(1)
        return RestoredImages((noised[0] / 2 + 0.5).clamp(0, 1), found / 2 + 0.5, errors)

    def _predictor(self, conditions: Condition) -> Predict:
        network, dtype = self._network, self.compute.format()

        def predict(noised: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = network(
                self.compute.laid_out(noised.to(dtype)), steps, encoder_hidden_states=conditions[0], return_dict=False
            )[0]
            return out[:, :3]

        return predict

    def provenance(self) -> dict[str, str]:
        return self._parts.files.provenance(self.device, self.compute.dtype_name()) | self._denoising.facts()
