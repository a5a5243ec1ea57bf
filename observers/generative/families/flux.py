"""The architecture of Flux, for the flow-matching family (`flow.py`).

A prompt has the hidden states of T5, with 512 tokens for dev and 256 for schnell, and the pooled vector of one CLIP
encoder. Noise is added to the unpacked latent, and the error is computed on the unpacked latent; the latent is packed in
squares of 2 × 2 elements only for the transformer. dev takes a guidance scale as an input; scores use the scale 1, which
means no guidance. schnell does not take a guidance scale; it is distilled to generate an image in a few steps, so its û
is only approximately a velocity. By default images have 1024 pixels per side. In bfloat16, the timestep (0 to 1000) is
rounded by up to 2.5, as in Flux's own pipeline. The rounding is the same for all choices, and the noise is mixed with
the exact s. In float32 the timestep is exact.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from attrs import frozen

from observers.generative.autoencoder import Autoencoder
from observers.generative.components import Components
from observers.generative.families.flow_transformer import flow_schedule, load_flow_transformer
from observers.generative.families.network_inputs import check_inputs, check_width
from observers.generative.likelihood import Conditioning
from observers.generative.noise_levels import NoiseLevels, Prediction
from observers.generative.options import Compute
from observers.generative.preprocessing import check_multiple
from observers.generative.text_encoder import load_t5, load_text_encoder

DEV_TOKENS, SCHNELL_TOKENS = 512, 256  # length to which prompts for T5 are padded
DEFAULT_SIZE = 1024  # pixels per side; the config of Flux does not give a size
PACK = 2  # elements per side of the squares in which Flux packs latents


@frozen(eq=False)
class FluxBackbone:
    """The transformer, the text encoders and the autoencoder of Flux: a `Backbone`.

    The models that take the guidance scale as an input are dev and its derivatives.
    """

    components: Components
    compute: Compute
    requested_size: int | None
    takes_guidance: bool
    facts: ClassVar[Mapping[str, str]] = {}

    @cached_property
    def space(self) -> Autoencoder:
        """The autoencoder, to whose latents noise is added."""
        return Autoencoder(self.components, self.compute.torch_device())

    @cached_property
    def _network(self) -> Any:
        from diffusers import FluxTransformer2DModel

        check_inputs(self.components, "flux", "transformer", FluxTransformer2DModel)
        network = load_flow_transformer(FluxTransformer2DModel, self.components, self.compute, self.space, PACK**2)
        for key, source in {
            "joint_attention_dim": {"text_encoder_2": "d_model"},
            "pooled_projection_dim": {"text_encoder": "hidden_size"},
        }.items():
            check_width(self.components, "transformer", key, network.config[key], source)
        return network

    @cached_property
    def size(self) -> int:
        """The number of pixels per side of the image: a multiple of the pixels per side of a square of 2 × 2 elements."""
        _ = self._network  # a model for another task is refused before an image is encoded
        step = self.space.scale * PACK
        if self.requested_size is None:
            self.components.assume({}, {"size": DEFAULT_SIZE})
        return check_multiple(self.requested_size or DEFAULT_SIZE, step, self.components.model_name)

    def noise_schedule(self) -> tuple[NoiseLevels, Prediction]:
        """Return the noise levels, and what the transformer predicts."""
        return flow_schedule()

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each prompt, return the hidden states (n_tokens, width) of its tokens and its pooled vector."""
        from transformers import CLIPTextModel

        clip = load_text_encoder(self.components, CLIPTextModel, "text_encoder", self.compute)
        n_tokens = DEV_TOKENS if self.takes_guidance else SCHNELL_TOKENS
        t5 = load_t5(self.components, "text_encoder_2", self.compute, n_tokens)
        return [(t5(prompt), clip(prompt).pooler_output[0]) for prompt in prompts]

    def predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the velocities that the transformer predicts, (N, C, h, h)."""
        dtype = self.compute.torch_dtype()
        states, pooled = conditioning
        network = self._network
        with self.components.computing("transformer"):
            out: torch.Tensor = network(
                pack(noised.to(dtype)), encoder_hidden_states=states, pooled_projections=pooled,
                timestep=timesteps.to(dtype) / 1000,  # the network takes s, rounded as in Flux's pipeline
                guidance=torch.full_like(timesteps, guidance) if self.takes_guidance else None,
                img_ids=_position_ids(noised), txt_ids=torch.zeros(states.shape[1], 3, device=noised.device),
                return_dict=False,
            )[0]  # fmt: skip
        return unpack(out, noised.shape[-1])


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
