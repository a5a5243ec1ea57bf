"""Scores of denoisers: add noise to an encoded image, let a network predict it, and measure the error of the denoised image.

Notation: N rows; x, ε, x_t, α, σ and the predictions of networks are those of `observers.generative.noise_levels`. The
errors of all predictions are multiples of the error of x̂, and ε̂ − ε is −√SNR times the error of x̂, so one error and one
scale per noise level suffice. With the l2 loss the score of a row is −w(t)/q(t) · ‖x − x̂‖², where w is the weighting and q
is the density of the draws.

The option `levels` restricts the noise levels of draws to an interval of the schedule. The weights within the interval are
those of the whole schedule, and q is the density relative to evenly spread draws within the interval.
"""

from collections.abc import Callable

import numpy as np
import torch

from core.plugins import file_sha256, load
from observers.generative.draws import EVEN, draw_positions, read_allocation
from observers.generative.noise_levels import PREDICTION_TYPES, PREDICTIONS, NoiseLevels, Prediction
from observers.generative.options import Objective
from observers.generative.weighting import weights
from observers.loading.prediction_check import ALPHA, Fit, explained_fraction, regress
from observers.protocol import ObserverError, Restoration

MAX_NOISE = 2**30  # largest number of bytes of noise that are cached on the device

# Noised images (N, …) and timesteps (N,) -> the network's predictions (N, …).
Predictor = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def noise(seed: int, draw: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Return standard normal float32 noise for one draw. It is generated on the CPU, so it is the same for every device."""
    state = np.random.SeedSequence([seed, 2, draw]).generate_state(1, np.uint64)
    return torch.randn(shape, generator=torch.Generator().manual_seed(int(state[0]) & (2**63 - 1)))


class Denoising:
    """Scores and restores images with a denoiser. The noise of each draw is generated once and cached."""

    def __init__(
        self,
        levels: NoiseLevels,
        prediction: Prediction,
        objective: Objective,
        device: torch.device,
        clamp: bool = False,
        n_grid: int | None = None,
    ) -> None:
        """Prepare the scores of a denoiser.

        Args:
            levels: Noise levels of the model.
            prediction: What the network predicts.
            objective: Weighting, loss, allocation of draws and random seed.
            device: Device of the network.
            clamp: Whether to compute x̂ and clamp it to −1..1, the range of pixels, before it is compared
                with the image.
            n_grid: Number of noise levels if each is used once in n_grid draws; None if the positions of draws are
                those of `draws.kronecker_sequence`.

        Raises:
            ObserverError: If the weighting, the allocation or the interval of noise levels of the objective cannot be
                used.
        """
        self.levels, self.prediction, self.objective = levels, prediction, objective
        self.device, self.clamp = device, clamp
        self._image_error_scale = np.ones_like(levels.t) if clamp else prediction.error_scale(levels)
        allocation, digest = (EVEN, "") if objective.allocation is None else read_allocation(objective.allocation)
        self._allocation = allocation
        self._facts = {"allocation_sha256": digest} if digest else {}
        self._weights = weights(objective.weighting, levels.t, levels.snr)
        self._first, self._end = levels.indices_in(objective.levels)
        if not self._weights[self._first : self._end].any():
            raise ObserverError(
                f"the weighting {objective.weighting} is 0 at all noise levels in the interval {objective.levels} of the "
                f"option levels, so all choices would have the same evidence: choose another interval or weighting"
            )
        self._n_grid = None if n_grid is None else self._end - self._first
        ends = np.array([self._first, self._end]) / len(levels.t)
        self._share_before, self._share_until = allocation.share_below(ends)
        self._mean_density = (self._share_until - self._share_before) / (ends[1] - ends[0])
        self._noise: dict[int, torch.Tensor] = {}

    def provenance(self) -> dict[str, str]:
        """Return the sha256 digests of the files that the options name, as entries of the sidecar."""
        name = self.objective.weighting
        return self._facts | ({"weighting_sha256": digest} if ":" in name and (digest := _sha256_of(name)) else {})

    def positions(self, draws: np.ndarray) -> np.ndarray:
        """Return the positions of N draws along the noise levels in the interval, in 0..1, before the allocation."""
        return draw_positions(draws, self.objective.seed, self._n_grid)

    def levels_of(self, draws: np.ndarray) -> np.ndarray:
        """Return the indices of the noise levels of N draws."""
        share = self._share_before + (self._share_until - self._share_before) * self.positions(draws)
        level = (self._allocation.inverse_cdf(share) * len(self.levels.t)).astype(np.int64)
        return np.asarray(level.clip(self._first, self._end - 1))

    def loss_factors(self, level: np.ndarray) -> np.ndarray:
        """Return, for each of N noise levels, the factor by which the loss of a row at this level is multiplied.

        It is w/q for the l2 loss and w/(q SNR) for l1 and huber. For l2 and l1 it also converts the error of the
        network's prediction to the error of x̂ or ε̂.
        """
        density = self._allocation.density_at((level + 0.5) / len(self.levels.t)) / self._mean_density
        w = self._weights[level] / density
        if self.objective.loss == "l2":
            return np.asarray(w * self._image_error_scale[level] ** 2)
        w = w / self.levels.snr[level]
        return np.asarray(w * self._noise_error_scale(level)) if self.objective.loss == "l1" else w

    def _noise_error_scale(self, level: np.ndarray) -> np.ndarray:
        """Return, for each of N levels, the ratio of the absolute error of ε̂ to that of the network's prediction."""
        return np.asarray(self._image_error_scale[level] * np.sqrt(self.levels.snr[level]))

    def score(self, images: torch.Tensor, draws: np.ndarray, predict: Predictor) -> torch.Tensor:
        """Score N rows.

        Args:
            images: Encoded images, (N, …) float32.
            draws: Numbers of the draws, (N,).
            predict: The network. It takes x_t, (N, …) float32, and the timesteps, (N,) float32, and returns its
                predictions in any floating-point dtype.

        Returns:
            Scores, (N,) float32.
        """
        level = self.levels_of(draws)
        eps = self._noise_of(draws, tuple(images.shape[1:]))
        timesteps, a, s, factor, noise_scale = self._table(level, images.ndim)
        noised = a * images + s * eps
        prediction = predict(noised, timesteps).float()
        if self.clamp:
            difference = self.prediction.denoised(prediction, noised, a, s).clamp(-1, 1) - images
        else:
            difference = prediction - self.prediction.target(images, eps, a, s)
        error = difference.flatten(1)
        if self.objective.loss == "l2":
            loss = error.square().sum(1)
        elif self.objective.loss == "l1":
            loss = error.abs().sum(1)
        else:
            size = error.abs() * noise_scale[:, None]
            loss = torch.where(size < 1, 0.5 * size.square(), size - 0.5).sum(1)
        scores: torch.Tensor = -factor * loss
        return scores

    def measure_fit(self, images: torch.Tensor, draws: np.ndarray, predict: Predictor) -> Fit | None:
        """Measure how the network's predictions are composed of noise and image (see `loading.prediction_check`).

        The arguments are those of `score`. Returns None for a model without a prediction type, such as a flow.
        """
        if all(self.prediction is not PREDICTIONS[name] for name in PREDICTION_TYPES) or (self.levels.alpha == 1).all():
            return None
        eps, alpha = self._noise_of(draws, tuple(images.shape[1:])), self.levels.alpha
        middle, predictions = int(np.abs(alpha - ALPHA).argmin()), []
        for level in (len(alpha) - 1, middle):
            timesteps, a, s, _, _ = self._table(np.full(len(draws), level), images.ndim)
            predictions.append(predict(a * images + s * eps, timesteps).float())
        return Fit(explained_fraction(predictions[0], eps), *regress(predictions[1], eps, images))

    def restore(
        self, images: torch.Tensor, restoration: Restoration, predict: Predictor, predict_empty: Predictor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add noise to images at the level nearest to the strength, and denoise them in one or more steps.

        The steps use equally spaced noise levels from the first one down (trailing spacing; Lin et al. 2023, arXiv
        2305.08891). Each step continues with α' x̂ + σ' ε̂, where ε̂ = (x_t − α x̂) / σ. This is deterministic DDIM
        (Song et al. 2020, arXiv 2010.02502), and Euler's method along a straight flow.

        Args:
            images: Encoded images, (N, …) float32.
            restoration: Strength, steps, guidance scale and draw. All images get the noise of this draw.
            predict: The network under the prompts.
            predict_empty: The network under the empty prompt, for classifier-free guidance; None without guidance.

        Returns:
            The noised images x_t and the denoised images x̂, (N, …) each.
        """
        first = int(np.abs(self.levels.t - restoration.strength).argmin())
        fractions = 1 - np.arange(restoration.steps) / restoration.steps
        path = np.unique(np.rint(first * fractions).astype(int))[::-1]
        eps = self._noise_of(np.full(len(images), restoration.draw), tuple(images.shape[1:]))
        denoised, noised = images, None
        for level in path:
            timesteps, a, s, _, _ = self._table(np.full(len(images), level), images.ndim)
            x = a * denoised + s * eps
            noised = x if noised is None else noised
            prediction = predict(x, timesteps).float()
            if predict_empty is not None and restoration.guidance != 1:
                prediction = torch.lerp(predict_empty(x, timesteps).float(), prediction, restoration.guidance)
            denoised = self.prediction.denoised(prediction, x, a, s)
            if self.clamp:
                denoised = denoised.clamp(-1, 1)
            eps = (x - a * denoised) / s
        assert noised is not None
        return noised, denoised

    def _table(self, level: np.ndarray, ndim: int) -> tuple[torch.Tensor, ...]:
        """Return the quantities of N noise levels as tensors on the device.

        These are the timesteps (N,); α and σ, each of shape (N, 1, …) with `ndim` dimensions; the loss factors (N,);
        and the ratios (N,) of the absolute error of ε̂ to that of the network's prediction.
        """
        alpha, sigma = self.levels.alpha[level], self.levels.sigma[level]
        table = np.stack(
            [self.levels.timesteps[level], alpha, sigma, self.loss_factors(level), self._noise_error_scale(level)]
        )
        timesteps, a, s, factor, noise_scale = to_device(table.astype(np.float32), self.device)
        a, s = (v.reshape(-1, *[1] * (ndim - 1)) for v in (a, s))
        return timesteps, a, s, factor, noise_scale

    def _noise_of(self, draws: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
        for draw in {int(d) for d in draws} - self._noise.keys():
            self._noise[draw] = to_device(noise(self.objective.seed, draw, shape), self.device)
        out = torch.stack([self._noise[int(d)] for d in draws])
        while len(self._noise) * out[0].numel() * 4 > MAX_NOISE and len(self._noise) > 1:
            del self._noise[max(self._noise)]  # every race begins with the first draws, so these stay in the cache
        return out


def _sha256_of(reference: str) -> str | None:
    return file_sha256(load(reference))


def to_device(values: np.ndarray | torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy values to the device without waiting for the copy to finish."""
    tensor = values if isinstance(values, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(values))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
