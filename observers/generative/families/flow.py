"""Flow matching (Stable Diffusion 3, 3.5 and Flux): the error of the denoised latent of an image under a text prompt.

Notation: a latent has C channels of h × h elements, and a prompt has L tokens. A latent x is mixed with noise ε along a
straight line, x_t = (1 − s) x + s ε, and the transformer predicts the velocity u = ε − x (Liu et al. 2022, arXiv
2209.03003; Esser et al. 2024, arXiv 2403.03206). Therefore x̂ = x_t − s û, ‖x − x̂‖² = s² ‖u − û‖², and
SNR = (1 − s)²/s². The values of s are evenly spread over 0..1. The shift in a model's scheduler_config.json is not
used, because it only determines the spacing of the sampler's steps.

The class named in transformer/config.json decides whether a model is treated as SD3 or as Flux. In both cases a latent
is (mean of the autoencoder's posterior − shift) × scaling factor, computed in float32, and the padding of T5 is not
masked, as in the models' own pipelines.

SD3 has two CLIP encoders and T5 with 256 tokens. T5 may be omitted; its hidden states are then zeros, as in the model's
own pipeline, and the sidecar records this. By default images have the size in the transformer's config, 1024 pixels per
side.

Flux uses the pooled vector of one CLIP encoder and the hidden states of T5, with 512 tokens for dev and 256 for
schnell. Noise is added to the unpacked latent, and the error is computed on the unpacked latent; the latent is packed
in squares of 2 × 2 elements only for the transformer. dev takes a guidance scale as an input; scores use the scale 1,
which means no guidance. schnell does not take a guidance scale; it is distilled to generate an image in a few steps, so
its û is only approximately a velocity. By default images have 1024 pixels per side. In bfloat16, the timestep (0 to
1000) is rounded by up to 2.5, as in Flux's own pipeline. The rounding is the same for all choices, and the noise is
mixed with the exact s. In float32 the timestep is exact.

A model that receives images of another size (option `size`) should be treated as a different observer.
"""

from collections.abc import Callable, Sequence
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
from observers.generative.noising import Denoising, Predictor, flow_levels
from observers.generative.options import Compute, Objective, Source, check_size
from observers.generative.preprocessing import crop_and_resize, read_sample_size
from observers.generative.text_encoder import load_text_encoder
from observers.protocol import ObserverError, Restoration

SD3, FLUX = "SD3Transformer2DModel", "FluxTransformer2DModel"
SD3_TOKENS = 256  # length to which prompts for T5 are padded
FLUX_TOKENS, SCHNELL_TOKENS = 512, 256
FLUX_SIZE = 1024  # pixels per side; the config of Flux does not give a size
PACK = 2  # elements per side of the squares in which Flux packs latents
GUIDANCE = 1.0


@frozen
class FlowMatching:
    """A flow-matching model as a `Likelihood`.

    A score is −w(s) ‖x − x̂‖², summed over all elements of the latent. Its unit is squared latent units, or nats with
    the weighting vdm. An encoded image is a latent, (C, h, h) float32.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the transformer and the text encoders.
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
            diffusers=["transformer", "vae"],
            transformers=["text_encoder", "text_encoder_2", "text_encoder_3"],
            tokenizers=["tokenizer", "tokenizer_2", "tokenizer_3"],
            optional=["text_encoder_3", "tokenizer_3"],
            half=self.compute.dtype_name() != "float32",
            exact=["vae"],
        )

    @cached_property
    def device(self) -> torch.device:
        """The torch device on which the model computes."""
        return self.compute.torch_device()

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """The config of the transformer, read from its file so that T5 can be used before the transformer is loaded."""
        settings = self._components.read_settings("transformer/config.json")
        class_name = settings.get("_class_name")
        if class_name not in (SD3, FLUX):
            raise ObserverError(
                f"{self.source.model}: its transformer is a {class_name}: expected the {SD3} of Stable Diffusion 3 or 3.5, "
                f"or the {FLUX} of Flux; use a model such as stabilityai/stable-diffusion-3.5-medium"
            )
        return settings

    @property
    def _is_flux(self) -> bool:
        return bool(self._settings["_class_name"] == FLUX)

    @property
    def _takes_guidance(self) -> bool:
        return self._is_flux and bool(self._settings.get("guidance_embeds"))

    @cached_property
    def _has_t5(self) -> bool:
        """Whether the files of SD3 include T5.

        An incomplete download raises ObserverError, because SD3 without T5 is a different observer.
        """
        has_encoder = self._components.has("text_encoder_3")
        has_tokenizer = self._components.folder("tokenizer_3").is_dir()
        if has_encoder != has_tokenizer:
            present, missing = ("text_encoder_3", "tokenizer_3")[:: 1 if has_encoder else -1]
            raise ObserverError(
                f"{self.source.model}: {self._components.files.folder} has a {present} but no {missing}: download the whole "
                f"model again, or, to run without T5, give a folder that contains neither with -o weights=DIR"
            )
        return has_encoder

    @cached_property
    def _network(self) -> Any:
        from diffusers import FluxTransformer2DModel, SD3Transformer2DModel

        model_class = FluxTransformer2DModel if self._is_flux else SD3Transformer2DModel
        dtype = self.compute.torch_dtype()
        network = self._components.load_diffuser(model_class, "transformer", dtype, self.device)
        n_in, n_out = network.config.in_channels, network.out_channels
        n_latent = self._autoencoder.n_channels
        expected = n_latent * PACK**2 if self._is_flux else n_latent
        if n_in != expected or n_out != expected:
            raise ObserverError(
                f"{self.source.model}: its transformer takes {n_in} channels and gives {n_out}, expected {expected} for the "
                f"{n_latent} of its autoencoder: use a text-to-image model, not an inpainting, control or editing model"
            )
        return self.compute.prepare(network)

    @cached_property
    def _autoencoder(self) -> Autoencoder:
        return Autoencoder(self._components, self.device)

    @cached_property
    def _denoising(self) -> Denoising:
        return Denoising(flow_levels(), "flow", self.objective, self.device)

    @cached_property
    def _size(self) -> int:
        """The number of pixels per side of the image: a multiple of the pixels per side of a transformer patch."""
        config, scale = self._network.config, self._autoencoder.scale
        step = scale * (PACK if self._is_flux else config.patch_size)
        default = FLUX_SIZE if self._is_flux else read_sample_size(self._network, self.source.model) * scale
        size = self.size or default
        if size % step or size < step:
            raise ObserverError(f"{self.source.model}: the size {size} must be a multiple of {step} pixels")
        if not self._is_flux and size > (largest := config.pos_embed_max_size * step):
            raise ObserverError(
                f"{self.source.model}: the size {size} is too large: the position embeddings of its transformer cover up to "
                f"{largest} pixels per side"
            )
        return int(size)

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        """Encode a uint8 image (height, width, 3) as a latent (C, h, h)."""
        return self._autoencoder.encode(crop_and_resize(pixels, self._size))

    @deterministic_inference()
    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each prompt, return the hidden states (L, width) of its tokens and its pooled vector."""
        return self._condition_flux(prompts) if self._is_flux else self._condition_sd3(prompts)

    def _condition_sd3(self, prompts: Sequence[str]) -> list[Conditioning]:
        from transformers import CLIPTextModelWithProjection

        clip, clip_2 = (
            load_text_encoder(self._components, CLIPTextModelWithProjection, part, self.compute)
            for part in ("text_encoder", "text_encoder_2")
        )
        t5 = self._t5("text_encoder_3", SD3_TOKENS) if self._has_t5 else self._no_t5
        conditionings: list[Conditioning] = []
        for prompt in prompts:
            output, output_2, t5_states = clip(prompt), clip_2(prompt), t5(prompt)
            clip_states = torch.cat([output.hidden_states[-2], output_2.hidden_states[-2]], dim=-1)[0]
            clip_states = torch.nn.functional.pad(clip_states, (0, t5_states.shape[-1] - clip_states.shape[-1]))
            pooled = torch.cat([output.text_embeds, output_2.text_embeds], dim=-1)[0]
            conditionings.append((torch.cat([clip_states, t5_states]), pooled))
        return conditionings

    def _condition_flux(self, prompts: Sequence[str]) -> list[Conditioning]:
        from transformers import CLIPTextModel

        clip = load_text_encoder(self._components, CLIPTextModel, "text_encoder", self.compute)
        t5 = self._t5("text_encoder_2", FLUX_TOKENS if self._takes_guidance else SCHNELL_TOKENS)
        return [(t5(prompt), clip(prompt).pooler_output[0]) for prompt in prompts]

    def _t5(self, part: str, n_tokens: int) -> Callable[[str], torch.Tensor]:
        """Return a function that encodes a prompt as the hidden states (n_tokens, width) of T5."""
        from transformers import T5EncoderModel

        encode = load_text_encoder(self._components, T5EncoderModel, part, self.compute, n_tokens)

        def hidden_states(prompt: str) -> torch.Tensor:
            states: torch.Tensor = encode(prompt).last_hidden_state[0]
            return states

        return hidden_states

    def _no_t5(self, prompt: str) -> torch.Tensor:
        width = self._network.config.joint_attention_dim
        return torch.zeros(SD3_TOKENS, width, dtype=self.compute.torch_dtype(), device=self.device)

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
        """Add noise to a latent and denoise it under K prompts.

        Flux dev takes the guidance scale as an input of its network and does not need the empty prompt.
        """
        guidance = restoration.guidance if self._takes_guidance else GUIDANCE
        predict_empty = None if empty_prompt is None or self._takes_guidance else self._predictor(empty_prompt)
        predict = self._predictor(conditioning, guidance)
        return self._autoencoder.restore(
            self._denoising, image, restoration, len(conditioning[0]), predict, predict_empty
        )

    def _predictor(self, conditioning: Conditioning, guidance: float = GUIDANCE) -> Predictor:
        network, dtype = self._network, self.compute.torch_dtype()
        states, pooled = conditioning

        def predict_sd3(noised: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = network(
                self.compute.in_memory_format(noised.to(dtype)), encoder_hidden_states=states, pooled_projections=pooled,
                timestep=timesteps, return_dict=False,
            )[0]  # fmt: skip
            return out

        def predict_flux(noised: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = network(
                pack(noised.to(dtype)), encoder_hidden_states=states, pooled_projections=pooled,
                timestep=timesteps.to(dtype) / 1000,  # the network takes s, rounded as in Flux's pipeline
                guidance=torch.full_like(timesteps, guidance) if self._takes_guidance else None,
                img_ids=_position_ids(noised), txt_ids=torch.zeros(states.shape[1], 3, device=self.device),
                return_dict=False,
            )[0]  # fmt: skip
            return unpack(out, noised.shape[-1])

        return predict_flux if self._is_flux else predict_sd3

    def provenance(self) -> dict[str, str]:
        """Return the entries of the sidecar that describe the weights, the device, the dtype and a missing T5."""
        facts = self._components.files.provenance(self.device, self.compute.dtype_name())
        facts |= self._denoising.provenance()
        return facts if self._is_flux or self._has_t5 else facts | {"text_encoder_3": "none"}


def pack(latents: torch.Tensor) -> torch.Tensor:
    """Pack latents (N, C, h, h) as (N, h²/4, 4 C): each row is a square of 2 × 2 elements, channel by channel."""
    return torch.nn.functional.pixel_unshuffle(latents, PACK).flatten(2).transpose(1, 2)


def unpack(rows: torch.Tensor, side: int) -> torch.Tensor:
    """Unpack rows (N, h²/4, 4 C) to latents (N, C, h, h), with h = `side`."""
    squares = rows.transpose(1, 2).reshape(len(rows), -1, side // PACK, side // PACK)
    return torch.nn.functional.pixel_shuffle(squares, PACK)


def _position_ids(latents: torch.Tensor) -> torch.Tensor:
    """Return the position ids of all squares, (h²/4, 3) float32: 0, row and column, on the device of the latents."""
    side = torch.arange(latents.shape[-1] // PACK, dtype=torch.float32, device=latents.device)
    return torch.cartesian_prod(side[:1], side, side)
