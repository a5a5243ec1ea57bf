"""The exact distribution of kappa of two independent observers, given how often each of them was correct.

Notation: C conditions, P pairs of observers. In a condition, both observers responded to n images; the first was correct on
k1 of them, the second on k2, and both on a. If the two are correct independently of each other, and every order of the
images is equally likely, a has a hypergeometric distribution for given k1 and k2 (the null distribution of Fisher's exact
test). Given k1 and k2, kappa is a linear function of a:
    kappa = w (a - k1 k2 / n)    with    w = 2 / (n (1 - c_exp)),
so its mean under the null hypothesis is 0, and in a single condition the test of kappa is Fisher's exact test.

Several conditions: the statistic is the mean of kappa over conditions, and a is independent between conditions, so the null
distribution is the convolution of C hypergeometric distributions, as in exact tests of several 2 × 2 tables (Mehta, Patel &
Gray 1985). The weights w differ between conditions. They are rounded to multiples of a common unit, so that the possible
values of the statistic lie on a grid. The unit is 1/UNITS of the smallest weight if the grid then has at most MAX_GRID
points. The observed value is computed with the same rounded weights, so the test stays exact; rounding only changes by a few
percent how much each condition counts.
The convolution uses the fast Fourier transform, whose rounding errors are below 1e-13. Tails that are smaller than
SMALLEST_TAIL are therefore set to SMALLEST_TAIL if there are several conditions.
"""

import numpy as np
from attrs import frozen
from scipy.special import gammaln

from analysis.measures.resampling import PERCENTILES

UNITS, MAX_GRID = 8, 2**16
SMALLEST_TAIL = 1e-12
MAX_VALUES = 2**22  # largest number of values of the distributions in memory at once


@frozen(eq=False)
class KappaNull:
    """The null distribution of the mean kappa of P pairs, and the observed value's place in it.

    Attributes:
        below: Probability of the observed value or a smaller one, with shape (P,).
        above: Probability of the observed value or a larger one, with shape (P,).
        at: Probability of the observed value, with shape (P,).
        low: The 2.5 % percentile of kappa, with shape (P,).
        high: The 97.5 % percentile of kappa, with shape (P,).
        smallest_p: The smallest two-sided p value that any number of common correct responses gives, with shape (P,).
    """

    below: np.ndarray
    above: np.ndarray
    at: np.ndarray
    low: np.ndarray
    high: np.ndarray
    smallest_p: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """Two-sided p values: twice the smaller tail, including the observed value, and at most 1."""
        return np.asarray(np.minimum(1.0, 2 * np.minimum(self.below, self.above)))

    @property
    def mid_p(self) -> np.ndarray:
        """Two-sided mid-p values, in which the observed value counts half (Lancaster 1961); they are nearly uniform."""
        return np.asarray(np.minimum(1.0, 2 * np.minimum(self.below, self.above) - self.at))


def kappa_null(n: np.ndarray, k1: np.ndarray, k2: np.ndarray, both: np.ndarray) -> KappaNull:
    """Return the null distribution of the mean kappa of every pair.

    Args:
        n: Number of images that both observers responded to, with shape (C, P).
        k1: Number of them on which the first observer was correct, with shape (C, P).
        k2: Number of them on which the second observer was correct, with shape (C, P).
        both: Number of them on which both were correct, with shape (C, P).

    Returns:
        The distribution. Conditions in which kappa is undefined are excluded; all values are NaN for a pair without any
        other condition.
    """
    n, k1, k2, both = (np.rint(counts).astype(np.int64) for counts in (n, k1, k2, both))
    weight = _weights(n, k1, k2)
    is_defined = weight > 0
    lowest, highest = np.maximum(0, k1 + k2 - n), np.minimum(k1, k2)
    width = np.where(is_defined, highest - lowest, 0)
    parts = [np.empty((6, 0))]
    step = _grid_steps(weight, width)
    size = int((step * width).sum(axis=0).max(initial=0)) + 1
    n_grid = size if len(n) == 1 else 2 ** int(np.ceil(np.log2(size)))
    n_at_once = max(1, MAX_VALUES // (n_grid * max(len(n), 1)))
    for start in range(0, n.shape[1], n_at_once):
        part = slice(start, start + n_at_once)
        counts = (n[:, part], k1[:, part], k2[:, part], lowest[:, part], width[:, part], step[:, part])
        values, ends = _distribution(*counts, n_grid)
        position = (step * np.where(is_defined, both - lowest, 0))[:, part].sum(axis=0)
        mean = (step * np.where(is_defined, k1 * k2 / np.maximum(n, 1) - lowest, 0.0))[:, part].sum(axis=0)
        # One step of the grid in units of the mean kappa over the defined conditions.
        unit = np.where(step > 0, weight, 0.0)[:, part].sum(axis=0) / np.maximum(step[:, part].sum(axis=0), 1)
        unit /= np.maximum(is_defined[:, part].sum(axis=0), 1)
        parts.append(_tails(values, ends, position, mean, unit, exact=len(n) == 1))
    tails = np.concatenate(parts, axis=1)
    tails[:, ~is_defined.any(axis=0)] = np.nan
    return KappaNull(*tails)


def _weights(n: np.ndarray, k1: np.ndarray, k2: np.ndarray) -> np.ndarray:
    """Return w = 2 / (n (1 - c_exp)) per condition and pair; 0 where kappa is undefined."""
    total = np.maximum(n, 1)
    wrong_by_chance = (k1 * (n - k2) + k2 * (n - k1)) / total  # n (1 - c_exp)
    return np.asarray(np.divide(2.0, wrong_by_chance, out=np.zeros(n.shape), where=wrong_by_chance > 0))


def _grid_steps(weight: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Return the weights of the conditions as whole numbers of grid steps, with shape (C, P); 0 where kappa is undefined."""
    matters = (weight > 0) & (width > 0)
    n_mattering = matters.sum(axis=0)
    smallest = np.where(matters, weight, np.inf).min(axis=0, initial=np.inf)
    relative = np.where(matters, weight, 0.0) / np.where(np.isfinite(smallest), smallest, 1.0)
    # A single condition needs no rounding. The grid of several conditions must not be too long.
    units = np.minimum(UNITS, MAX_GRID / np.maximum((relative * width).sum(axis=0), 1.0))
    units = np.where(n_mattering == 1, 1.0, units)
    return np.where(matters, np.maximum(1, np.rint(relative * units)), 0).astype(np.int64)


def _distribution(
    n: np.ndarray, k1: np.ndarray, k2: np.ndarray, lowest: np.ndarray, width: np.ndarray, step: np.ndarray, n_grid: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the null probabilities on the grid, with shape (P, n_grid), and those of the two extreme values, (P, 2)."""
    sizes = (width + 1).ravel()
    table = np.repeat(np.arange(len(sizes)), sizes)
    offset = np.arange(len(table)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    counts = (values.ravel()[table] for values in (n, k1, k2))
    log_p = _log_hypergeometric(lowest.ravel()[table] + offset, *counts)
    # A condition in which a cannot vary has one value, with the probability 1.
    log_p = np.where(sizes[table] == 1, 0.0, log_p)
    n_conditions, n_pairs = n.shape
    condition, pair = np.divmod(table, n_pairs)
    grid = np.zeros((n_pairs, n_conditions, n_grid))
    grid[pair, condition, step.ravel()[table] * offset] = np.exp(log_p)
    first = np.cumsum(sizes) - sizes
    ends = np.array([log_p[first], log_p[first + sizes - 1]]).reshape(2, n_conditions, n_pairs).sum(axis=1)
    if n_conditions == 1:
        return grid[:, 0], np.exp(ends).T
    transformed = np.fft.rfft(grid, axis=-1).prod(axis=1)
    return np.maximum(np.fft.irfft(transformed, n_grid, axis=-1), 0.0), np.exp(ends).T


def _log_hypergeometric(a: np.ndarray, n: np.ndarray, k1: np.ndarray, k2: np.ndarray) -> np.ndarray:
    """Return the logarithm of the probability of a common successes in k2 of n draws, of which k1 are successes."""
    return np.asarray(_log_binomial(k1, a) + _log_binomial(n - k1, k2 - a) - _log_binomial(n, k2))


def _log_binomial(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def _tails(
    values: np.ndarray, ends: np.ndarray, position: np.ndarray, mean: np.ndarray, unit: np.ndarray, *, exact: bool
) -> np.ndarray:
    """Return the attributes of a `KappaNull`, with shape (6, P), from the probabilities on the grid."""
    rows = np.arange(len(values))
    cumulative = np.cumsum(values, axis=1)
    below = cumulative[rows, position]
    # The sum from the other end keeps the relative accuracy of a small upper tail.
    above = np.cumsum(values[:, ::-1], axis=1)[rows, values.shape[1] - 1 - position]
    at = values[rows, position]
    if not exact:
        below, above = np.maximum(below, SMALLEST_TAIL), np.maximum(above, SMALLEST_TAIL)
    quantiles = [(cumulative < q / 100 * cumulative[:, -1:]).sum(axis=1) for q in PERCENTILES]
    low, high = ((quantile - mean) * unit for quantile in quantiles)
    smallest_p = np.minimum(1.0, 2 * np.maximum(ends.min(axis=1), 0.0 if exact else SMALLEST_TAIL))
    return np.array([np.minimum(below, 1.0), np.minimum(above, 1.0), at, low, high, smallest_p])
