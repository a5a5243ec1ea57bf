"""When a race eliminates a choice: the test after each round of draws, and its level.

Notation: M choices remain, of at most K; n draws so far, of at most T; δ is the lead of the leader over a rival at each
draw.

**The test.** t = mean(δ) / √(v (1/n − 1/T)). The term 1/T is a finite-population correction, since the race predicts the
decision that the same T draws would give. v is the variance of δ, estimated from pairs of draws that are neighbors in
noise level, Σ (δ_(i+1) − δ_(i))² / 2(n − 1) (von Neumann 1941; Wolter 1984 for systematic samples): the draws cover the
levels evenly, so a trend of δ along the levels does not add error to its mean. v has about 2(n − 1)/3 degrees of
freedom. v is shrunk towards the mean variance of the m other rivals, which counts as PRIOR_DF · m/(m + 2) degrees of
freedom (Smyth 2004), so that few draws suffice. With a single rival nothing is shrunk.

**Its level.** A race makes an error if it eliminates the choice that all T draws would prefer. A test at the same level
after each of 40 rounds would add up to several times this level. `level_of_rounds` therefore computes the level of each
round at which a race of two equal choices makes an error with probability `error_rate`, by integrating over the rounds
(Armitage, McPherson & Rowe 1969): the sum of δ is a random walk, and the walk that leaves the bounds at draw n ends on
the other side of 0 at draw T with a known probability. The error rate is highest for equal choices and decreases with
their difference. With K choices, each rival gets `error_rate` / (K − 1) (Bonferroni).

This module does not need torch.
"""

from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

PRIOR_DF = 8.0  # largest number of degrees of freedom of the prior on the variance
ROUND = 8  # each round increases the number of draws by the fraction 1 / ROUND
ANYTIME_N = 16  # number of draws at which the confidence sequence is tightest
_N_NODES = 32  # nodes of the Gauss-Legendre quadrature; 200 nodes change levels by less than 0.1 %
_TAIL = 8.0  # standard deviations beyond the bounds over which the quadrature integrates


def rounds_of(draws: int, min_draws: int) -> tuple[int, ...]:
    """Return the numbers of draws at the ends of all rounds, the last of which is `draws`."""
    ends = [min(min_draws, draws)]
    while ends[-1] < draws:
        ends.append(min(draws, ends[-1] + max(1, ends[-1] // ROUND)))
    return tuple(ends)


@lru_cache(maxsize=256)
def level_of_rounds(rounds: tuple[int, ...], error_rate: float) -> float:
    """Return the level of the test after each round, for which a race of two choices has the given error rate.

    Args:
        rounds: Numbers of draws at the ends of all rounds. No test follows the last round or a single draw.
        error_rate: Probability that a race between two equal choices eliminates the choice that all draws would prefer.

    Returns:
        The level, 0 to 0.5, rounded to three digits so that it is the same on every machine.
    """
    draws, tested = rounds[-1], [n for n in rounds[:-1] if n > 1]
    low, high = 1e-12, 0.5
    if _error_probability(tested, draws, high) <= error_rate:
        return high
    while high / low > 1.0005:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if _error_probability(tested, draws, middle) > error_rate else (middle, high)
    return float(f"{low:.3g}")


def _error_probability(tested: list[int], draws: int, level: float) -> float:
    """Return the probability that a race of two equal choices, tested at these numbers of draws, makes an error."""
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    critical, total, before = -float(ndtri(level)), 0.0, 0
    sums, mass = np.zeros(1), np.ones(1)  # sums of δ within the bounds, in standard deviations of δ, and their mass
    for n in tested:
        bound, sd = critical * np.sqrt(n * (1 - n / draws)), np.sqrt(n - before)
        beyond, within = bound + (nodes + 1) / 2 * _TAIL * sd, nodes * bound
        reversal = ndtr(-beyond / np.sqrt(draws - n))
        # The factor 2 is for the lower bound, since the walk is symmetric.
        total += 2 * float(_density(beyond, sums, mass, sd) @ (reversal * weights)) * _TAIL * float(sd) / 2
        sums, mass, before = within, _density(within, sums, mass, sd) * weights * bound, n
    return total


def _density(points: np.ndarray, sums: np.ndarray, mass: np.ndarray, sd: float) -> np.ndarray:
    """Return the density at some points after steps with the standard deviation `sd` from the sums with this mass."""
    kernel = np.exp(-np.square((points[:, None] - sums) / sd) / 2) / (sd * np.sqrt(2 * np.pi))
    return np.asarray(kernel @ mass)


def rivals_behind(lead: np.ndarray, is_leader: np.ndarray, draws: int, level: float, *, anytime: bool) -> np.ndarray:
    """Return a mask (M,) that is true for the remaining choices that must be eliminated.

    Args:
        lead: Lead of the leader over each remaining choice at each draw, (M, n), in the order of the draws' positions.
        is_leader: Mask (M,) that is true for the leader.
        draws: Largest number of draws per choice, T.
        level: Level of the test for each rival; with `anytime`, its error rate over all rounds.
        anytime: Whether the test is a confidence sequence (Robbins' normal mixture, asymptotic as in Waudby-Smith et al.
            2024, arXiv 2103.06476) instead of a t-test.
    """
    n = lead.shape[1]
    with np.errstate(invalid="ignore"):
        variance = np.square(np.diff(lead, axis=1)).sum(axis=1) / (2 * (n - 1))
        mean = lead.mean(axis=1)
    hopeless = np.isposinf(mean)
    known = np.isfinite(variance) & ~is_leader
    df = 2 * (n - 1) / 3
    # The weight of the prior increases with the number of other rivals; with a single rival nothing is shrunk.
    n_others = np.maximum(known.sum() - 1, 0)
    prior_df = PRIOR_DF * n_others / (n_others + 2)
    if n_others:
        others = (variance[known].sum() - np.where(known, variance, 0.0)) / n_others
        variance = (df * variance + prior_df * others) / (df + prior_df)
    if anytime:
        rho = (-2 * np.log(level) + np.log(-2 * np.log(level)) + 1) / (ANYTIME_N + 1)
        bound = np.sqrt(variance * (n * rho + 1) / (n * n * rho) * 2 * np.log(np.sqrt(n * rho + 1) / (2 * level) + 1))
        return np.asarray(hopeless | (known & (mean > bound)))
    se = np.sqrt(variance * (1 / n - 1 / draws))
    t = np.divide(mean, se, out=np.zeros(len(mean)), where=known & (se > 0))
    return np.asarray(hopeless | (stdtr(df + prior_df, -t) < level))
