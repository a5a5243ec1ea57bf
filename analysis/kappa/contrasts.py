"""Contrasts between kinds of observer: consistency within and between kinds, and consistency with people.

Notation: O observers of two kinds A and B, R resamples or permutations. kappa is computed per condition, then averaged over
conditions; a mean over pairs excludes undefined kappas. There are two contrasts for every two kinds:
    within - between   mean kappa over pairs of the same kind (A with A and B with B), minus that over pairs of A with B
    with people        mean kappa of kind A with people, minus that of kind B (only if neither kind is people)
The p value comes from a permutation test (Mantel 1967) that permutes the kinds among the observers of A and B; in the
second contrast the people are not permuted. The test is two-sided for the second contrast. It is one-sided for the
first, because only a higher kappa within kinds is of interest. If there are at most N_PERMUTATIONS permutations, all of
them are used; otherwise that many random ones are drawn from the seed. The observed assignment counts as one of them,
so p cannot be small with few observers (3 of A and 1 of B have 4 assignments, so p ≥ .25): `smallest_p` is the smallest
possible value.
Intervals: those of `analysis.kappa.mean_intervals`, 95 %, with the observers held fixed. A mean over no pairs is NaN.
"""

from collections.abc import Iterable
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes, change_notes
from analysis.kappa.condition_data import excluded_datasets_note
from analysis.kappa.consistency import Rule
from analysis.kappa.mean_intervals import mean_intervals, mean_weights, rare_means_note
from analysis.kappa.pairs import ResampledKappas, kind_order, resample_kappas
from analysis.measures.resampling import N_RESAMPLES, nan_mean
from analysis.measures.ties import TOLERANCE

COLUMNS = (
    "dataset", "contrast", "kind_1", "kind_2", "n_1", "n_2", "kappa_1", "kappa_2", "difference", "low", "high", "p",
    "smallest_p",
)  # fmt: skip
WITHIN, PEOPLE = "within - between", "with people"
N_PERMUTATIONS = 10_000


def kind_contrasts(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Compare the kinds of observer of every dataset.

    Args:
        frame: Trials as returned by `read_trials`.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: 0 for a table without intervals. Any other number gives the same intervals, which are not resampled.
        seed: Random seed of the permutations.

    Returns:
        A table with `COLUMNS` and one row per dataset, pair of kinds and contrast. `kappa_1` and `kappa_2` are the two means
        and `difference` is their difference, with the interval `low` to `high`. `n_1` and `n_2` count the observers of each
        kind. `attrs["notes"]` lists the excluded datasets, and says how many intervals depend on few errors or correct
        responses.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.
    """
    frame = check_frame(frame)
    kappas = resample_kappas(frame, rule=rule, n_resamples=n_resamples, seed=seed)
    table, used = contrast_kinds(kappas, seed=seed), [of_dataset.dataset for of_dataset in kappas]
    notes = excluded_datasets_note(frame, used, "none of their conditions count in the benchmark")
    add_notes(table, [*notes, *table.attrs["notes"]])
    return table


def contrast_kinds(kappas: Iterable[ResampledKappas], *, seed: int = 0) -> pd.DataFrame:
    """Return the table of `kind_contrasts` for the datasets whose kappas are given, without showing its notes."""
    rows, is_rare = [], []
    for of_dataset in kappas:
        data, contrasts = of_dataset.data, _contrasts(of_dataset.data.kinds)
        kinds = np.array(data.kinds, object)
        people = np.flatnonzero(kinds == "human")
        pairs = [_contrast_pairs(kinds, *contrast) for contrast in contrasts]
        means = np.array([[nan_mean(data.kappas[each, 0], axis=0) for each in both] for both in pairs]).reshape(-1, 2)
        low = high = np.full(len(contrasts), np.nan)
        if of_dataset.n_resamples and contrasts:
            weights = [mean_weights(of_dataset.intervals, groups) for groups in zip(*pairs, strict=True)]
            intervals = mean_intervals(means[:, 0] - means[:, 1], of_dataset.intervals, weights[0] - weights[1])
            low, high = intervals.low, intervals.high
            is_rare += intervals.is_rare.tolist()
        for k, (contrast, kind_1, kind_2) in enumerate(contrasts):
            first, second = np.flatnonzero(kinds == kind_1), np.flatnonzero(kinds == kind_2)
            p, smallest_p = _permutation_test(contrast, data.array(), first, second, people, seed)
            rows.append((of_dataset.dataset, contrast, kind_1, kind_2, len(first), len(second), *means[k],
                         means[k, 0] - means[k, 1], low[k], high[k], p, smallest_p))  # fmt: skip
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    change_notes(
        table, rare_means_note(np.array(is_rare, bool), int(table["low"].notna().sum())), []
    )  # the public function shows them
    return table


def _contrasts(kinds: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Return the name and the two kinds of every contrast that these kinds of observers allow."""
    pairs = combinations(kind_order(kinds), 2)
    return [
        (contrast, *pair)
        for pair in pairs
        for contrast in (WITHIN, PEOPLE)
        if contrast == WITHIN or ("human" in kinds and pair[0] != "human")
    ]


def _contrast_pairs(kinds: np.ndarray, contrast: str, kind_1: str, kind_2: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the pairs in the two means of a contrast, among the pairs in the order of `np.triu_indices`.

    `kinds` are the kinds of the observers, with shape (O,).
    """
    i, j = np.triu_indices(len(kinds), k=1)
    is_of = {kind: (np.array(kinds == kind)[i], np.array(kinds == kind)[j]) for kind in (kind_1, kind_2, "human")}
    if contrast == PEOPLE:
        masks = [
            (is_of[kind][0] & is_of["human"][1]) | (is_of["human"][0] & is_of[kind][1]) for kind in (kind_1, kind_2)
        ]
    else:
        (first_i, first_j), (second_i, second_j) = is_of[kind_1], is_of[kind_2]
        masks = [(first_i & first_j) | (second_i & second_j), (first_i & second_j) | (second_i & first_j)]
    first, second = (np.flatnonzero(mask) for mask in masks)
    return first, second


def _permutation_test(
    contrast: str, matrix: np.ndarray, first: np.ndarray, second: np.ndarray, people: np.ndarray, seed: int
) -> tuple[float, float]:
    """Return the p value and the smallest p value that is possible."""
    observers = np.concatenate([first, second])
    n_all = comb(len(observers), len(first))
    # Each column is one assignment: 1 for the observers of the first kind. Column 0 is the observed assignment.
    is_first = np.zeros((len(observers), min(n_all, N_PERMUTATIONS)))
    if n_all <= N_PERMUTATIONS:
        for column, chosen in enumerate(combinations(range(len(observers)), len(first))):
            is_first[list(chosen), column] = 1
    else:
        rng = np.random.default_rng(seed)
        is_first[: len(first), 0] = 1
        for column in range(1, N_PERMUTATIONS):
            is_first[rng.permutation(len(observers))[: len(first)], column] = 1
    statistics = _contrast_statistic(contrast, matrix, observers, people, is_first)
    observed = statistics[0]
    if np.isnan(observed):
        return np.nan, 1 / is_first.shape[1]
    statistics = statistics[~np.isnan(statistics)]
    if contrast == PEOPLE:
        p = float(np.mean(np.abs(statistics) >= abs(observed) - TOLERANCE))
    else:
        p = float(np.mean(statistics >= observed - TOLERANCE))
    return p, 1 / len(statistics)


def _contrast_statistic(
    contrast: str, matrix: np.ndarray, observers: np.ndarray, people: np.ndarray, is_first: np.ndarray
) -> np.ndarray:
    """Return the contrast for every column of `is_first`, which marks the observers of the first kind with 1."""
    is_second = 1 - is_first
    if contrast == PEOPLE:
        block = matrix[np.ix_(observers, people)]
        total, n = np.nansum(block, axis=1), (~np.isnan(block)).sum(axis=1).astype(float)
        sums = [(total @ group, n @ group) for group in (is_first, is_second)]
    else:
        block = matrix[np.ix_(observers, observers)].copy()
        np.fill_diagonal(block, np.nan)
        values, defined = np.nan_to_num(block), (~np.isnan(block)).astype(float)
        within = [
            sum(((array @ group) * group).sum(axis=0) for group in (is_first, is_second)) for array in (values, defined)
        ]
        between = [2 * ((array @ is_first) * is_second).sum(axis=0) for array in (values, defined)]
        sums = [(within[0], within[1]), (between[0], between[1])]
    means = [np.divide(total, n, out=np.full(np.shape(total), np.nan), where=n > 0) for total, n in sums]
    return np.asarray(means[0] - means[1])
