"""Kinds of observer compared: are kappas higher within kinds than between, and which kind is nearer to people?

Declared once: O observers of two kinds, R resamples or permutations. kappa is per condition, then the mean over conditions;
a mean over pairs is over those with a defined kappa. Two contrasts for every two kinds A and B:
    within - between   mean kappa over the pairs of A and the pairs of B, less that over the pairs of one of each
    with people        mean kappa of A's observers with people, less that of B's (where neither is people)
p: permutation of the kinds among the observers of A and B (Mantel 1967; people stay people in the second contrast),
two-sided for the second and one-sided for the first, where only "higher within" is asked. All permutations where there are
at most N_PERMUTATIONS, else as many random ones from the seed; the observed assignment is one of them, so with few
observers p cannot be small (1 of 3 and 1: 4 assignments, p ≥ .25): `smallest_p` says how small.
Interval: paired bootstrap over images, observers as they are. NaN where a mean is over nothing.
"""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from analysis.condition_data import notes_on, resampling
from analysis.consistency import Rule, included
from analysis.frame import KINDS, dataset_order
from analysis.pairs import pairs
from analysis.resampling import N_RESAMPLES, percentiles

COLUMNS = (
    "dataset", "contrast", "kind_1", "kind_2", "n_1", "n_2", "kappa_1", "kappa_2", "difference", "low", "high", "p",
    "smallest_p",
)  # fmt: skip
WITHIN, PEOPLE = "within - between", "with people"
N_PERMUTATIONS = 10_000


def contrasts(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """A row for every dataset, pair of kinds and contrast, with COLUMNS.

    `kappa_1` and `kappa_2` are the two means whose difference is taken; `attrs["notes"]` says what was left out. Raises
    LogError as `consistency` does.
    """
    rows, kept = [], []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = included(frame[frame["dataset"] == dataset], dataset)
        if trials.empty:
            continue
        kept.append(dataset)
        data, resampled = pairs(trials, rule), pairs(trials, rule, resampling(n_resamples, seed))
        kinds = np.array(data.kinds, object)
        kappas = np.concatenate([data.kappas, resampled.kappas], axis=1)
        for one, other in combinations([k for k in KINDS if k in data.kinds], 2):
            for contrast in (WITHIN, PEOPLE):
                people = np.flatnonzero(kinds == "human")
                if contrast == PEOPLE and (one == "human" or not len(people)):
                    continue
                first, second = np.flatnonzero(kinds == one), np.flatnonzero(kinds == other)
                values = np.array([*_means(contrast, kappas, first, second, people, len(kinds))])
                drawn = values[0] - values[1]
                low, high = percentiles(drawn[None, 1:])[:, 0]
                p, least = _permuted(contrast, data.matrix().to_numpy(), first, second, people, seed)
                rows.append((dataset, contrast, one, other, len(first), len(second), *values[:, 0], drawn[0], low, high,
                             p, least))  # fmt: skip
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    out.attrs["notes"] = notes_on(frame, kept, "no condition of it counts")
    return out


def _means(
    contrast: str, kappas: np.ndarray, first: np.ndarray, second: np.ndarray, people: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """The two means of a contrast, each (R,), from the kappas (pairs, R) of n observers."""
    i, j = np.triu_indices(n, k=1)
    of = [np.isin(i, each).astype(int) + 2 * np.isin(j, each).astype(int) for each in (first, second, people)]
    if contrast == PEOPLE:
        chosen = [(of[2] == 1) & (each == 2) for each in of[:2]]
    else:
        chosen = [(of[0] == 3) | (of[1] == 3), (of[0] > 0) & (of[1] > 0)]
    out = []
    for rows in chosen:
        there = ~np.isnan(kappas[rows])
        n_there = there.sum(axis=0)
        total = np.where(there, kappas[rows], 0).sum(axis=0)
        out.append(np.divide(total, n_there, out=np.full(len(total), np.nan), where=n_there > 0))
    return out[0], out[1]


def _permuted(
    contrast: str, matrix: np.ndarray, first: np.ndarray, second: np.ndarray, people: np.ndarray, seed: int
) -> tuple[float, float]:
    """p, and the least that it could be."""
    both = np.concatenate([first, second])
    n_all = comb(len(both), len(first))
    member = np.zeros((len(both), min(n_all, N_PERMUTATIONS)))  # column 0 is how it is
    if n_all <= N_PERMUTATIONS:
        for column, chosen in enumerate(combinations(range(len(both)), len(first))):
            member[list(chosen), column] = 1
    else:
        rng = np.random.default_rng(seed)
        member[: len(first), 0] = 1
        for column in range(1, N_PERMUTATIONS):
            member[rng.permutation(len(both))[: len(first)], column] = 1
    drawn = _statistic(contrast, matrix, both, people, member)
    if np.isnan(drawn[0]):
        return np.nan, 1 / member.shape[1]
    drawn, near = drawn[~np.isnan(drawn)], 1e-12
    if contrast == PEOPLE:
        p = float(np.mean(np.abs(drawn) >= abs(drawn[0]) - near))
    else:
        p = float(np.mean(drawn >= drawn[0] - near))
    return p, 1 / len(drawn)


def _statistic(
    contrast: str, matrix: np.ndarray, both: np.ndarray, people: np.ndarray, member: np.ndarray
) -> np.ndarray:
    """The contrast for every column of `member`, which has a 1 for each of the `both` that is of the first kind."""
    other = 1 - member
    if contrast == PEOPLE:
        block = matrix[np.ix_(both, people)]
        total, n = np.nansum(block, axis=1), (~np.isnan(block)).sum(axis=1).astype(float)
        parts = [(total @ each, n @ each) for each in (member, other)]
    else:
        block = matrix[np.ix_(both, both)].copy()
        np.fill_diagonal(block, np.nan)
        filled, there = np.nan_to_num(block), (~np.isnan(block)).astype(float)
        within = [sum(((m @ each) * each).sum(axis=0) for each in (member, other)) for m in (filled, there)]
        between = [2 * ((m @ member) * other).sum(axis=0) for m in (filled, there)]
        parts = [(within[0], within[1]), (between[0], between[1])]
    means = [np.divide(t, n, out=np.full(np.shape(t), np.nan), where=n > 0) for t, n in parts]
    return np.asarray(means[0] - means[1])
