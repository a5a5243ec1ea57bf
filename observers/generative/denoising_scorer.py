"""The scorer of diffusion and flow-matching models, which all their families share.

A family is one file in `observers.generative.families`, with the class of its options and a `Backbone`: the part that
differs between families. `DenoisingScorer` does the rest: it encodes images, adds noise, computes scores and restores
images.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import ClassVar, Protocol

import numpy as np
import torch
from attrs import frozen

from observers.devices import deterministic_inference
from observers.generative.autoencoder import Autoencoder, PixelSpace
from observers.generative.components import Components
from observers.generative.draws import draw_positions
from observers.generative.likelihood import Conditioning, RestoredImages
from observers.generative.noise_levels import PREDICTION_TYPES, PREDICTIONS, NoiseLevels, Prediction
from observers.generative.noising import Denoising, Predictor
from observers.generative.options import Compute, Objective
from observers.generative.preprocessing import crop_and_resize
from observers.loading.prediction_check import Fit
from observers.protocol import ObserverError, Restoration

NO_GUIDANCE = 1.0


class Backbone(Protocol):
    """A network, its text encoders and its autoencoder, all of which are loaded on first use.

    The files of one model may be larger than the memory of a device, so `condition` must not load the network if this can
    be avoided: the scorer encodes all prompts first, and the text encoders are then removed from memory.
    """

    @property
    def compute(self) -> Compute:
        """The device and dtype of the network and the text encoders."""
        ...

    @property
    def takes_guidance(self) -> bool:
        """Whether the network takes the guidance scale as an input. If so, guidance does not need the empty prompt."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """Further entries of the sidecar, such as the absence of a text encoder."""
        ...

    @property
    def components(self) -> Components:
        """The files of the model."""
        ...

    @property
    def space(self) -> Autoencoder | PixelSpace:
        """The space in which noise is added."""
        ...

    @property
    def size(self) -> int:
        """The number of pixels per side of the image that the model receives."""
        ...

    def noise_schedule(self) -> tuple[NoiseLevels, Prediction]:
        """Return the noise levels of the model, and what its network predicts at these levels."""
        ...

    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """Return the conditioning of each prompt, which must not depend on the other prompts."""
        ...

    def predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the network's predictions in any floating-point dtype.

        Args:
            noised: Noised images x_t, (N, …) float32.
            timesteps: The timestep of each row, (N,) float32.
            conditioning: The conditioning of each row, (N, …) for each tensor.
            guidance: Guidance scale, for networks that take it as an input.

        Returns:
            The predictions, with the shape of `noised`.
        """
        ...


@frozen(eq=False)
class DenoisingScorer:
    """Scores and restores images with a denoiser.

    A score is −w(t) ‖x − x̂‖², summed over all elements of the encoded image x. Its unit is that of x, squared, or nats
    with the weighting vdm (in pixels, apart from the effect of clamping). An encoded image is a latent (C, h, w), or an
    image (3, size, size) in −1..1, in float32.

    Attributes:
        load: Function that returns the backbone. It is called once, on first use.
        objective: Weighting, loss, allocation of draws, random seed and interval of noise levels.
        preprocess: Function from a uint8 image (height, width, 3) and the size of the model to an image (3, size, size)
            in −1..1.
        n_grid: Number of noise levels that are used, evenly spaced, each once in n_grid draws; None for all levels of
            the model in the order of `draws.kronecker_sequence`.
        n_draws: Always None, because the number of draws is not limited.
    """

    load: Callable[[], Backbone]
    objective: Objective
    preprocess: Callable[[np.ndarray, int], torch.Tensor] = crop_and_resize
    n_grid: int | None = None
    n_draws: ClassVar[int | None] = None

    @cached_property
    def backbone(self) -> Backbone:
        """The network, its text encoders and its autoencoder."""
        return self.load()

    @property
    def in_pixels(self) -> bool:
        """Whether noise is added to pixels. If so, x̂ is clamped to their range, −1..1, before it is compared with x."""
        return isinstance(self.backbone.space, PixelSpace)

    @property
    def unit(self) -> str:
        """The unit of the scores, as it is written into the sidecar."""
        return self.objective.unit("pixels" if self.in_pixels else "latent")

    @property
    def device(self) -> torch.device:
        """The torch device on which the model computes."""
        return self.backbone.compute.torch_device()

    @cached_property
    def _denoising(self) -> Denoising:
        levels, prediction = self.backbone.noise_schedule()
        levels = levels if self.n_grid is None else levels.thinned(self.n_grid)
        return Denoising(levels, prediction, self.objective, self.device, self.in_pixels, self.n_grid)

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        """Encode a uint8 image (height, width, 3) as a latent (C, h, w) or as an image (3, size, size) in −1..1."""
        return self.backbone.space.encode(self.preprocess(pixels, self.backbone.size))

    @deterministic_inference()
    def condition(self, prompts: Sequence[str]) -> list[Conditioning]:
        """Return the conditioning of each prompt: the tensors that the network needs."""
        return self.backbone.condition(prompts)

    def positions(self, draws: np.ndarray) -> np.ndarray:
        """Return the positions of draws along the noise levels of the option `levels`, in 0..1."""
        if self.n_grid is None:  # the files of the model are not needed
            return draw_positions(draws, self.objective.seed)
        return self._denoising.positions(draws)

    @deterministic_inference()
    def score(self, images: torch.Tensor, conditioning: Conditioning, draws: np.ndarray) -> torch.Tensor:
        """Score N rows and return the scores as a float32 tensor (N,)."""
        predict = self._predictor(conditioning)
        if not self._is_checked:
            self._is_checked.append(True)
            self._check_prediction(self._denoising.measure_fit(images, draws, predict))
        return self._denoising.score(images, draws, predict)

    @cached_property
    def _is_checked(self) -> list[bool]:
        """Not empty after the first forward pass, in which the predictions of the network are checked."""
        return []

    def _check_prediction(self, fit: Fit | None) -> None:
        """Print a note about the settings that are assumed.

        Raises ObserverError if the outputs of the network contradict the prediction type that its files state or lack.
        """
        components, prediction = self.backbone.components, self._denoising.prediction
        name = next((name for name in PREDICTION_TYPES if PREDICTIONS[name] is prediction), "")
        is_assumed = "prediction_type" in components.assumed
        shown = None if fit is None else fit.prediction_type()
        if shown not in (None, name) and getattr(self.backbone, "prediction_type", None) is None:
            source = "is assumed, because it is not in" if is_assumed else "is stated in"
            raise ObserverError(
                f"{components.model_name}: the outputs of its network show that it predicts {shown}, but the prediction "
                f"type {name} {source} its scheduler_config.json: set -o prediction_type={shown}, or "
                f"-o prediction_type={name} to use {name} nevertheless"
            )
        if components.assumed:
            listed = ", ".join(f"{key} {value}" for key, value in components.assumed.items())
            note = (
                f"note: {components.model_name}: its files do not state all settings, and defaults are used: {listed}"
            )
            if is_assumed and shown == name:
                note += f"; the outputs of its network agree with {name}"
            elif is_assumed:
                note += (
                    f"; the outputs of its network do not show whether {name} is right, and -o prediction_type= sets "
                    f"another type"
                )
            print(note, file=sys.stderr, flush=True)

    @deterministic_inference()
    def restore(
        self,
        image: torch.Tensor,
        conditioning: Conditioning,
        empty_prompt: Conditioning | None,
        restoration: Restoration,
    ) -> RestoredImages:
        """Add noise to an encoded image and denoise it under K prompts.

        Errors are squared differences between encoded images.
        """
        backbone, k = self.backbone, len(conditioning[0])
        predict = self._predictor(conditioning, restoration.guidance)
        without_prompt = None if empty_prompt is None or backbone.takes_guidance else self._predictor(empty_prompt)
        noised, denoised = self._denoising.restore(image.expand(k, *image.shape), restoration, predict, without_prompt)
        errors = (denoised - image).square().flatten(1).sum(1)
        n_latent = None if self.in_pixels else image.numel()
        return RestoredImages(backbone.space.decode(noised[:1])[0], backbone.space.decode(denoised), errors, n_latent)

    def _predictor(self, conditioning: Conditioning, guidance: float = NO_GUIDANCE) -> Predictor:
        return partial(self._predict, conditioning=conditioning, guidance=guidance)

    def _predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the predictions of the backbone. Raises ObserverError if they do not have the shape of its input."""
        prediction = self.backbone.predict(noised, timesteps, conditioning, guidance)
        if prediction.shape != noised.shape:  # otherwise they might be broadcast to it
            raise ObserverError(
                f"{self.backbone.components.model_name}: its network predicts values of the shape "
                f"{tuple(prediction.shape[1:])} for an input of the shape {tuple(noised.shape[1:])}: expected the same "
                f"shape; download the files again"
            )
        return prediction

    def provenance(self) -> dict[str, str]:
        """Return the entries of the sidecar that describe the weights, the device and the dtype."""
        backbone = self.backbone
        facts = backbone.components.files.provenance(self.device, backbone.compute.dtype_name())
        return facts | self._denoising.provenance() | dict(backbone.facts) | backbone.components.facts()
