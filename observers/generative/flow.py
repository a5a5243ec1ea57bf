"""Flow matching, Stable Diffusion 3 and 3.5 and Flux: the error of the denoised latent of an image, given a text.

C channels and h × h elements of a latent, L tokens of a text. A latent x is mixed with noise ε along a straight line,
x_t = (1 − s) x + s ε, and the transformer predicts the velocity u = ε − x (Liu et al. 2022, arXiv 2209.03003; Esser et al.
2024, arXiv 2403.03206). So x̂ = x_t − s û, ‖x − x̂‖² is s² ‖u − û‖², and SNR = (1 − s)²/s². s is spread evenly over 0..1; the
shift in a model's scheduler_config.json only says how a sampler spaces its steps, and is not used.

Which of the two a model is follows from the class that its transformer/config.json names. Both take latents that are the
mean of the autoencoder's posterior less its shift, times its scaling factor, computed in float32; and neither masks the
padding of T5, as in their own pipelines.

SD3: two CLIP encoders and T5 with 256 tokens, which may be left out: its states are zeros then, as in the model's own
pipeline, and the log's sidecar says so. The size is what the transformer's config says, 1024 pixels.

Flux: the pooled vector of one CLIP encoder, and T5 with 512 tokens for dev, 256 for schnell. Noise and error are those of
the latent as it is; only the transformer sees it packed in squares of 2 × 2. dev takes a guidance as input, which is 1 here:
the prediction that no guidance has sharpened. schnell takes none; it is distilled to jump to the image in a few steps, so
that its û is a velocity only by and large. The size is 1024 pixels. In bfloat16 Flux rounds the time it is told, as its own
pipeline does, by up to 2.5 of 1000, and the same for all choices; the noise is that of the exact s. float32 does not.

Another `size` makes another observer.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from attrs import field, frozen

from observers.devices import deterministic_inference
from observers.generative.autoencoder import Autoencoder
from observers.generative.components import Components, components
from observers.generative.draws import positions
from observers.generative.likelihood import Condition, RestoredImages
from observers.generative.noising import Denoising, Predict, flow_levels
from observers.generative.options import Compute, Objective, Source, a_size
from observers.generative.prepare import square, trained_size
from observers.generative.texts import reader
from observers.protocol import ObserverError, Restoration

SD3, FLUX = "SD3Transformer2DModel", "FluxTransformer2DModel"
SD3_TOKENS = 256  # of T5
FLUX_TOKENS, SCHNELL_TOKENS = 512, 256
FLUX_SIZE = 1024  # pixels; its config names none
PACK = 2  # Flux packs squares of so many elements a side
GUIDANCE = 1.0


@frozen
class FlowMatching:
    """Scores: −w(s) ‖x − x̂‖² over all elements of the latent, in squared latent units; nats with the weighting vdm."""

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
            diffusers=["transformer", "vae"],
            transformers=["text_encoder", "text_encoder_2", "text_encoder_3"],
            tokenizers=["tokenizer", "tokenizer_2", "tokenizer_3"],
            optional=["text_encoder_3", "tokenizer_3"],
            half=self.compute.dtype_name() != "float32",
            exact=["vae"],
        )

    @cached_property
    def device(self) -> torch.device:
        return self.compute.where()

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """Of the transformer, which is not loaded for them: it and T5 need not be in memory at once."""
        found = self._parts.settings("transformer/config.json")
        said = found.get("_class_name")
        if said not in (SD3, FLUX):
            raise ObserverError(
                f"{self.source.model}: its transformer is a {said}: expected the {SD3} of Stable Diffusion 3 or 3.5, or "
                f"the {FLUX} of Flux: take a model such as stabilityai/stable-diffusion-3.5-medium"
            )
        return found

    @property
    def _is_flux(self) -> bool:
        return bool(self._settings["_class_name"] == FLUX)

    @property
    def _takes_guidance(self) -> bool:
        return self._is_flux and bool(self._settings.get("guidance_embeds"))

    @cached_property
    def _has_t5(self) -> bool:
        """Of SD3; without it another observer, which no half of a download should make."""
        encoder, words = self._parts.has("text_encoder_3"), self._parts.folder("tokenizer_3").is_dir()
        if encoder != words:
            there, lacking = ("text_encoder_3", "tokenizer_3")[:: 1 if encoder else -1]
            raise ObserverError(
                f"{self.source.model}: {self._parts.files.folder} has a {there} but no {lacking}: get the whole model anew, "
                f"or name a folder with neither, which does without T5, -o weights=DIR"
            )
        return encoder

    @cached_property
    def _network(self) -> Any:
        from diffusers import FluxTransformer2DModel, SD3Transformer2DModel

        make = FluxTransformer2DModel if self._is_flux else SD3Transformer2DModel
        network = self._parts.diffuser(make, "transformer", self.compute.format(), self.device)
        takes, gives = network.config.in_channels, network.out_channels
        n = self._autoencoder.n_channels
        wanted = n * PACK**2 if self._is_flux else n
        if takes != wanted or gives != wanted:
            raise ObserverError(
                f"{self.source.model}: its transformer takes {takes} channels and gives {gives}, expected {wanted} for the "
                f"{n} of its autoencoder: take a text-to-image model, no inpainting, control or editing one"
            )
        return self.compute.prepared(network)

    @cached_property
    def _autoencoder(self) -> Autoencoder:
        return Autoencoder(self._parts, self.device)

    @cached_property
    def _denoising(self) -> Denoising:
        return Denoising(flow_levels(), "flow", self.objective, self.device)

    @cached_property
    def _size(self) -> int:
        """Pixels a side; the autoencoder makes `scale` times fewer, the transformer takes them in patches."""
        config, scale = self._network.config, self._autoencoder.scale
        step = scale * (PACK if self._is_flux else config.patch_size)
        own = FLUX_SIZE if self._is_flux else trained_size(self._network, self.source.model) * scale
        size = self.size or own
        if size % step or size < step:
            raise ObserverError(f"{self.source.model}: the size {size} must be a multiple of {step} pixels")
        if not self._is_flux and size > (most := config.pos_embed_max_size * step):
            raise ObserverError(
                f"{self.source.model}: the size {size} is too large: its transformer knows the positions of up to {most} "
                f"pixels a side"
            )
        return int(size)

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        return self._autoencoder.encode(square(pixels, self._size))

    @deterministic_inference()
    def condition(self, texts: Sequence[str]) -> list[Condition]:
        """Of each text the states of its tokens (L, width) and the pooled vector."""
        return self._flux_conditions(texts) if self._is_flux else self._sd3_conditions(texts)

    def _sd3_conditions(self, texts: Sequence[str]) -> list[Condition]:
        from transformers import CLIPTextModelWithProjection

        one, two = (
            reader(self._parts, CLIPTextModelWithProjection, part, self.compute)
            for part in ("text_encoder", "text_encoder_2")
        )
        three = self._t5("text_encoder_3", SD3_TOKENS) if self._has_t5 else self._no_t5
        found: list[Condition] = []
        for text in texts:
            a, b, long = one(text), two(text), three(text)
            short = torch.cat([a.hidden_states[-2], b.hidden_states[-2]], dim=-1)[0]
            short = torch.nn.functional.pad(short, (0, long.shape[-1] - short.shape[-1]))
            found.append((torch.cat([short, long]), torch.cat([a.text_embeds, b.text_embeds], dim=-1)[0]))
        return found

    def _flux_conditions(self, texts: Sequence[str]) -> list[Condition]:
        from transformers import CLIPTextModel

        one = reader(self._parts, CLIPTextModel, "text_encoder", self.compute)
        two = self._t5("text_encoder_2", FLUX_TOKENS if self._takes_guidance else SCHNELL_TOKENS)
        return [(two(text), one(text).pooler_output[0]) for text in texts]

    def _t5(self, part: str, n_tokens: int) -> Callable[[str], torch.Tensor]:
        """Text -> (n, width) states."""
        from transformers import T5EncoderModel

        read = reader(self._parts, T5EncoderModel, part, self.compute, n_tokens)

        def states(text: str) -> torch.Tensor:
            found: torch.Tensor = read(text).last_hidden_state[0]
            return found

        return states

    def _no_t5(self, text: str) -> torch.Tensor:
        width = self._network.config.joint_attention_dim
        return torch.zeros(SD3_TOKENS, width, dtype=self.compute.format(), device=self.device)

    def place(self, draws: np.ndarray) -> np.ndarray:
        return positions(draws, self.objective.seed)

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditions: Condition, draws: np.ndarray) -> torch.Tensor:
        return self._denoising.score(images, draws, self._predictor(conditions))

    @deterministic_inference()
    def restore(
        self, image: torch.Tensor, conditions: Condition, empty: Condition | None, how: Restoration
    ) -> RestoredImages:
        """dev takes guidance as an input of its network and needs no empty text."""
        said = how.guidance if self._takes_guidance else GUIDANCE
        without = None if empty is None or self._takes_guidance else self._predictor(empty)
        return self._autoencoder.restored(
            self._denoising, image, how, len(conditions[0]), self._predictor(conditions, said), without
        )

    def _predictor(self, conditions: Condition, guidance: float = GUIDANCE) -> Predict:
        network, dtype = self._network, self.compute.format()
        states, pooled = conditions

        def sd3(noised: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = network(
                self.compute.laid_out(noised.to(dtype)), encoder_hidden_states=states, pooled_projections=pooled,
                timestep=steps, return_dict=False,
            )[0]  # fmt: skip
            return out

        def flux(noised: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = network(
                packed(noised.to(dtype)), encoder_hidden_states=states, pooled_projections=pooled,
                timestep=steps.to(dtype) / 1000,  # it takes s itself, rounded here as its pipeline does
                guidance=torch.full_like(steps, guidance) if self._takes_guidance else None,
                img_ids=_positions(noised), txt_ids=torch.zeros(states.shape[1], 3, device=self.device),
                return_dict=False,
            )[0]  # fmt: skip
            return unpacked(out, noised.shape[-1])

        return flux if self._is_flux else sd3

    def provenance(self) -> dict[str, str]:
        facts = self._parts.files.provenance(self.device, self.compute.dtype_name()) | self._denoising.facts()
        return facts if self._is_flux or self._has_t5 else facts | {"text_encoder_3": "none"}


def packed(latents: torch.Tensor) -> torch.Tensor:
    """(N, C, h, h) -> (N, h²/4, 4 C): a row a square of 2 × 2 elements, channel by channel."""
    return torch.nn.functional.pixel_unshuffle(latents, PACK).flatten(2).transpose(1, 2)


def unpacked(rows: torch.Tensor, side: int) -> torch.Tensor:
    """(N, h²/4, 4 C) -> (N, C, h, h) with h = `side`."""
    squares = rows.transpose(1, 2).reshape(len(rows), -1, side // PACK, side // PACK)
    return torch.nn.functional.pixel_shuffle(squares, PACK)


def _positions(latents: torch.Tensor) -> torch.Tensor:
    """(h²/4, 3) float32: 0, line and column of each square, on the latents' device."""
    side = torch.arange(latents.shape[-1] // PACK, dtype=torch.float32, device=latents.device)
    return torch.cartesian_prod(side[:1], side, side)
