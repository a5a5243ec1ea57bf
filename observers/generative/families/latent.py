"""Latent diffusion (Stable Diffusion 1.x, 2.x and XL): the error of the denoised latent of an image under a text prompt.

The latent is the mean of the autoencoder's posterior times the autoencoder's scaling factor, computed in float32. By
default images have the size at which the U-Net was trained, 512 pixels per side for SD 1.x and 1024 for XL; a model
that receives images of another size (option `size`) should be treated as a different observer. Prompts are padded to
the full length of the text encoder, as in training. XL also receives the pooled vector of its second text encoder, and
the size conditioning of an uncropped image.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from attrs import field, frozen

from observers.devices import deterministic_inference
from observers.generative.autoencoder import Autoencoder
from observers.generative.components import Components, find_components
from observers.generative.draws import kronecker_sequence
from observers.generative.likelihood import Conditioning, RestoredImages
from observers.generative.noising import Denoising, Predictor, diffusion_levels, read_prediction_type
from observers.generative.options import Compute, Objective, Source, check_size
from observers.generative.preprocessing import crop_and_resize, read_sample_size
from observers.generative.text_encoder import load_text_encoder
from observers.protocol import ObserverError, Restoration


@frozen
class LatentDiffusion:
    """A latent diffusion model as a `Likelihood`.

    A score is −w(t) ‖x − x̂‖², summed over all elements of the latent. Its unit is squared latent units, or nats with
    the weighting vdm. An encoded image is a latent, (C, h, w) float32.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the U-Net and the text encoders.
        objective: Weighting, loss, allocation of draws and random seed.
        size: Pixels per side of the image; None for the size at which the model was trained.
        n_draws: Always None, because the number of draws is not limited.

    Raises:
        ObserverError: If an option is out of range, or, at first use, if a file of the model is missing or unsuitable.
    """

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective()
    size: int | None = field(default=None, validator=check_size)
    n_draws: int | None = field(default=None, init=False)

    @property
    def unit(self) -> str:
        """The unit of the scores, as it is written into the sidecar."""
        return self.objective.unit("latent")

    @cached_property
    def _components(self) -> Components:
        return find_components(
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
        """The torch device on which the model computes."""
        return self.compute.torch_device()

    @cached_property
    def _network(self) -> Any:
        from diffusers import UNet2DConditionModel

        unet = self._components.load_diffuser(UNet2DConditionModel, "unet", self.compute.torch_dtype(), self.device)
        n_in, n_latent = unet.config.in_channels, self._autoencoder.n_channels
        if n_in != n_latent or unet.config.out_channels != n_latent:
            raise ObserverError(
                f"{self.source.model}: its U-Net takes {n_in} channels but its autoencoder gives {n_latent}: expected a "
                f"text-to-image model, not an inpainting or editing model"
            )
        is_xl, has_second = unet.config.addition_embed_type == "text_time", self._components.has("text_encoder_2")
        if is_xl != has_second:
            raise ObserverError(
                f"{self.source.model}: its U-Net belongs to Stable Diffusion {'XL' if is_xl else '1 or 2'}, but the model "
                f"has {'a' if has_second else 'no'} text_encoder_2 with a config.json: get all files from the same model"
            )
        return self.compute.prepare(unet)

    @cached_property
    def _autoencoder(self) -> Autoencoder:
        return Autoencoder(self._components, self.device)

    @cached_property
    def _denoising(self) -> Denoising:
        settings = self._components.read_settings("scheduler/scheduler_config.json")
        return Denoising(diffusion_levels(settings), read_prediction_type(settings), self.objective, self.device)

    @cached_property
    def _size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        scale = self._autoencoder.scale
        size = self.size or read_sample_size(self._network, self.source.model) * scale
        if size % scale or size < scale:
            raise ObserverError(f"{self.source.model}: the size {size} must be a multiple of {scale} pixels")
        return int(size)

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        """Encode a uint8 image (height, width, 3) as a latent (C, h, w)."""
        return self._autoencoder.encode(crop_and_resize(pixels, self._size))

    @deterministic_inference()
    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each prompt, return the hidden states (n_tokens, width), and for XL the pooled vector and the sizes."""
        from transformers import CLIPTextModel, CLIPTextModelWithProjection

        encode = load_text_encoder(self._components, CLIPTextModel, "text_encoder", self.compute)
        if not self._components.has("text_encoder_2"):
            return [(encode(prompt).last_hidden_state[0],) for prompt in prompts]
        encode_2 = load_text_encoder(self._components, CLIPTextModelWithProjection, "text_encoder_2", self.compute)
        size = self._size
        # The original size, the top left corner of the crop, and the target size.
        sizes = torch.tensor([size, size, 0, 0, size, size], dtype=self.compute.torch_dtype(), device=self.device)
        conditionings: list[Conditioning] = []
        for prompt in prompts:
            output, output_2 = encode(prompt), encode_2(prompt)
            states = torch.cat([output.hidden_states[-2], output_2.hidden_states[-2]], dim=-1)[0]
            conditionings.append((states, output_2.text_embeds[0], sizes))
        return conditionings

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
        """Add noise to a latent and denoise it under K prompts."""
        predict_empty = None if empty_prompt is None else self._predictor(empty_prompt)
        return self._autoencoder.restore(
            self._denoising, image, restoration, len(conditioning[0]), self._predictor(conditioning), predict_empty
        )

    def _predictor(self, conditioning: Conditioning) -> Predictor:
        network, dtype = self._network, self.compute.torch_dtype()
        states, *more = conditioning
        added = {"text_embeds": more[0], "time_ids": more[1]} if more else None

        def predict(noised: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = network(
                self.compute.in_memory_format(noised.to(dtype)), timesteps, encoder_hidden_states=states,
                added_cond_kwargs=added, return_dict=False,
            )[0]  # fmt: skip
            return out

        return predict

    def provenance(self) -> dict[str, str]:
        """Return the entries of the sidecar that describe the weights, the device and the dtype."""
        facts = self._components.files.provenance(self.device, self.compute.dtype_name())
        return facts | self._denoising.provenance()
