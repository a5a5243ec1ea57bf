"""Latent diffusion, Stable Diffusion 1.x, 2.x and XL: the error of the denoised latent of an image, given a text.

The latent is the mean of the autoencoder's posterior times its scaling factor, computed in float32. 512 pixels for SD 1.x,
1024 for XL: what the U-Net was trained at, unless `size` says otherwise, which makes it another observer. Texts are filled
up to the full length of the text encoder, as in training; XL's second encoder gives a pooled vector besides, and its sizes
are those of an uncropped image.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from attrs import field, frozen

from observers.devices import deterministic_inference
from observers.generative.autoencoder import Autoencoder
from observers.generative.components import Components, components
from observers.generative.draws import positions
from observers.generative.likelihood import Condition, RestoredImages
from observers.generative.noising import Denoising, Predict, diffusion_levels, form_of
from observers.generative.options import Compute, Objective, Source, a_size
from observers.generative.prepare import square, trained_size
from observers.generative.texts import reader
from observers.protocol import ObserverError, Restoration

Prediction = Literal["epsilon", "v_prediction"]


@frozen
class LatentDiffusion:
    """Scores: −w(t) ‖x − x̂‖² over all elements of the latent, in squared latent units; nats with the weighting vdm."""

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective()
    size: int | None = field(default=None, validator=a_size)  # pixels; None: what the model was trained at
    n_draws: int | None = field(default=None, init=False)

    @property
    def unit(self) -> str:
        return self.objective.unit("latent")

    @cached_property
    def _parts(self) -> Components:
        return components(
            self.source,
            diffusers=["unet", "vae"],
            transformers=["text_encoder", "text_encoder_2"],
            tokenizers=["tokenizer", "tokenizer_2"],
            optional=["text_encoder_2", "tokenizer_2"],
            half=self.compute.dtype_name() != "float32",
            exact=["vae"],
        )

    @cached_property
    def device(self) -> torch.device:
        return self.compute.where()

    @cached_property
    def _network(self) -> Any:
        from diffusers import UNet2DConditionModel

        unet = self._parts.diffuser(UNet2DConditionModel, "unet", self.compute.format(), self.device)
        n, wanted = unet.config.in_channels, self._autoencoder.n_channels
        if n != wanted or unet.config.out_channels != wanted:
            raise ObserverError(
                f"{self.source.model}: its U-Net takes {n} channels and its autoencoder gives {wanted}: expected a "
                f"text-to-image model, no inpainting or editing one"
            )
        is_xl, has_second = unet.config.addition_embed_type == "text_time", self._parts.has("text_encoder_2")
        if is_xl != has_second:
            raise ObserverError(
                f"{self.source.model}: its U-Net is one of Stable Diffusion {'XL' if is_xl else '1 or 2'}, and there is "
                f"{'a' if has_second else 'no'} text_encoder_2 with a config.json: get the files of one model"
            )
        return self.compute.prepared(unet)

    @cached_property
    def _autoencoder(self) -> Autoencoder:
        return Autoencoder(self._parts, self.device)

    @cached_property
    def _denoising(self) -> Denoising:
        settings = self._parts.settings("scheduler/scheduler_config.json")
        return Denoising(diffusion_levels(settings), form_of(settings), self.objective, self.device)

    @cached_property
    def _size(self) -> int:
        """Pixels a side."""
        scale = self._autoencoder.scale
        size = self.size or trained_size(self._network, self.source.model) * scale
        if size % scale or size < scale:
            raise ObserverError(f"{self.source.model}: the size {size} must be a multiple of {scale} pixels")
        return int(size)

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        return self._autoencoder.encode(square(pixels, self._size))

    @deterministic_inference()
    def condition(self, texts: Sequence[str]) -> list[Condition]:
        from transformers import CLIPTextModel, CLIPTextModelWithProjection

        first = reader(self._parts, CLIPTextModel, "text_encoder", self.compute)
        if not self._parts.has("text_encoder_2"):
            return [(first(text).last_hidden_state[0],) for text in texts]
        second = reader(self._parts, CLIPTextModelWithProjection, "text_encoder_2", self.compute)
        size = self._size
        sizes = torch.tensor([size, size, 0, 0, size, size], dtype=self.compute.format(), device=self.device)
        found: list[Condition] = []
        for text in texts:
            one, two = first(text), second(text)
            states = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1)[0]
            found.append((states, two.text_embeds[0], sizes))
        return found

    def place(self, draws: np.ndarray) -> np.ndarray:
        return positions(draws, self.objective.seed)

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditions: Condition, draws: np.ndarray) -> torch.Tensor:
        return self._denoising.score(images, draws, self._predictor(conditions))

    @deterministic_inference()
    def restore(
        self, image: torch.Tensor, conditions: Condition, empty: Condition | None, how: Restoration
    ) -> RestoredImages:
        without = None if empty is None else self._predictor(empty)
        return self._autoencoder.restored(
            self._denoising, image, how, len(conditions[0]), self._predictor(conditions), without
        )

    def _predictor(self, conditions: Condition) -> Predict:
        network, dtype = self._network, self.compute.format()
        states, *more = conditions
        added = {"text_embeds": more[0], "time_ids": more[1]} if more else None

        def predict(noised: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = network(
                self.compute.laid_out(noised.to(dtype)), steps, encoder_hidden_states=states,
                added_cond_kwargs=added, return_dict=False,
            )[0]  # fmt: skip
            return out

        return predict

    def provenance(self) -> dict[str, str]:
        return self._parts.files.provenance(self.device, self.compute.dtype_name()) | self._denoising.facts()
