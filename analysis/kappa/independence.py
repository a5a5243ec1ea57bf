"""The independence test: whether the kappa of two observers differs from that of two independent observers.

The statistic of a dataset is kappa per condition, averaged over the conditions of the benchmark. Under the null hypothesis,
the two observers are correct independently of each other. The p value is two-sided: twice the smaller tail, in which the
observed value is included, and at most 1. If kappa is undefined in all conditions, p is NaN.

- The exact test (default) compares kappa with its distribution for the given numbers of correct responses of both observers
  (`analysis.kappa.exact_null`). With one condition, it is Fisher's exact test. It does not need random draws, and its
  p values can be small enough for a correction over hundreds of pairs.
- With `n_draws`, the test is adapted from Klein et al. (2025), arXiv 2507.06645. The probabilities of a correct response are
  not known but drawn, p_i ~ Beta(k_i, n - k_i), where observer i was correct on k_i of n images. Every draw simulates the
  four joint outcomes of each condition, computes kappa, and averages it over conditions. An observer that is always right
  (or always wrong) in the data is always right (or always wrong) in every draw, too. The observed value counts as one of
  R + 1 values, so p is at least 2 / (R + 1).
  Adapted: Klein et al. count the draws in which |kappa| is larger than in the data. In 513 tests of recorded observers, the
  difference between the two p values had a standard deviation of .009, and 7 decisions at the 5 % level differed.
- `p_holm` is the p value with the correction of Holm (1979) over the pairs of one dataset.
- `smallest_p` is the smallest p value that the test allows for this pair: for the exact test that of the least likely number
  of common correct responses, otherwise 2 / (R + 1).
- Unbiased kappa is n kappa / (n - 1 + kappa); the correction is needed because kappa from n images is biased towards 0.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import (
    ConditionData,
    align_observers,
    excluded_datasets_note,
    group_by_dataset,
    people_first,
    split_by_condition,
)
from analysis.kappa.consistency import kappa, pairwise_agreement
from analysis.kappa.exact_null import kappa_null
from analysis.kappa.holm import holm_correction, too_few_draws_note
from analysis.measures.resampling import nan_mean, p_value, percentiles

COLUMNS = (
    "dataset", "observer_1", "observer_2", "n_conditions", "n", "kappa", "unbiased", "null_low", "null_high", "p", "p_holm",
    "smallest_p",
)  # fmt: skip


def unbiased_kappa(kappas: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return n kappa / (n - 1 + kappa), elementwise; NaN where kappa or n is NaN."""
    denominator = np.asarray(n - 1 + kappas, float)
    return np.asarray(
        np.divide(n * kappas, denominator, out=np.full(denominator.shape, np.nan), where=denominator > 1e-12)
    )


def independence_test(frame: pd.DataFrame, *, n_draws: int | None = None, seed: int = 0) -> pd.DataFrame:
    """Test for every pair of observers whether kappa differs from that of two independent observers.

    Args:
        frame: Trials as returned by `read_trials`.
        n_draws: None for the exact test. A number is that of random draws from the null distribution, as in Klein et al.
            (2025).
        seed: Random seed of the draws.

    Returns:
        A table with one row per dataset and pair of observers, people first: `dataset`, `observer_1`, `observer_2`,
        `n_conditions`, `n`, `kappa`, `unbiased`, `null_low`, `null_high`, `p`, `p_holm` and `smallest_p`. `n` is the number
        of images that both responded to in the `n_conditions` conditions in which kappa is defined; `null_low` and
        `null_high` are the 2.5 and 97.5 % percentiles of kappa under the null hypothesis. `attrs["notes"]` lists the
        excluded datasets, and says if the draws are too few for the correction.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.

    Example:
        >>> table = independence_test(frame)
        >>> table[table["p_holm"] < 0.05]
    """
    frame = check_frame(frame)
    parts, notes = [], []
    for dataset, conditions in group_by_dataset(split_by_condition(frame)).items():
        names = people_first(conditions)
        pairs = list(combinations(range(len(names)), 2))
        if not pairs:
            continue
        i, j = np.array(pairs).T
        columns = _test_pairs(conditions, names, i, j, n_draws, seed)
        first, second = (np.array(names, object)[rows] for rows in (i, j))
        parts.append(pd.DataFrame({"dataset": dataset, "observer_1": first, "observer_2": second, **columns}))
        if n_draws is not None:
            notes += too_few_draws_note(dataset, int((~np.isnan(columns["p"])).sum()), n_draws)
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))
    reason = "no two observers responded to them in a condition of the benchmark"
    add_notes(table, [*excluded_datasets_note(frame, set(table["dataset"]), reason), *notes])
    return table


def _test_pairs(
    conditions: list[ConditionData], names: list[str], i: np.ndarray, j: np.ndarray, n_draws: int | None, seed: int
) -> dict[str, np.ndarray]:
    """Return the columns of the table for the pairs (i, j) of the observers of one dataset."""
    n, k1, k2, both, kappas = [], [], [], [], []
    for correct, answered in align_observers(conditions, names):
        n_images, expected, observed = (matrix[i, j] for matrix in pairwise_agreement(correct, answered))
        n_correct = correct @ answered.T
        n.append(n_images)
        k1.append(n_correct[i, j])
        k2.append(n_correct[j, i])
        both.append((correct @ correct.T)[i, j])
        kappas.append(kappa(observed, expected))
    values, counts = np.array(kappas), np.array(n)
    statistic = nan_mean(values, axis=0)
    if n_draws is None:
        null = kappa_null(counts, np.array(k1), np.array(k2), np.array(both))
        low, high, p, smallest_p = null.low, null.high, null.p, null.smallest_p
    else:
        simulated = _simulate_null(values, counts, np.array(k1), np.array(k2), n_draws, seed)
        low, high = percentiles(simulated)
        p = p_value(simulated, statistic)
        smallest_p = np.where(np.isnan(p), np.nan, 2 / (n_draws + 1))
    return {
        "n_conditions": (~np.isnan(values)).sum(axis=0), "n": np.where(np.isnan(values), 0, counts).sum(axis=0).astype(int),
        "kappa": statistic, "unbiased": nan_mean(unbiased_kappa(values, counts), axis=0), "null_low": low,
        "null_high": high, "p": p, "p_holm": holm_correction(p), "smallest_p": smallest_p,
    }  # fmt: skip


def _simulate_null(
    kappas: np.ndarray, n: np.ndarray, k1: np.ndarray, k2: np.ndarray, n_draws: int, seed: int
) -> np.ndarray:
    """Return simulated mean kappas of independent observers, with shape (pairs, R); the arguments have shape (C, pairs)."""
    rng, simulated = np.random.default_rng(seed), []
    for values, n_1, n_2, n_images in zip(kappas, k1, k2, n, strict=True):
        draws = _simulate_independent(n_1, n_2, n_images, n_draws, rng)
        simulated.append(np.where(np.isnan(values)[:, None], np.nan, draws))
    return nan_mean(np.array(simulated), axis=0)


def _simulate_independent(
    n_correct_1: np.ndarray, n_correct_2: np.ndarray, n: np.ndarray, n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the kappas of simulated pairs of independent observers, with shape (pairs, R).

    In the data, observer 1 of a pair was correct on `n_correct_1` of `n` images and observer 2 on `n_correct_2`. The
    result is NaN where n is 0.
    """
    shape = (len(n), n_draws)
    p = []
    for k in (n_correct_1, n_correct_2):
        is_mixed = ((k > 0) & (k < n))[:, None]  # neither always right nor always wrong
        a, b = (np.where(is_mixed, count[:, None], 1.0) for count in (k, n - k))
        share = np.divide(k, n, out=np.zeros(len(n)), where=n > 0)[:, None]
        p.append(np.where(is_mixed, rng.beta(a, b, shape), np.where(share > 0.5, 1.0, 0.0)))
    n_images = n.astype(int)[:, None]
    correct_1 = rng.binomial(n_images, p[0])
    both, only_2 = rng.binomial(correct_1, p[1]), rng.binomial(n_images - correct_1, p[1])
    only_1 = correct_1 - both
    total = np.where(n > 0, n, np.nan)[:, None]
    p1, p2 = (both + only_1) / total, (both + only_2) / total
    return kappa((total - only_1 - only_2) / total, p1 * p2 + (1 - p1) * (1 - p2))
