"""The noise levels of a denoiser, and what its network predicts.

Notation: T noise levels. The noised image is x_t = α x + σ ε. A network predicts the noise ε, the image x, the velocity
v = α ε − σ x, or, along a straight flow (α = 1 − s, σ = s), the velocity u = ε − x. The errors of these predictions are
multiples of each other: x̂ − x is −σ/α, 1, −σ and −s times the error of ε̂, x̂, v̂ and û, respectively.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from attrs import frozen

from observers.loading.foreign_errors import explained_errors
from observers.protocol import ObserverError

MAX_LEVELS = 100_000
WHOLE_SCHEDULE = "0:1"
# The settings of a noise schedule, with the values of DDPMScheduler if a scheduler_config.json does not state them.
SCHEDULE_DEFAULTS = {
    "num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "prediction_type": "epsilon",
}  # fmt: skip


@frozen(eq=False)
class NoiseLevels:
    """The noise levels of a schedule in ascending order.

    Attributes:
        t: Time of each level in 0..1, (T,) float64.
        alpha: Scale α of the image, (T,) float64.
        sigma: Scale σ of the noise, (T,) float64.
        timesteps: Time of each level in the unit that the network expects, (T,) float64.
    """

    t: np.ndarray
    alpha: np.ndarray
    sigma: np.ndarray
    timesteps: np.ndarray

    @property
    def snr(self) -> np.ndarray:
        """The signal-to-noise ratios α²/σ² of the T levels."""
        return np.asarray((self.alpha / self.sigma) ** 2)

    def thinned(self, n: int) -> "NoiseLevels":
        """Return n evenly spaced levels: those in the middle of n equal parts, such as 2, 6, 10, … for n = T/4.

        Raises:
            ObserverError: If there are fewer than n levels.
        """
        n_levels = len(self.t)
        if n_levels < n:
            raise ObserverError(f"the model has {n_levels} noise levels, but {n} are needed: omit -o timesteps")
        index = (2 * np.arange(n) + 1) * n_levels // (2 * n)
        return NoiseLevels(self.t[index], self.alpha[index], self.sigma[index], self.timesteps[index])

    def indices_in(self, interval: str) -> tuple[int, int]:
        """Return the index of the first level in an interval, and the index after that of the last one.

        Args:
            interval: The interval in the form of `normalized_interval`. It contains the levels with A <= t < B, so
                adjacent intervals do not overlap. An interval that ends at 1 also contains t = 1.

        Raises:
            ObserverError: If the interval contains no level.
        """
        low, high = map(float, interval.split(":"))
        first, end = map(int, np.searchsorted(self.t, [low, high if high < 1 else np.inf]))
        if first == end:
            raise ObserverError(
                f"the interval {interval} of the option levels contains none of the {len(self.t)} noise levels of the "
                f"model: choose a wider interval"
            )
        return first, end


def normalized_interval(text: str) -> str:
    """Return an interval of the noise schedule in its shortest form, such as 0.6:0.8 for 0.60:.8.

    Args:
        text: The interval A:B, as fractions of the schedule from 0 (no noise) to 1 (most noise).

    Raises:
        ObserverError: Unless 0 <= A < B <= 1.
    """
    with suppress(ValueError, AttributeError):
        low, high = (float(f"{float(end) + 0.0:.12g}") for end in text.split(":"))  # + 0.0 changes -0.0 to 0.0
        if 0 <= low < high <= 1:  # after rounding, so that the result is an interval as well
            return f"{low:.12g}:{high:.12g}"
    raise ObserverError(
        f"levels must be A:B with 0 <= A < B <= 1, such as 0.6:0.8, as fractions of the noise schedule from 0 (no noise) "
        f"to 1 (most noise), got {text!r}"
    )


@frozen(eq=False)
class Prediction:
    """What a network predicts. x, ε and x_t are tensors (N, …); α and σ are tensors that can be broadcast to this shape.

    Attributes:
        target: The value that a perfect network would predict: (x, ε, α, σ) -> (N, …).
        denoised: x̂ for the prediction of a network: (prediction, x_t, α, σ) -> (N, …).
        error_scale: The ratio of the absolute error of x̂ to that of the prediction: noise levels -> (T,) float64.
    """

    target: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    denoised: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    error_scale: Callable[[NoiseLevels], np.ndarray]


PREDICTIONS = {
    "epsilon": Prediction(
        lambda x, eps, a, s: eps,
        lambda prediction, noised, a, s: (noised - s * prediction) / a,
        lambda levels: levels.sigma / levels.alpha,
    ),
    "sample": Prediction(
        lambda x, eps, a, s: x,
        lambda prediction, noised, a, s: prediction,
        lambda levels: np.ones_like(levels.t),
    ),
    "v_prediction": Prediction(
        lambda x, eps, a, s: a * eps - s * x,
        lambda prediction, noised, a, s: a * noised - s * prediction,
        lambda levels: levels.sigma,
    ),
    "flow": Prediction(
        lambda x, eps, a, s: eps - x,
        lambda prediction, noised, a, s: noised - s * prediction,
        lambda levels: levels.sigma,
    ),
}


def diffusion_levels(settings: Mapping[str, Any]) -> NoiseLevels:
    """Compute the noise levels of a diffusion model, in float64, from the betas of its noise schedule.

    Args:
        settings: The content of scheduler_config.json. Any scheduler class with betas is accepted.

    Returns:
        The noise levels. A level without signal (α = 0, the last one of a rescaled schedule) is excluded, because
        the noised image then contains no information about the image.

    Raises:
        ObserverError: If the settings do not contain betas, or if diffusers does not accept their values.
    """
    from diffusers import DDPMScheduler

    used = (
        "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr",
    )  # fmt: skip
    n, name = settings.get("num_train_timesteps", 1000), str(settings.get("_class_name", ""))
    if not ("beta_schedule" in settings or settings.get("trained_betas")) or "FlowMatch" in name or "EDM" in name:
        raise ObserverError(
            f"the scheduler_config.json of the model (class {name or 'not given'}) does not contain betas: expected the "
            f"noise schedule of a diffusion model; download the file again, or use the observer family that fits the model"
        )
    if type(n) is not int or not 2 <= n <= MAX_LEVELS:
        raise ObserverError(
            f"the scheduler_config.json of the model has the num_train_timesteps {n!r:.80}: expected a whole number from 2 "
            f"to {MAX_LEVELS:,}; download the file again"
        )
    with explained_errors(
        "the scheduler_config.json of the model", "does not define a known noise schedule", ": download the file again"
    ):
        scheduler: Any = DDPMScheduler(**{name: settings[name] for name in used if name in settings})
    betas = scheduler.betas.double().numpy()
    if betas.ndim != 1 or not (np.isfinite(betas) & (betas >= 0) & (betas <= 1)).all() or betas[0] == 1:
        raise ObserverError(
            "the scheduler_config.json of the model defines betas that are not numbers from 0 to 1: download the file again"
        )
    alphas_cumprod = np.cumprod(1 - betas)  # in float16, σ would be off by 7 % at small t
    timesteps = np.flatnonzero(alphas_cumprod > 0).astype(np.float64)
    positive = alphas_cumprod[alphas_cumprod > 0]
    return NoiseLevels(timesteps / len(alphas_cumprod), np.sqrt(positive), np.sqrt(1 - positive), timesteps)


def flow_levels(n: int = 1000) -> NoiseLevels:
    """Return n noise levels s, the midpoints of n equal parts of 0..1, with the timesteps 1000 s."""
    s = (np.arange(n) + 0.5) / n
    return NoiseLevels(s, 1 - s, s, 1000 * s)


PREDICTION_TYPES = ("epsilon", "sample", "v_prediction")  # of diffusion models


def read_prediction(settings: Mapping[str, Any], chosen: str | None = None) -> Prediction:
    """Return what the network of a diffusion model predicts.

    Args:
        settings: The content of scheduler_config.json. If it does not state a prediction type, it is epsilon.
        chosen: The prediction type that replaces the one in the settings, or None.

    Raises:
        ObserverError: If the prediction type is unknown.
    """
    prediction_type = chosen or settings.get("prediction_type", "epsilon")
    if prediction_type not in PREDICTION_TYPES:
        raise ObserverError(
            f"the scheduler_config.json of the model has the prediction_type {prediction_type!r:.80}: expected "
            f"epsilon, sample or v_prediction; correct the file, or set -o prediction_type="
        )
    return PREDICTIONS[prediction_type]
