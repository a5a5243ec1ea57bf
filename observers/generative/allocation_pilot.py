"""Estimate which noise levels should get more draws, from a pilot run of the observer itself.

Notation: K choices and T evenly spread draws; δ is the lead of the best choice over a rival at one draw. A race
estimates the mean of δ over the noise levels. The estimate is most precise if each noise level gets draws in proportion
to the standard deviation of δ at this level (importance sampling; Neyman 1934 for strata). The variance of δ within a
bin of noise levels is estimated from pairs of draws that are neighbors in noise level, as Σ (δ_(i+1) − δ_(i))² / 2;
`racing.Racing` does the same. For each image and rival, the squared differences are divided by their mean, so all
images and rivals have the same weight.

Scores are corrected for the allocation, so the expected evidence is the same under any allocation. A pilot may
therefore use images that are evaluated later: the pilot makes the evaluation of these images cheaper but does not
improve the responses to them.
"""

from collections.abc import Iterable

import numpy as np
from attrs import define, field

from observers.generative.classifier import GenerativeClassifier
from observers.generative.draws import Allocation, neyman_allocation
from observers.generative.noise_levels import WHOLE_SCHEDULE
from observers.generative.racing import Groups, Positions, Race, RaceResult, Request
from observers.protocol import Observer, ObserverError, Trial

N_BINS = 10
MIN_DRAWS = 4 * N_BINS


@define(eq=False)
class _Pilot:
    """An exhaustive schedule that stores the scores (K, T) of every race."""

    draws: int
    scores: list[np.ndarray] = field(factory=list)

    def __call__(self, n_choices: int, positions: Positions, groups: Groups | None = None) -> Race:
        scores = yield Request(np.arange(n_choices), 0, self.draws)
        self.scores.append(scores)
        return RaceResult(scores.mean(axis=1), scores.size)

    def bounds(self, n_choices: int) -> tuple[int, int]:
        return n_choices * self.draws, n_choices * self.draws


def estimate_allocation(observer: Observer, trials: Iterable[Trial], n_draws: int = 64) -> tuple[Allocation, float]:
    """Estimate the allocation of draws to noise levels that makes an observer's decisions most precise.

    Args:
        observer: A generative classifier with noise levels, whose option `allocation` is not set.
        trials: The trials of the pilot.
        n_draws: Number of draws per choice in each trial, at least MIN_DRAWS.

    Returns:
        The allocation, and the fraction of the draws that suffices with it. According to the pilot, this fraction of
        the draws, spread according to the allocation, gives the same precision as all draws, evenly spread.

    Raises:
        ObserverError: If the observer does not use noise levels, uses only a part of them or already has an
            allocation, if there are too few draws or no trials, or if the scores never differ between choices.
    """
    objective = getattr(getattr(observer, "likelihood", None), "objective", None)
    if not isinstance(observer, GenerativeClassifier) or objective is None:
        raise ObserverError(
            f"{observer.name} does not use noise levels, so draws cannot be allocated to them: expected a "
            f"diffusion or flow-matching model"
        )
    if objective.allocation is not None:
        raise ObserverError(
            "an allocation is estimated from evenly spread draws, but this observer already has one: omit -o allocation"
        )
    if objective.levels != WHOLE_SCHEDULE:
        raise ObserverError(
            f"an allocation is estimated from all noise levels, but this observer uses only {objective.levels}: omit "
            f"-o levels here; a later run with -o levels can still use the allocation"
        )
    if n_draws < MIN_DRAWS:
        raise ObserverError(f"an allocation to {N_BINS} bins needs at least {MIN_DRAWS} draws, got {n_draws}")
    pilot = _Pilot(n_draws)
    for _ in observer.race(trials, pilot):
        pass
    if not pilot.scores:
        raise ObserverError("an allocation needs at least one trial, got none")
    sd = binned_standard_deviations(pilot.scores, observer.likelihood.scorer.positions(np.arange(n_draws)))
    allocation = neyman_allocation(sd)
    return allocation, float((sd**2 / allocation.density).mean() / (sd**2).mean())


def binned_standard_deviations(scores: Iterable[np.ndarray], positions: np.ndarray) -> np.ndarray:
    """Estimate the standard deviation of δ in each bin of noise levels.

    Args:
        scores: One array of scores (K, T) per trial. Rivals with infinite scores are ignored.
        positions: Positions of the draws along the noise levels, in 0..1, (T,).

    Returns:
        The standard deviation in each bin, (N_BINS,), in relative units.

    Raises:
        ObserverError: If the scores do not differ between choices in any trial.
    """
    order = np.argsort(positions, kind="stable")
    midpoints = (positions[order][1:] + positions[order][:-1]) / 2
    bins = np.minimum((midpoints * N_BINS).astype(int), N_BINS - 1)
    variances = []
    for trial_scores in scores:
        best = trial_scores.mean(axis=1).argmax()
        with np.errstate(invalid="ignore"):
            lead = (trial_scores[best] - np.delete(trial_scores, best, axis=0))[:, order]
            squares = np.square(np.diff(lead, axis=1)) / 2
            squares /= squares.mean(axis=1, keepdims=True)
        variances.append(squares[np.isfinite(squares).all(axis=1)])
    pooled = np.concatenate(variances)
    if not len(pooled):
        raise ObserverError(
            "no two choices differ in any trial of the pilot: use images that show the categories of the choices"
        )
    mean = pooled.mean(axis=0)
    n = np.bincount(bins, minlength=N_BINS)
    return np.sqrt(np.bincount(bins, mean, N_BINS) / np.maximum(n, 1))
