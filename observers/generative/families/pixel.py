"""Pixel diffusion (DeepFloyd IF stage I, in place of Imagen): the error of the denoised 64 × 64 image under a text prompt.

Noise is added to the image itself, in −1..1. The U-Net also predicts a variance, which is not used. The error of x̂ is
the error of ε̂ times σ/α, which reaches 20,000 near t = 1 on IF's cosine schedule. Therefore x̂ is computed in float32
and clamped to −1..1 before it is compared with x; the model's own sampler does something similar. Prompts are converted
to lower case, stripped of outer spaces and padded to 77 tokens, as in training.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from attrs import field, frozen

from observers.generative.autoencoder import PixelSpace
from observers.generative.components import Components, find_components, read_schedule
from observers.generative.denoising_scorer import DenoisingScorer
from observers.generative.families.network_inputs import check_inputs, check_width
from observers.generative.likelihood import Conditioning
from observers.generative.noise_levels import NoiseLevels, Prediction
from observers.generative.options import ADDED, Compute, Objective, PredictionType, Source, check_prediction_type
from observers.generative.preprocessing import read_sample_size
from observers.generative.text_encoder import load_t5
from observers.protocol import ObserverError

N_TOKENS = 77


@frozen
class PixelDiffusion:
    """A pixel diffusion model as a `Likelihood`.

    Attributes:
        source: Repository or local folder of the weights.
        compute: Device and dtype of the U-Net and the text encoder.
        objective: Weighting, loss, allocation of draws and random seed.
        prediction_type: What the U-Net predicts, epsilon, sample or v_prediction; by default what its
            scheduler_config.json states, or epsilon if it does not state it.

    Raises:
        ObserverError: If an option is out of range, or, at first use, if a file of the model is missing or unsuitable.
    """

    source: Source
    compute: Compute = Compute()
    objective: Objective = Objective()
    prediction_type: PredictionType | None = field(default=None, validator=check_prediction_type, metadata=ADDED)

    @cached_property
    def scorer(self) -> DenoisingScorer:
        """The object that loads the model and computes scores."""
        return DenoisingScorer(partial(PixelBackbone, self.source, self.compute, self.prediction_type), self.objective)


@frozen(eq=False)
class PixelBackbone:
    """The U-Net and the text encoder of a pixel diffusion model: a `Backbone`."""

    source: Source
    compute: Compute
    prediction_type: PredictionType | None = None
    takes_guidance: ClassVar[bool] = False
    facts: ClassVar[Mapping[str, str]] = {}

    @cached_property
    def components(self) -> Components:
        """The files of the model."""
        return find_components(
            self.source,
            diffusers=["unet"],
            transformers=["text_encoder"],
            tokenizers=["tokenizer"],
            half=self.compute.dtype_name() != "float32",
        )

    @property
    def space(self) -> PixelSpace:
        """The pixels, to which noise is added."""
        return PixelSpace(self.compute.torch_device())

    @cached_property
    def _unet(self) -> Any:
        from diffusers import UNet2DConditionModel

        check_inputs(self.components, "pixel", "unet", UNet2DConditionModel)
        unet = self.components.load_diffuser(
            UNet2DConditionModel, "unet", self.compute.torch_dtype(), self.compute.torch_device()
        )
        n_in, n_out = unet.config.in_channels, unet.config.out_channels
        if n_in != 3 or n_out not in (3, 6):
            raise ObserverError(
                f"{self.source.model}: its U-Net takes {n_in} channels and gives {n_out}: expected 3 and 3, or 3 and 6 with "
                f"a learned variance; use the first stage of a pixel diffusion model, not a super-resolution stage"
            )
        key = "cross_attention_dim" if unet.config.encoder_hid_dim is None else "encoder_hid_dim"
        check_width(self.components, "unet", key, unet.config[key], {"text_encoder": "d_model"})
        return self.compute.prepare(unet)

    @property
    def size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        return read_sample_size(self._unet, self.source.model)

    def noise_schedule(self) -> tuple[NoiseLevels, Prediction]:
        """Return the noise levels of the model, and what its U-Net predicts."""
        return read_schedule(self.components, self.prediction_type)

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """For each prompt, return the hidden states (N_TOKENS, width) of its tokens."""
        encode = load_t5(self.components, "text_encoder", self.compute, N_TOKENS, mask=True)
        return [(encode(prompt.lower().strip()),) for prompt in prompts]

    def predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the predictions of the U-Net, (N, 3, size, size). The variance, which it also predicts, is removed."""
        unet = self._unet
        with self.components.computing("unet"):
            out: torch.Tensor = unet(
                self.compute.network_input(noised), timesteps, encoder_hidden_states=conditioning[0], return_dict=False
            )[0]
        return out[:, :3]
