"""Noise an encoded image, let a network undo it, and measure how far off it is: the likelihood of every denoiser.

T noise levels, N rows. x_t = α x + σ ε. A network predicts the noise ε, the image x, the velocity v = α ε − σ x, or along a
straight flow (α = 1 − s, σ = s) the velocity u = ε − x. Their errors are one another's multiples: x̂ − x is −σ/α, 1, −σ and
−s times the error of ε̂, x̂, v̂ and û, and ε̂ − ε is the error of x̂ times −√SNR. So there is one error and one scale a level.
The score of a row is −w(t)/q(t) · ‖x − x̂‖² for the loss l2; w is the weighting and q the density of the draws.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from attrs import frozen

from observers.generative.draws import EVEN, positions, read_allocation
from observers.generative.options import Objective
from observers.generative.weighting import weights
from observers.protocol import ObserverError, Restoration
from stimuli.names import file_sha256, load

Form = Literal["epsilon", "sample", "v_prediction", "flow"]
MAX_NOISE = 2**30  # bytes of noise kept on the device
MAX_LEVELS = 100_000

# Noised images (N, …) and their times (N,) -> what the network gives (N, …).
Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@frozen(eq=False)
class NoiseLevels:
    """Noise levels in ascending order: (T,) float64 each."""

    t: np.ndarray  # 0..1
    alpha: np.ndarray
    sigma: np.ndarray
    steps: np.ndarray  # what the network takes as its time

    @property
    def snr(self) -> np.ndarray:
        return np.asarray((self.alpha / self.sigma) ** 2)

    def to_x(self, form: Form) -> np.ndarray:
        """How far x̂ is off where the prediction is off by 1."""
        scales = {"epsilon": self.sigma / self.alpha, "sample": np.ones_like(self.t)}
        return np.asarray(scales.get(form, self.sigma))


def diffusion_levels(settings: Mapping[str, Any]) -> NoiseLevels:
    """Levels of a scheduler_config.json with betas, whichever scheduler it names, in float64. Raises ObserverError.

    Levels without any signal (α = 0, the last of a rescaled schedule) are left out: nothing can be read off them.
    """
    from diffusers import DDPMScheduler

    known = (
        "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr",
    )  # fmt: skip
    n, name = settings.get("num_train_timesteps", 1000), str(settings.get("_class_name", ""))
    if not ("beta_schedule" in settings or settings.get("trained_betas")) or "FlowMatch" in name or "EDM" in name:
        raise ObserverError(
            f"its scheduler_config.json, of {name or 'no class'}, has no betas: expected the schedule of a diffusion model; "
            f"get the file anew, or take the family that fits the model"
        )
    try:
        if not 2 <= n <= MAX_LEVELS:
            raise ValueError(f"num_train_timesteps is {n}")
        made: Any = DDPMScheduler(**{name: settings[name] for name in known if name in settings})
    except (TypeError, ValueError, RuntimeError) as error:
        raise ObserverError(f"its scheduler_config.json has no noise levels that are known ({error})") from None
    cumulated = np.cumprod(1 - made.betas.double().numpy())  # in float16 σ would be off by 7 % at small t
    steps = np.flatnonzero(cumulated > 0).astype(np.float64)
    kept = cumulated[cumulated > 0]
    return NoiseLevels(steps / len(cumulated), np.sqrt(kept), np.sqrt(1 - kept), steps)


def flow_levels(n: int = 1000) -> NoiseLevels:
    """n levels s at the middles of n equal parts of 0..1, which the network takes as 1000 s."""
    s = (np.arange(n) + 0.5) / n
    return NoiseLevels(s, 1 - s, s, 1000 * s)


def form_of(settings: Mapping[str, Any]) -> Form:
    """What the network predicts, by its scheduler_config.json. Raises ObserverError."""
    said = settings.get("prediction_type", "epsilon")
    if said not in ("epsilon", "sample", "v_prediction"):
        raise ObserverError(
            f"its scheduler_config.json has the prediction_type {said!r}: expected epsilon, sample or v_prediction"
        )
    return said  # type: ignore[no-any-return]


def noise(seed: int, draw: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Standard normal float32 noise of one draw, the same on every device."""
    words = np.random.SeedSequence([seed, 2, draw]).generate_state(1, np.uint64)
    return torch.randn(shape, generator=torch.Generator().manual_seed(int(words[0]) & (2**63 - 1)))


class Denoising:
    """Scores of a denoiser. What follows from draws alone is computed once: noise, levels, factors."""

    def __init__(
        self, levels: NoiseLevels, form: Form, objective: Objective, device: torch.device, clamp: bool = False
    ) -> None:
        """With `clamp`, x̂ is formed and clamped to −1..1, as pixels are, before it is compared."""
        self.levels, self.form, self.objective, self.device, self.clamp = levels, form, objective, device, clamp
        self._to_x = np.ones_like(levels.t) if clamp else levels.to_x(form)
        share, digest = (EVEN, "") if objective.allocation is None else read_allocation(objective.allocation)
        self._share = share
        self._facts = {"allocation_sha256": digest} if digest else {}
        self._weights = weights(objective.weighting, levels.t, levels.snr)
        self._noise: dict[int, torch.Tensor] = {}

    def facts(self) -> dict[str, str]:
        """For the log's sidecar: what its options name but do not hold."""
        name = self.objective.weighting
        return self._facts | ({"weighting_sha256": digest} if ":" in name and (digest := _sha256_of(name)) else {})

    def level(self, draws: np.ndarray) -> np.ndarray:
        """(N,) draws -> (N,) numbers of levels, from 0."""
        u = self._share.place(positions(draws, self.objective.seed))
        return np.asarray((u * len(self.levels.t)).astype(np.int64))

    def factor(self, at: np.ndarray) -> np.ndarray:
        """(N,) levels -> (N,) float64: what the loss of a prediction there is multiplied by, w/q and its form's scale."""
        w = self._weights[at] / self._share.at((at + 0.5) / len(self.levels.t))
        if self.objective.loss == "l2":
            return np.asarray(w * self._to_x[at] ** 2)
        w = w / self.levels.snr[at]
        return np.asarray(w * self._to_noise(at)) if self.objective.loss == "l1" else w

    def _to_noise(self, at: np.ndarray) -> np.ndarray:
        """How far ε̂ is off where the prediction is off by 1."""
        return np.asarray(self._to_x[at] * np.sqrt(self.levels.snr[at]))

    def score(
        self,
        images: torch.Tensor,
        draws: np.ndarray,
        predict: Predict,
    ) -> torch.Tensor:
        """(N, …) float32 images, (N,) draws -> (N,) float32 scores.

        `predict` takes x_t, (N, …) float32, and the (N,) float32 times, and gives the prediction in any float dtype.
        """
        at = self.level(draws)
        eps = self._noise_of(draws, tuple(images.shape[1:]))
        steps, a, s, factor, to_noise = self._table(at, images.ndim)
        noised = a * images + s * eps
        found = predict(noised, steps).float()
        if self.clamp:
            off = self._denoised(found, noised, a, s).clamp(-1, 1) - images
        else:
            off = found - self._target(images, eps, a, s)
        error = off.flatten(1)
        if self.objective.loss == "l2":
            loss = error.square().sum(1)
        elif self.objective.loss == "l1":
            loss = error.abs().sum(1)
        else:
            size = error.abs() * to_noise[:, None]
            loss = torch.where(size < 1, 0.5 * size.square(), size - 0.5).sum(1)
        scores: torch.Tensor = -factor * loss
        return scores

    def restored(
        self, images: torch.Tensor, how: Restoration, predict: Predict, without: Predict | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, …) images -> x_t and x̂, (N, …) each, from the noise level nearest the strength, with the noise of its draw.

        In several steps over levels evenly apart, from that one down (trailing, Lin et al. 2023, arXiv 2305.08891): what is
        next is α' x̂ + σ' ε̂ with ε̂ = (x_t − α x̂) / σ. That is DDIM without noise (Song et al. 2020, arXiv 2010.02502),
        and along a straight flow Euler's method. `without` is the network under the empty text, for guidance.
        """
        first = int(np.abs(self.levels.t - how.strength).argmin())
        path = np.unique(np.rint(first * (1 - np.arange(how.steps) / how.steps)).astype(int))[::-1]
        eps = self._noise_of(np.full(len(images), how.draw), tuple(images.shape[1:]))
        found, begun = images, None
        for at in path:
            steps, a, s, _, _ = self._table(np.full(len(images), at), images.ndim)
            x = a * found + s * eps
            begun = x if begun is None else begun
            predicted = predict(x, steps).float()
            if without is not None and how.guidance != 1:
                predicted = torch.lerp(without(x, steps).float(), predicted, how.guidance)
            found = self._denoised(predicted, x, a, s)
            if self.clamp:
                found = found.clamp(-1, 1)
            eps = (x - a * found) / s
        assert begun is not None
        return begun, found

    def _table(self, at: np.ndarray, ndim: int) -> tuple[torch.Tensor, ...]:
        """(N,) levels -> on the device times (N,), α and σ (N, 1, …) of `ndim` dimensions, factors and scales (N,)."""
        alpha, sigma = self.levels.alpha[at], self.levels.sigma[at]
        table = np.stack([self.levels.steps[at], alpha, sigma, self.factor(at), self._to_noise(at)])
        steps, a, s, factor, to_noise = on_device(table.astype(np.float32), self.device)
        a, s = (v.reshape(-1, *[1] * (ndim - 1)) for v in (a, s))
        return steps, a, s, factor, to_noise

    def _target(self, x: torch.Tensor, eps: torch.Tensor, a: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        if self.form == "epsilon":
            return eps
        if self.form == "sample":
            return x
        return a * eps - s * x if self.form == "v_prediction" else eps - x

    def _denoised(self, found: torch.Tensor, noised: torch.Tensor, a: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        """x̂ by the prediction."""
        if self.form == "epsilon":
            return torch.div(noised - s * found, a)
        if self.form == "sample":
            return found
        return torch.sub(a * noised if self.form == "v_prediction" else noised, s * found)

    def _noise_of(self, draws: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
        for draw in {int(d) for d in draws} - self._noise.keys():
            self._noise[draw] = on_device(noise(self.objective.seed, draw, shape), self.device)
        out = torch.stack([self._noise[int(d)] for d in draws])
        while len(self._noise) * out[0].numel() * 4 > MAX_NOISE and len(self._noise) > 1:
            del self._noise[max(self._noise)]  # every race begins with the first ones
        return out


def _sha256_of(reference: str) -> str | None:
    return file_sha256(load(reference))


def on_device(values: np.ndarray | torch.Tensor, device: torch.device) -> torch.Tensor:
    """A copy on the device, without waiting for it."""
    tensor = values if isinstance(values, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(values))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
