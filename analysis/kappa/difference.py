"""The difference test: whether two observers differ in their kappa with people.

The test is adapted from Klein et al. (2025), arXiv 2507.06645. Notation: I images of a condition that counts in the
benchmark, R draws. The statistic of a dataset is kappa per condition, averaged over conditions and people. p values are
two-sided and come from R simulated values of the statistic, so that p is at least `smallest_p`, 2 / (R + 1).

There is one test for every dataset, and one for the mean over datasets (`all`). Under the null hypothesis the responses of
the two observers are exchangeable: every draw exchanges them on each image with probability ½, in the same way for all
people. The interval of the difference is the paired bootstrap over images.
Adapted: Klein et al. also resample the images in every draw.
`p_holm` is the p value with the correction of Holm (1979) over the rows of one dataset.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from attrs import frozen

from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import (
    ConditionData,
    bootstrap_weights,
    compare_with_people,
    excluded_datasets_note,
    group_by_dataset,
    people_first,
    split_by_condition,
    unit_weights,
)
from analysis.kappa.consistency import Rule, kappa
from analysis.kappa.holm import holm_correction, too_few_draws_note
from analysis.measures.resampling import N_RESAMPLES, nan_mean, p_value, percentiles
from analysis.measures.totals import ALL, distinct_from_total
from core.errors import UnknownName

COLUMNS = (
    "dataset", "observer_1", "observer_2", "n_people", "n", "kappa_1", "kappa_2", "difference", "low", "high", "p", "p_holm",
    "smallest_p",
)  # fmt: skip


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
        A table with `COLUMNS` and one row per dataset and pair. If a pair has several datasets, there are
        also rows for the mean over datasets (`all`). Two observers are compared on the `n` images that both responded
        to. `difference` is `kappa_1 - kappa_2`, with its interval. `smallest_p` is the smallest p value that the draws
        allow. `attrs["notes"]` lists the excluded datasets, and says if the draws are too few for the correction.

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
        others = [name for name in people_first(conditions) if name in known]
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
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    reason = "they lack people, or two other observers, in the conditions of the benchmark"
    few = [
        note
        for dataset, tests in table.groupby("dataset", sort=False)["p"]
        for note in too_few_draws_note(
            "the mean over datasets" if dataset == ALL else str(dataset), int(tests.notna().sum()), n_draws
        )
    ]
    add_notes(table, [*excluded_datasets_note(frame, set(table["dataset"]), reason), *few])
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
    corrected = holm_correction(np.array(ps, float))
    smallest = [
        2 / (comparison.exchanged.shape[1] + 1) if p == p else np.nan
        for comparison, p in zip(comparisons.values(), ps, strict=True)
    ]
    return [(*row, p, limit) for row, p, limit in zip(rows, corrected, smallest, strict=True)]


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
