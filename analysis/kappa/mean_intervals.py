"""The interval of a mean of kappas: the score intervals of the pairs, combined with the correlations of their kappas.

The kappas of several pairs of observers depend on the same images, so they are correlated. MOVER, the method of variance
estimates recovery (Zou & Donner 2008; Donner & Zou 2012), gives the interval of a sum Σ w_i k_i of estimates k_i
with the intervals [l_i, u_i] and the correlations r_ij. If all weights are positive, its ends are
    low  = Σ w_i k_i - √(Σ_ij w_i w_j r_ij (k_i - l_i)(k_j - l_j)),
    high = Σ w_i k_i + √(Σ_ij w_i w_j r_ij (u_i - k_i)(u_j - k_j)).
For a negative weight, as in a difference of two means, k_i - l_i and u_i - k_i are exchanged.

Notation: C conditions, I images of a condition, O observers, N pairs of them, G means. A kappa is that of one pair in one
condition, and a mean is taken over the conditions in which the kappa of a pair is defined, then over the pairs.
[l_i, u_i] are the score intervals (`analysis.kappa.intervals`). Conditions have different images, so r_ij is 0 for kappas
of different conditions. Within a condition, the delta method gives r_ij: with the influence z_i(m) of image m on k_i, the
derivative of k_i with respect to the weight of the image, r_ij = Σ_m z_i(m) z_j(m) for Σ_m z_i(m)² = 1. The sum over all
i and j is then the square of a sum over i, which is computed for each image without the N × N correlations.
If an observer is always right or always wrong in a condition, its kappa does not depend on the images, so r_ij is unknown;
it is set to 1, which gives the widest interval. If `rule` replaces an undefined kappa by 1, both ends of its interval are 1.

The interval is deterministic. `benchmarks/kappa_coverage.py` compares it with percentiles of the bootstrap.
"""

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from scipy.sparse import csr_matrix, diags

from analysis.kappa.consistency import Rule, kappa, pair_counts
from analysis.kappa.intervals import MIN_COUNT, score_interval

PAIRS_AT_ONCE = 2048
Arrays = Sequence[tuple[np.ndarray, np.ndarray]]
"""For each condition: 1.0 where an observer was correct, and 1.0 where it has a trial, both with shape (O, I)."""


@frozen(eq=False)
class PairIntervals:
    """The kappas of N pairs of observers in each of C conditions, and their score intervals.

    Attributes:
        arrays: The responses of the observers in every condition.
        first: Row of the first observer of each pair, with shape (N,).
        second: Row of the second observer of each pair, with shape (N,).
        counts: The 2 × 2 tables in the order of `pair_counts`, with shape (C, N, 4).
        kappas: The kappas, with shape (C, N); NaN where kappa is undefined.
        below: Distance from kappa to the lower end of its interval, with shape (C, N).
        above: Distance from kappa to the upper end of its interval, with shape (C, N).
    """

    arrays: Arrays
    first: np.ndarray
    second: np.ndarray
    counts: np.ndarray
    kappas: np.ndarray
    below: np.ndarray
    above: np.ndarray


@frozen(eq=False)
class MeanIntervals:
    """The 95 % intervals of G means or differences of means.

    Attributes:
        low: Lower ends, with shape (G,); NaN where the mean is undefined.
        high: Upper ends, with shape (G,).
        is_rare: Whether a pair of the mean has an observer with fewer than `MIN_COUNT` errors or correct responses in a
            condition, with shape (G,).
    """

    low: np.ndarray
    high: np.ndarray
    is_rare: np.ndarray

    def part(self, rows: slice) -> "MeanIntervals":
        """Return the intervals of some of the means."""
        return MeanIntervals(self.low[rows], self.high[rows], self.is_rare[rows])


def pair_intervals(arrays: Arrays, first: np.ndarray, second: np.ndarray, rule: Rule) -> PairIntervals:
    """Return the kappas and the score intervals of the pairs (`first`, `second`) of observers in every condition."""
    tables = [pair_counts(correct, answered)[first, second] for correct, answered in arrays]
    counts = np.array(tables, np.int64).reshape(len(arrays), len(first), 4)
    both, only_1, only_2, neither = np.moveaxis(counts, -1, 0)
    n = counts.sum(axis=-1)
    total = np.where(n > 0, n, np.nan)
    p1, p2 = (both + only_1) / total, (both + only_2) / total
    kappas = kappa((both + neither) / total, p1 * p2 + (1 - p1) * (1 - p2), rule)
    low, high = (ends.reshape(kappas.shape) for ends in score_interval(counts.reshape(-1, 4)))
    # Where only the rule defines kappa, both ends are at kappa itself.
    below, above = (
        np.where(np.isnan(ends), 0.0, distance) for ends, distance in ((low, kappas - low), (high, high - kappas))
    )
    return PairIntervals(arrays, first, second, counts, kappas, np.maximum(below, 0.0), np.maximum(above, 0.0))


def mean_weights(pairs: PairIntervals, groups: Sequence[np.ndarray]) -> csr_matrix:
    """Return the weight of every pair in the mean over each group of pairs, with shape (G, N).

    Each group has the positions of its pairs. Pairs whose kappa is undefined in all conditions are excluded.
    """
    is_defined = ~np.isnan(pairs.kappas).all(axis=0)
    columns = [group[is_defined[group]] for group in groups]
    sizes = np.array([len(group) for group in columns], int)
    rows = np.repeat(np.arange(len(groups)), sizes)
    values = np.repeat(1 / np.maximum(sizes, 1), sizes)
    return csr_matrix((values, (rows, np.concatenate([*columns, np.array([], int)]))), (len(groups), len(pairs.first)))


def mean_intervals(values: np.ndarray, pairs: PairIntervals, weights: csr_matrix) -> MeanIntervals:
    """Return the intervals of the means with the given values, with shape (G,), and weights of pairs, with shape (G, N)."""
    is_defined = ~np.isnan(pairs.kappas)
    n_conditions = is_defined.sum(axis=0)
    squares, is_rare = np.zeros((2, len(values))), np.zeros(len(values), bool)
    for c, (correct, answered) in enumerate(pairs.arrays):
        used = np.flatnonzero(is_defined[c])
        part = weights[:, used] @ diags(1.0 / n_conditions[used])
        positive, negative = part.maximum(0), part.minimum(0)
        below, above = diags(pairs.below[c, used]), diags(pairs.above[c, used])
        sides = (positive @ below + negative @ above, positive @ above + negative @ below)
        by_cell = _influences(pairs.counts[c, used])
        sums = np.zeros((2, len(values), correct.shape[1]))
        for start in range(0, len(used), PAIRS_AT_ONCE):
            rows = slice(start, start + PAIRS_AT_ONCE)
            i, j = pairs.first[used[rows]], pairs.second[used[rows]]
            cell = (3 - 2 * correct[i] - correct[j]).astype(np.intp)
            z = np.take_along_axis(by_cell[rows], cell, axis=1) * (answered[i] * answered[j])
            for total, side in zip(sums, sides, strict=True):
                total += side[:, rows] @ z
        is_unknown = (by_cell == 0).all(axis=1).astype(float)
        for total, square, side in zip(sums, squares, sides, strict=True):
            square += (np.sqrt((total**2).sum(axis=1)) + abs(side) @ is_unknown) ** 2
        is_rare |= np.asarray(abs(part) @ _has_rare_counts(pairs.counts[c, used])) > 0
    below_means, above_means = np.sqrt(squares)
    return MeanIntervals(values - below_means, values + above_means, is_rare & ~np.isnan(values))


def _influences(counts: np.ndarray) -> np.ndarray:
    """Return the influence on kappa of an image in each cell of the tables, with shape (N, 4).

    The sum of the squares over the images of a table is 1, or 0 if kappa does not depend on the images. If a, b, c and d are
    the cells of a table of proportions, kappa = 2 (ad - bc) / D, where D = p1 (1 - p2) + p2 (1 - p1).
    """
    p = counts / counts.sum(axis=1, keepdims=True)
    a, b, c, d = p.T
    p1, p2 = a + b, a + c
    scale = p1 * (1 - p2) + p2 * (1 - p1)
    scale = np.where(scale > 0, scale, np.inf)
    kappas = 2 * (a * d - b * c) / scale
    slope = 2 * np.array([d, -c, -b, a]) / scale
    slope -= (
        kappas / scale * ((1 - 2 * p2) * np.array([[1], [1], [0], [0]]) + (1 - 2 * p1) * np.array([[1], [0], [1], [0]]))
    )
    slope = slope.T - (p * slope.T).sum(axis=1, keepdims=True)
    norm = np.sqrt((counts * slope**2).sum(axis=1, keepdims=True))
    return np.asarray(np.divide(slope, norm, out=np.zeros_like(slope), where=norm > 1e-9))


def _has_rare_counts(counts: np.ndarray) -> np.ndarray:
    """Return 1.0 for the tables in which an observer has fewer than `MIN_COUNT` errors or correct responses, else 0.0."""
    n, n_1, n_2 = counts.sum(axis=1), counts[:, 0] + counts[:, 1], counts[:, 0] + counts[:, 2]
    fewest = np.minimum(np.minimum(n_1, n - n_1), np.minimum(n_2, n - n_2))
    return np.asarray(fewest < MIN_COUNT, float)


def rare_means_note(is_rare: np.ndarray, n: int) -> list[str]:
    """Return a note about intervals of means that depend on few errors or correct responses; the list may be empty.

    `is_rare` has one value per interval of the table, and n is the number of these intervals that are defined.
    """
    n_rare = int(np.sum(is_rare))
    if not n_rare:
        return []
    return [
        f"{n_rare} of {n} intervals of mean kappas are approximate, because the means include observers with fewer than "
        f"{MIN_COUNT} errors or fewer than {MIN_COUNT} correct responses in a condition: in simulations, such intervals "
        "contained the true mean in 85 to 100 % of the cases"
    ]
