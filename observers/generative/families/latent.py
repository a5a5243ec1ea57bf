"""Latent diffusion (Stable Diffusion 1.x, 2.x and XL): the error of the denoised latent of an image under a text prompt.

The latent is the mean of the autoencoder's posterior times the autoencoder's scaling factor, computed in float32. By
default images have the size at which the U-Net was trained, 512 pixels per side for SD 1.x and 1024 for XL; a model
that receives images of another size (option `size`) should be treated as a different observer. Prompts are padded to
the full length of the text encoder, as in training. XL also receives the pooled vector of its second text encoder, and
the size conditioning of an uncropped image.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from attrs import field, frozen

from observers.generative.autoencoder import Autoencoder
from observers.generative.components import Components, find_components, read_schedule
from observers.generative.denoising_scorer import DenoisingScorer
from observers.generative.families.network_inputs import check_inputs, check_width
from observers.generative.likelihood import Conditioning
from observers.generative.noise_levels import NoiseLevels, Prediction
from observers.generative.options import (
    ADDED,
    Compute,
    Objective,
    PredictionType,
    Source,
    check_prediction_type,
    check_size,
)
from observers.generative.preprocessing import check_multiple, read_sample_size
from observers.generative.text_encoder import load_text_encoder
from observers.protocol import ObserverError

N_SIZES = 6  # numbers in the size conditioning of XL


@frozen
class LatentDiffusion:
    """A latent diffusion model as a `Likelihood`.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the U-Net and the text encoders.
        objective: Weighting, loss, allocation of draws and random seed.
        size: Pixels per side of the image; None for the size at which the model was trained.
        prediction_type: What the U-Net predicts, epsilon, sample or v_prediction; by default what its
            scheduler_config.json states, or epsilon if it does not state it.

    Raises:
        ObserverError: If an option is out of range, or, at first use, if a file of the model is missing or unsuitable.
    """

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective()
    size: int | None = field(default=None, validator=check_size)
    prediction_type: PredictionType | None = field(default=None, validator=check_prediction_type, metadata=ADDED)

    @cached_property
    def scorer(self) -> DenoisingScorer:
        """The object that loads the model and computes scores."""
        load = partial(LatentBackbone, self.source, self.compute, self.size, self.prediction_type)
        return DenoisingScorer(load, self.objective)


@frozen(eq=False)
class LatentBackbone:
    """The U-Net, the text encoders and the autoencoder of a latent diffusion model: a `Backbone`."""

    source: Source
    compute: Compute
    requested_size: int | None
    prediction_type: PredictionType | None = None
    takes_guidance: ClassVar[bool] = False
    facts: ClassVar[Mapping[str, str]] = {}

    @cached_property
    def components(self) -> Components:
        """The files of the model."""
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
    def space(self) -> Autoencoder:
        """The autoencoder, to whose latents noise is added."""
        return Autoencoder(self.components, self.compute.torch_device())

    @cached_property
    def _unet(self) -> Any:
        from diffusers import UNet2DConditionModel

        check_inputs(self.components, "latent", "unet", UNet2DConditionModel)
        unet = self.components.load_diffuser(
            UNet2DConditionModel, "unet", self.compute.torch_dtype(), self.compute.torch_device()
        )
        n_in, n_out, n_latent = unet.config.in_channels, unet.config.out_channels, self.space.n_channels
        if (n_in, n_out) != (n_latent, n_latent):
            raise ObserverError(
                f"{self.source.model}: its U-Net takes {n_in} channels and predicts {n_out}, but its autoencoder gives "
                f"{n_latent}: expected a text-to-image model, not an inpainting or editing model"
            )
        is_xl, has_second = unet.config.addition_embed_type == "text_time", self.components.has("text_encoder_2")
        if is_xl != has_second:
            raise ObserverError(
                f"{self.source.model}: its U-Net belongs to Stable Diffusion {'XL' if is_xl else '1 or 2'}, but the model "
                f"has {'a' if has_second else 'no'} text_encoder_2 with a config.json: get all files from the same model"
            )
        encoders = ["text_encoder", "text_encoder_2"] if is_xl else ["text_encoder"]
        width = dict.fromkeys(encoders, "hidden_size")
        check_width(self.components, "unet", "cross_attention_dim", unet.config.cross_attention_dim, width)
        if is_xl:
            n, key = N_SIZES * unet.config.addition_time_embed_dim, "projection_class_embeddings_input_dim"
            check_width(self.components, "unet", key, unet.config[key], {"text_encoder_2": "projection_dim"}, n)
        return self.compute.prepare(unet)

    @cached_property
    def size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        scale = self.space.scale
        size = self.requested_size or read_sample_size(self._unet, self.source.model) * scale
        return check_multiple(size, scale, self.source.model)

    def noise_schedule(self) -> tuple[NoiseLevels, Prediction]:
        """Return the noise levels of the model, and what its U-Net predicts."""
        return read_schedule(self.components, self.prediction_type)

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each prompt, return the hidden states (n_tokens, width), and for XL the pooled vector and the sizes."""
        from transformers import CLIPTextModel, CLIPTextModelWithProjection

        encode = load_text_encoder(self.components, CLIPTextModel, "text_encoder", self.compute)
        if not self.components.has("text_encoder_2"):
            return [(encode(prompt).last_hidden_state[0],) for prompt in prompts]
        encode_2 = load_text_encoder(self.components, CLIPTextModelWithProjection, "text_encoder_2", self.compute)
        side, device = self.size, self.compute.torch_device()
        # The original size, the top left corner of the crop, and the target size.
        sizes = torch.tensor([side, side, 0, 0, side, side], dtype=self.compute.torch_dtype(), device=device)
        conditionings: list[Conditioning] = []
        for prompt in prompts:
            output, output_2 = encode(prompt), encode_2(prompt)
            states = torch.cat([output.hidden_states[-2], output_2.hidden_states[-2]], dim=-1)[0]
            conditionings.append((states, output_2.text_embeds[0], sizes))
        return conditionings

    def predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the predictions of the U-Net, (N, C, h, w)."""
        states, *more = conditioning
        added = {"text_embeds": more[0], "time_ids": more[1]} if more else None
        unet = self._unet
        with self.components.computing("unet"):
            out: torch.Tensor = unet(
                self.compute.network_input(noised), timesteps, encoder_hidden_states=states, added_cond_kwargs=added,
                return_dict=False,
            )[0]  # fmt: skip
        return out
