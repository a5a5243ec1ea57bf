"""The architecture of Stable Diffusion 3 and 3.5, for the flow-matching family (`flow.py`).

A prompt has the hidden states of two CLIP encoders, followed by those of T5 with 256 tokens, and the pooled vectors of
the CLIP encoders. T5 may be omitted; its hidden states are then zeros, as in the model's own pipeline, and the sidecar
records this. By default images have the size in the transformer's config, 1024 pixels per side.
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
from observers.generative.preprocessing import check_multiple, read_sample_size
from observers.generative.text_encoder import load_t5, load_text_encoder
from observers.protocol import ObserverError

N_TOKENS = 256  # length to which prompts for T5 are padded


@frozen(eq=False)
class SD3Backbone:
    """The transformer, the text encoders and the autoencoder of Stable Diffusion 3: a `Backbone`."""

    components: Components
    compute: Compute
    requested_size: int | None
    takes_guidance: ClassVar[bool] = False

    @cached_property
    def has_t5(self) -> bool:
        """Whether the files include T5.

        An incomplete download raises ObserverError, because SD3 without T5 is a different observer.
        """
        has_encoder = self.components.has("text_encoder_3")
        has_tokenizer = self.components.folder("tokenizer_3").is_dir()
        if has_encoder != has_tokenizer:
            present, missing = ("text_encoder_3", "tokenizer_3")[:: 1 if has_encoder else -1]
            raise ObserverError(
                f"{self.components.model_name}: {self.components.files.folder} has a {present} but no {missing}: download "
                f"the whole model again, or, to run without T5, give a folder that contains neither with -o weights=FOLDER"
            )
        return has_encoder

    @property
    def facts(self) -> Mapping[str, str]:
        """The entry of the sidecar that records whether T5 is missing."""
        return {} if self.has_t5 else {"text_encoder_3": "none"}

    @cached_property
    def space(self) -> Autoencoder:
        """The autoencoder, to whose latents noise is added."""
        return Autoencoder(self.components, self.compute.torch_device())

    @cached_property
    def _network(self) -> Any:
        from diffusers import SD3Transformer2DModel

        check_inputs(self.components, "sd3", "transformer", SD3Transformer2DModel)
        network = load_flow_transformer(SD3Transformer2DModel, self.components, self.compute, self.space)
        pooled = {"text_encoder": "projection_dim", "text_encoder_2": "projection_dim"}
        for key, sources in {
            "pooled_projection_dim": pooled,
            "joint_attention_dim": {"text_encoder_3": "d_model"} if self.has_t5 else None,
        }.items():
            if sources is not None:
                check_width(self.components, "transformer", key, network.config[key], sources)
        return network

    @cached_property
    def size(self) -> int:
        """The number of pixels per side of the image: a multiple of the pixels per side of a transformer patch."""
        model, config, scale = self.components.model_name, self._network.config, self.space.scale
        step = scale * config.patch_size
        size = self.requested_size or read_sample_size(self._network, model) * scale
        check_multiple(size, step, model)
        if size > (largest := config.pos_embed_max_size * step):
            raise ObserverError(
                f"{model}: the size {size} is too large: the position embeddings of its transformer cover up to "
                f"{largest} pixels per side"
            )
        return size

    def noise_schedule(self) -> tuple[NoiseLevels, Prediction]:
        """Return the noise levels, and what the transformer predicts."""
        return flow_schedule()

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each prompt, return the hidden states (n_tokens, width) of its tokens and its pooled vector."""
        from transformers import CLIPTextModelWithProjection

        clip, clip_2 = (
            load_text_encoder(self.components, CLIPTextModelWithProjection, part, self.compute)
            for part in ("text_encoder", "text_encoder_2")
        )
        t5 = load_t5(self.components, "text_encoder_3", self.compute, N_TOKENS) if self.has_t5 else self._no_t5
        conditionings: list[Conditioning] = []
        for prompt in prompts:
            output, output_2, t5_states = clip(prompt), clip_2(prompt), t5(prompt)
            clip_states = torch.cat([output.hidden_states[-2], output_2.hidden_states[-2]], dim=-1)[0]
            clip_states = torch.nn.functional.pad(clip_states, (0, t5_states.shape[-1] - clip_states.shape[-1]))
            pooled = torch.cat([output.text_embeds, output_2.text_embeds], dim=-1)[0]
            conditionings.append((torch.cat([clip_states, t5_states]), pooled))
        return conditionings

    def _no_t5(self, prompt: str) -> torch.Tensor:
        width = self._network.config.joint_attention_dim
        return torch.zeros(N_TOKENS, width, dtype=self.compute.torch_dtype(), device=self.compute.torch_device())

    def predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the velocities that the transformer predicts, (N, C, h, h)."""
        states, pooled = conditioning
        network = self._network
        with self.components.computing("transformer"):
            out: torch.Tensor = network(
                self.compute.network_input(noised), encoder_hidden_states=states, pooled_projections=pooled,
                timestep=timesteps, return_dict=False,
            )[0]  # fmt: skip
        return out
