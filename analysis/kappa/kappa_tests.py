"""Tests of kappa: whether it differs from chance, and whether two observers differ in their kappa with people.

The tests are adapted from Klein et al. (2025), arXiv 2507.06645. Notation: I images of a condition that counts in the
benchmark, R draws.
The statistic of a dataset is kappa per condition, averaged over conditions (and people). p values are two-sided and come
from R simulated values of the statistic.

- Independence test: the null hypothesis is that two observers are correct independently of each other, with
  probabilities p_i ~ Beta(k_i, n - k_i), where observer i was correct on k_i of n images. Every draw simulates the four
  joint outcomes of each condition, computes kappa, and averages it over conditions. An observer that is always right
  (or always wrong) in the data is always right (or always wrong) in every draw, too. If kappa is undefined, p is NaN.
  Adapted: p is twice the smaller tail, with ties counted in both tails. Klein et al. count the draws in which |kappa| is
  larger than in the data. In 513 tests of recorded observers, the difference between the two p values had a standard
  deviation of .009, and 7 decisions at the 5 % level differed.
- Difference test: there is one test for every dataset, and one for the mean over datasets (`all`). Under the null
  hypothesis the responses of the two observers are exchangeable: every draw exchanges them on each image with
  probability ½, in the same way for all people. The interval of the difference is the paired bootstrap over images.
  Adapted: Klein et al. also resample the images in every draw.
- `p_holm` is the p value with the correction of Holm (1979) over the rows of one dataset.
- Unbiased kappa is n kappa / (n - 1 + kappa); the correction is needed because kappa from n images is biased towards 0.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from attrs import frozen
from statsmodels.stats.multitest import multipletests

from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import (
    ConditionData,
    bootstrap_weights,
    compare_with_people,
    excluded_datasets_note,
    group_by_dataset,
    split_by_condition,
    unit_weights,
)
from analysis.kappa.consistency import Rule, kappa, pairwise_agreement
from analysis.measures.resampling import N_RESAMPLES, nan_mean, p_value, percentiles
from analysis.measures.totals import ALL, distinct_from_total
from core.errors import UnknownName

INDEPENDENCE_COLUMNS = (
    "dataset", "observer_1", "observer_2", "n_conditions", "n", "kappa", "unbiased", "null_low", "null_high", "p", "p_holm",
)  # fmt: skip
DIFFERENCE_COLUMNS = (
    "dataset", "observer_1", "observer_2", "n_people", "n", "kappa_1", "kappa_2", "difference", "low", "high", "p", "p_holm",
)  # fmt: skip


def unbiased_kappa(kappas: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return n kappa / (n - 1 + kappa), elementwise; NaN where kappa or n is NaN."""
    denominator = np.asarray(n - 1 + kappas, float)
    return np.asarray(
        np.divide(n * kappas, denominator, out=np.full(denominator.shape, np.nan), where=denominator > 1e-12)
    )


def independence_test(frame: pd.DataFrame, *, n_draws: int = N_RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Test for every pair of observers whether kappa differs from that of two independent observers.

    The test is adapted from Klein et al. (2025); the docstring of the module describes the difference.

    Args:
        frame: Trials as returned by `read_trials`.
        n_draws: Number of simulated values of the statistic.
        seed: Random seed of the simulation.

    Returns:
        A table with `INDEPENDENCE_COLUMNS` and one row per dataset and pair of observers, people first. `n` is the number of
        images that both responded to in the `n_conditions` conditions in which kappa is defined; `null_low` and `null_high`
        are the 2.5 and 97.5 % percentiles of the simulated values. `attrs["notes"]` lists the excluded datasets.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.

    Example:
        >>> table = independence_test(frame, n_draws=10_000)
        >>> table[table["p_holm"] < 0.05]
    """
    frame = check_frame(frame)
    parts = []
    for dataset, conditions in group_by_dataset(split_by_condition(frame)).items():
        names = _people_first(conditions)
        pairs = list(combinations(range(len(names)), 2))
        if not pairs:
            continue
        i, j = np.array(pairs).T
        rng = np.random.default_rng(seed)
        values, simulated, n_images, unbiased = [], [], [], []
        for condition in conditions:
            correct, answered = _align(condition, names)
            n, expected, observed = (matrix[i, j] for matrix in pairwise_agreement(correct, answered))
            n_correct = correct @ answered.T
            value = kappa(observed, expected)
            values.append(value)
            n_images.append(np.where(np.isnan(value), 0, n))
            unbiased.append(unbiased_kappa(value, n))
            draws = _simulate_independent(n_correct[i, j], n_correct[j, i], n, n_draws, rng)
            simulated.append(np.where(np.isnan(value)[:, None], np.nan, draws))
        statistic, null = nan_mean(np.array(values), axis=0), nan_mean(np.array(simulated), axis=0)
        low, high = percentiles(null)
        p = p_value(null, statistic)
        parts.append(pd.DataFrame({
            "dataset": dataset, "observer_1": np.array(names, object)[i], "observer_2": np.array(names, object)[j],
            "n_conditions": (~np.isnan(values)).sum(axis=0), "n": np.sum(n_images, axis=0).astype(int),
            "kappa": statistic, "unbiased": nan_mean(np.array(unbiased), axis=0), "null_low": low, "null_high": high,
            "p": p, "p_holm": holm_correction(p),
        }))  # fmt: skip
    columns = list(INDEPENDENCE_COLUMNS)
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    reason = "no two observers responded to them in a condition of the benchmark"
    add_notes(table, excluded_datasets_note(frame, set(table["dataset"]), reason))
    return table


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


def difference_test(
    frame: pd.DataFrame, pairs: Sequence[tuple[str, str]] | None = None, *, rule: Rule = "undefined-is-nan",
    n_draws: int = N_RESAMPLES, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Test whether two observers differ in their kappa with people.

    The test is adapted from Klein et al. (2025); the docstring of the module describes the difference.

    Args:
        frame: Trials as returned by `read_trials`, of people and of the observers to compare.
        pairs: Names of the pairs of observers to compare (default: all pairs of observers that are not people).
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_draws: Number of permutations, and number of bootstrap resamples.
        seed: Random seed of the permutations and of the bootstrap.

    Returns:
        A table with `DIFFERENCE_COLUMNS` and one row per dataset and pair. If a pair has several datasets, there are
        also rows for the mean over datasets (`all`). Two observers are compared on the `n` images that both responded
        to. `difference` is `kappa_1 - kappa_2`, with its interval. `attrs["notes"]` lists the excluded datasets.

    Raises:
        UnknownName: If an observer of `pairs` is not in the logs.
        LogError: If an observer responded to an image of one condition twice in one session.

    Example:
        >>> difference_test(frame, [("resnet50", "clip")])
    """
    frame = check_frame(frame)
    known = set(frame.loc[frame["kind"] != "human", "observer"])
    for name in (name for pair in pairs or () for name in pair):
        if name not in known:
            raise UnknownName("non-human observer in these logs", name, known)
    rows = []
    by_pair: dict[tuple[str, str], list[_PairComparison]] = {}
    n_done = 0
    for dataset, of_dataset in group_by_dataset(split_by_condition(frame)).items():
        conditions = [condition for condition in of_dataset if condition.is_reference.any()]
        others = [name for name in _people_first(conditions) if name in known]
        comparisons = {
            (first, second): _compare_pair(conditions, first, second, rule, n_draws, seed, n_done)
            for first, second in (pairs if pairs is not None else combinations(others, 2))
            if first in others and second in others
        }
        rows += _table_rows(distinct_from_total(pd.Series([dataset]), "dataset").item(), comparisons)
        n_done += len(conditions)
        for pair, comparison in comparisons.items():
            by_pair.setdefault(pair, []).append(comparison)
    if any(len(comparisons) > 1 for comparisons in by_pair.values()):
        means = {pair: _average_over_datasets(comparisons) for pair, comparisons in by_pair.items()}
        rows += _table_rows(ALL, means)
    table = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
    reason = "they lack people, or two other observers, in the conditions of the benchmark"
    add_notes(table, excluded_datasets_note(frame, set(table["dataset"]), reason))
    return table


@frozen(eq=False)
class _PairComparison:
    """The kappas of two observers with people.

    Attributes:
        n_people: Number of people.
        n: Number of images that both observers responded to.
        kappas: Kappas of the data, with shape (2,).
        resampled: Kappas in the bootstrap resamples of the images, with shape (2, R).
        exchanged: Kappas after random exchanges of responses, with shape (2, R).
    """

    n_people: int
    n: int
    kappas: np.ndarray
    resampled: np.ndarray
    exchanged: np.ndarray


def _table_rows(dataset: str, comparisons: dict[tuple[str, str], _PairComparison]) -> list[tuple[object, ...]]:
    """Return the rows of the table of differences for one dataset."""
    rows, ps = [], []
    for pair, comparison in comparisons.items():
        difference = comparison.kappas[0] - comparison.kappas[1]
        low, high = percentiles((comparison.resampled[0] - comparison.resampled[1])[None])[:, 0]
        null = (comparison.exchanged[0] - comparison.exchanged[1])[None]
        ps.append(p_value(null, np.array([difference]))[0])
        rows.append(
            (dataset, *pair, comparison.n_people, comparison.n, *comparison.kappas, difference, low, high, ps[-1])
        )
    return [(*row, p) for row, p in zip(rows, holm_correction(np.array(ps, float)), strict=True)]


def _average_over_datasets(comparisons: list[_PairComparison]) -> _PairComparison:
    """Return the mean over datasets. People in different datasets are different people, so `n_people` is the sum."""
    arrays = [
        nan_mean(np.array([getattr(comparison, name) for comparison in comparisons]), axis=0)
        for name in ("kappas", "resampled", "exchanged")
    ]
    return _PairComparison(sum(c.n_people for c in comparisons), sum(c.n for c in comparisons), *arrays)


def _compare_pair(
    conditions: list[ConditionData], first: str, second: str, rule: Rule, n_draws: int, seed: int, first_index: int
) -> _PairComparison:
    """Compare two observers of one dataset with people, on the images that both responded to.

    `first_index` is the position of the first condition among the conditions of all datasets, which makes the draws of
    different datasets independent.
    """
    shared, null = [], []
    rng = np.random.default_rng([seed, first_index])
    for condition in conditions:
        if first not in condition.names or second not in condition.names:
            continue
        a, b = condition.names.index(first), condition.names.index(second)
        images = (condition.answered[a] * condition.answered[b]) > 0
        rows = [*np.flatnonzero(condition.is_reference), a, b]
        if images.any():
            shared.append(ConditionData(
                condition.dataset, condition.condition, tuple(condition.names[o] for o in rows),
                tuple(condition.kinds[o] for o in rows), condition.is_reference[rows],
                condition.correct[rows][:, images], condition.answered[rows][:, images],
            ))  # fmt: skip
    if not shared:
        return _PairComparison(0, 0, np.full(2, np.nan), *np.full((2, 2, n_draws), np.nan))
    people = list(dict.fromkeys(name for condition in shared for name in condition.names[:-2]))
    for condition in shared:
        exchange = rng.integers(2, size=(condition.correct.shape[1], n_draws)).astype(np.float32)
        null.append(_kappa_after_exchange(condition, people, exchange, rule))
    data = compare_with_people(shared, rule, unit_weights, first_index).with_people[2]
    resampled = compare_with_people(shared, rule, bootstrap_weights(n_draws, seed), first_index).with_people[2]
    exchanged = nan_mean(nan_mean(np.array(null), axis=0), axis=1)  # mean over conditions, then over people: (2, R)
    n = int(sum(condition.correct.shape[1] for condition in shared))
    return _PairComparison(len(people), n, data[:, 0], resampled, exchanged)


def _kappa_after_exchange(condition: ConditionData, people: list[str], exchange: np.ndarray, rule: Rule) -> np.ndarray:
    """Return the kappa of the last two observers of a condition with each person, with shape (2, P, R).

    The responses of these two observers are exchanged on the images where `exchange`, with shape (I, R), is 1.
    """
    correct, answered = condition.correct.astype(np.float32), condition.answered.astype(np.float32)
    kappas = np.full((2, len(people), exchange.shape[1]), np.nan)
    persons = np.arange(len(correct) - 2)
    columns = [people.index(condition.names[o]) for o in persons]
    for which, (own, other) in enumerate(((-2, -1), (-1, -2))):
        both = (correct[persons] * correct[own]) @ (1 - exchange) + (correct[persons] * correct[other]) @ exchange
        n = answered[persons].sum(axis=1, keepdims=True).astype(float)
        n = np.where(n > 0, n, np.nan)
        p1 = correct[persons].sum(axis=1, keepdims=True) / n
        p2 = ((answered[persons] * correct[own]) @ (1 - exchange) + (answered[persons] * correct[other]) @ exchange) / n
        kappas[which, columns] = kappa(1 - p1 - p2 + 2 * both / n, p1 * p2 + (1 - p1) * (1 - p2), rule)
    return kappas


def holm_correction(p: np.ndarray) -> np.ndarray:
    """Return p values with Holm's correction; NaN stays NaN and does not count as a test."""
    adjusted, is_test = np.full(len(p), np.nan), ~np.isnan(p)
    if is_test.any():  # multipletests refuses an empty array, and would count NaN as a test
        adjusted[is_test] = multipletests(p[is_test], method="holm")[1]
    return adjusted


def _people_first(conditions: list[ConditionData]) -> list[str]:
    """Return the names of all observers, people first."""
    is_person = {name: bool(r) for c in conditions for name, r in zip(c.names, c.is_reference, strict=True)}
    return sorted(is_person, key=lambda name: not is_person[name])


def _align(condition: ConditionData, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return `correct` and `answered` with the observers in the order of `names`; the values are 0 for absent observers."""
    row = pd.Index(condition.names).get_indexer(pd.Index(names))
    is_present = row[:, None] >= 0
    return np.where(is_present, condition.correct[row], 0.0), np.where(is_present, condition.answered[row], 0.0)
