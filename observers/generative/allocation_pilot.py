"""Which noise levels deserve how many draws: an allocation estimated from a pilot of the observer itself.

K choices, T draws spread evenly. What a race needs to know is the mean over the levels of δ, how far the best choice is
ahead of a rival. It is known soonest when the share of draws that a level gets is in proportion to the standard deviation
of δ there (importance sampling; Neyman 1934 for strata). The variance within a bin of levels is that of neighbors in their
order, Σ (δ_(i+1) − δ_(i))² / 2, as in `racing.Racing`; every image and rival counts alike, however large its differences.
Scores are corrected for the shares, so that any allocation gives evidence of the same expectation; a pilot on images that
are reported later makes no answer better than it would be, only cheaper.
"""

from collections.abc import Iterable

import numpy as np
from attrs import define, field

from observers.generative.classifier import GenerativeClassifier
from observers.generative.draws import Allocation, allocation
from observers.generative.racing import Place, Race, RaceResult, Request
from observers.protocol import Observer, ObserverError, Trial

N_BINS = 10
MIN_DRAWS = 4 * N_BINS


@define(eq=False)
class _Pilot:
    """An exhaustive schedule that keeps the scores of every race: (K, T) each."""

    draws: int
    scores: list[np.ndarray] = field(factory=list)

    def __call__(self, n_choices: int, place: Place) -> Race:
        scores = yield Request(np.arange(n_choices), 0, self.draws)
        self.scores.append(scores)
        return RaceResult(scores.mean(axis=1), scores.size)

    def bounds(self, n_choices: int) -> tuple[int, int]:
        return n_choices * self.draws, n_choices * self.draws


def estimate_allocation(observer: Observer, trials: Iterable[Trial], n_draws: int = 64) -> tuple[Allocation, float]:
    """From `n_draws` draws of every choice of every trial. Raises ObserverError.

    With it, which share of the draws would give the precision that all of them have when spread evenly, by the pilot.
    """
    objective = getattr(getattr(observer, "likelihood", None), "objective", None)
    if not isinstance(observer, GenerativeClassifier) or objective is None:
        raise ObserverError(f"{observer.name} has no noise levels to allocate draws to: expected a denoiser")
    if objective.allocation is not None:
        raise ObserverError("an allocation is estimated from draws that are spread evenly: leave out -o allocation")
    if n_draws < MIN_DRAWS:
        raise ObserverError(f"an allocation to {N_BINS} bins takes {MIN_DRAWS} draws at least, got {n_draws}")
    pilot = _Pilot(n_draws)
    for _ in observer.race(trials, pilot):
        pass
    if not pilot.scores:
        raise ObserverError("an allocation needs one trial at least, got none")
    spread = spreads(pilot.scores, observer.likelihood.place(np.arange(n_draws)))
    found = allocation(spread)
    return found, float((spread**2 / found.density).mean() / (spread**2).mean())


def spreads(scores: Iterable[np.ndarray], places: np.ndarray) -> np.ndarray:
    """(K, T) scores a trial, (T,) places in 0..1 of the draws -> (N_BINS,) standard deviations of δ, without a unit."""
    order = np.argsort(places, kind="stable")
    between = (places[order][1:] + places[order][:-1]) / 2
    bins = np.minimum((between * N_BINS).astype(int), N_BINS - 1)
    variances = []
    for one in scores:
        best = one.mean(axis=1).argmax()
        with np.errstate(invalid="ignore"):
            ahead = (one[best] - np.delete(one, best, axis=0))[:, order]
            squares = np.square(np.diff(ahead, axis=1)) / 2
            squares /= squares.mean(axis=1, keepdims=True)
        variances.append(squares[np.isfinite(squares).all(axis=1)])
    pooled = np.concatenate(variances)
    if not len(pooled):
        raise ObserverError("no two choices differ in any trial of the pilot: show images that the choices are about")
    mean = pooled.mean(axis=0)
    n = np.bincount(bins, minlength=N_BINS)
    return np.sqrt(np.bincount(bins, mean, N_BINS) / np.maximum(n, 1))
