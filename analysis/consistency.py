"""Error consistency: do two observers err on the same images? Cohen's kappa over right and wrong (Geirhos et al. 2020).

Declared once: O observers, I images of one dataset and condition, R resamples.
Conventions, for two observers with accuracies p1, p2 on the images both answered:
    observed  c_obs = share of images on which both are right or both are wrong
    expected  c_exp = p1 p2 + (1 - p1)(1 - p2)
    kappa     (c_obs - c_exp) / (1 - c_exp)
No answer is wrong. kappa is computed per condition and then averaged: pooling conditions would inflate it. Where
c_exp = 1 (both always right, or both always wrong) kappa is undefined: NaN (Klein et al. 2025), left out of averages;
`rule="model-vs-human"` gives 1 wherever c_obs = 1 instead, as the original code does.
Intervals: paired bootstrap over images, the same images for all observers, 95 % percentiles of the defined resamples.
"""

from typing import Literal

import numpy as np
import pandas as pd

from analysis.frame import condition_order, dataset_order, observer_order
from analysis.resampling import N_RESAMPLES, percentiles, weights
from stimuli.datasets import DATASETS
from stimuli.errors import LogError

COLUMNS = (
    "dataset", "condition", "observer_1", "observer_2", "n", "expected", "observed", "kappa", "low", "high",
)  # fmt: skip
BOUNDS = ("lowest", "highest")
Rule = Literal["undefined-is-nan", "model-vs-human"]
RULES: dict[Rule, str] = {
    "undefined-is-nan": "rule undefined-is-nan: kappa is undefined (NaN) where both are always right or both always wrong, "
    "and left out of means",
    "model-vs-human": "rule model-vs-human: kappa is 1 wherever two observers agree on every image, as in the original code",
}
N_PAIRS = 2048  # resampled in one matrix product; more would take more memory, many small products more time


def consistency(
    frame: pd.DataFrame,
    *,
    intervals: bool = True,
    rule: Rule = "undefined-is-nan",
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    bounds: bool = False,
) -> pd.DataFrame:
    """A row for every dataset, condition and pair of observers, with COLUMNS; `low` and `high` NaN without intervals.

    With `bounds` there are also BOUNDS, the lowest and the highest kappa that the accuracies of the pair allow.
    Two observers are compared on the images both answered; a pair that shares none has n = 0 and NaN. Raises LogError
    if an observer answered an image of one condition twice.
    """
    parts = []
    for dataset in dataset_order(frame["dataset"].unique()):
        of_dataset = frame[frame["dataset"] == dataset]
        for condition in condition_order(dataset, of_dataset["condition"].unique()):
            trials = of_dataset[of_dataset["condition"] == condition]
            names, correct, answered = correct_matrix(trials)
            i, j = np.triu_indices(len(names), k=1)
            n, expected, observed = (matrix[i, j] for matrix in agreement(correct, answered))
            part = {
                "dataset": dataset, "condition": condition, "observer_1": names[i], "observer_2": names[j],
                "n": n.astype(int), "expected": expected, "observed": observed, "kappa": kappa(observed, expected, rule),
            }  # fmt: skip
            part["low"] = part["high"] = np.full(len(i), np.nan)
            if intervals and len(i):
                part["low"], part["high"] = bootstrap_interval(correct, answered, rule, n_resamples, seed)
            if bounds:
                right, total = correct @ answered.T, np.where(n > 0, n, np.nan)
                part["lowest"], part["highest"] = attainable(right[i, j] / total, right[j, i] / total)
            parts.append(pd.DataFrame(part))
    columns = [*COLUMNS, *(BOUNDS if bounds else ())]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def correct_matrix(trials: pd.DataFrame, names: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Names (O,), people first; right = 1.0 (O, I); answered = 1.0 (O, I), all float64. For one dataset and condition.

    `names` are its observers in order, where that is known.
    """
    names = observer_order(trials)["observer"].to_numpy(object) if names is None else names
    o = pd.Index(names).get_indexer(trials["observer"].to_numpy(object))
    i, images = pd.factorize(trials["stimulus"].to_numpy(object))
    shape = len(names), len(images)
    count = np.bincount(o * shape[1] + i, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    if count.max(initial=0) > 1:
        first = np.argwhere(count > 1)[0]
        raise LogError(
            f"{names[first[0]]} answered {images[first[1]]} of {trials['dataset'].iloc[0]} twice (two sessions?); "
            f"error consistency needs one answer an image, so give one session at a time"
        )
    correct = np.zeros_like(count)
    correct[o, i] = trials["correct"].to_numpy(float)
    return names, correct, count


def agreement(correct: np.ndarray, answered: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """n, expected and observed consistency of every pair, each (O, O), from (O, I) matrices; NaN where n = 0."""
    both = correct @ correct.T
    n = answered @ answered.T
    right = correct @ answered.T  # (o, p): how often o is right where p answered too
    return n, *_consistency(both, n, right, right.T)


def _consistency(
    both: np.ndarray, n: np.ndarray, right_1: np.ndarray, right_2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    n = np.where(n > 0, n, np.nan)
    p1, p2 = right_1 / n, right_2 / n
    return p1 * p2 + (1 - p1) * (1 - p2), (n - right_1 - right_2 + 2 * both) / n


def kappa(observed: np.ndarray, expected: np.ndarray, rule: Rule = "undefined-is-nan") -> np.ndarray:
    """(observed - expected) / (1 - expected), elementwise; what is undefined follows `rule`."""
    room = 1 - np.asarray(expected)
    out = np.divide(observed - expected, room, out=np.full_like(room, np.nan), where=room > 1e-12)
    return np.where(observed == 1, 1.0, out) if rule == "model-vs-human" else out


def attainable(p1: np.ndarray, p2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest kappa that two accuracies allow (Geirhos et al. 2020, appendix); NaN where it is undefined."""
    p1, p2 = np.asarray(p1, float), np.asarray(p2, float)
    expected = p1 * p2 + (1 - p1) * (1 - p2)
    low = 1 - (np.minimum(p1, 1 - p2) + np.minimum(1 - p1, p2))
    high = np.minimum(p1, p2) + np.minimum(1 - p1, 1 - p2)
    return kappa(low, expected), kappa(high, expected)


def bootstrap_interval(
    correct: np.ndarray, answered: np.ndarray, rule: Rule, n_resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """95 % percentile interval of kappa for every pair o < p, each (O (O - 1) / 2,), by resampling the I images."""
    weight = weights(correct.shape[1], n_resamples, seed)
    right, there = correct.astype(np.float32), answered.astype(np.float32)
    i, j = np.triu_indices(len(correct), k=1)
    low, high = np.full((2, len(i)), np.nan)
    for begin in range(0, len(i), N_PAIRS):
        part = slice(begin, begin + N_PAIRS)
        low[part], high[part] = percentiles(resampled_kappa(right, there, weight, i[part], j[part], rule))
    return low, high


def resampled_kappa(
    right: np.ndarray, there: np.ndarray, weight: np.ndarray, i: np.ndarray, j: np.ndarray, rule: Rule
) -> np.ndarray:
    """kappa of the pairs i, j in every resample, (pairs, R), from (O, I) matrices and (I, R) counts of images."""
    _, _, expected, observed = weighted_agreement(right, there, weight, i, j)
    return kappa(observed, expected, rule)


def weighted_agreement(
    right: np.ndarray, there: np.ndarray, weight: np.ndarray, i: np.ndarray, j: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Accuracies, expected and observed consistency of the pairs i, j, each (pairs, R): see `resampled_kappa`."""
    both = ((right[i] * right[j]) @ weight).astype(float)
    if there.all():  # as a rule, and then this is less work
        total = (right @ weight).astype(float)
        n, right_1, right_2 = np.full((1, 1), float(weight.sum(axis=0).max(initial=0))), total[i], total[j]
    else:
        n = ((there[i] * there[j]) @ weight).astype(float)
        right_1, right_2 = (
            ((right[i] * there[j]) @ weight).astype(float),
            ((there[i] * right[j]) @ weight).astype(float),
        )
    n = np.where(n > 0, n, np.nan)
    return right_1 / n, right_2 / n, *_consistency(both, n, right_1, right_2)


def kappa_matrix(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Observers × observers kappa of a dataset from the table of pairs: mean over conditions, 1 on the diagonal.

    Of a published dataset only the conditions count that are in its benchmark. NaN where no condition defines a kappa.
    """
    mean = _per_pair(table, dataset)
    names = list(dict.fromkeys([*mean["observer_1"], *mean["observer_2"]]))
    matrix = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(matrix, 1.0)
    index = pd.Index(names)
    i, j = index.get_indexer(mean["observer_1"]), index.get_indexer(mean["observer_2"])
    matrix[i, j] = matrix[j, i] = mean["kappa"]
    return pd.DataFrame(matrix, index=names, columns=names)


def _per_pair(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """`observer_1`, `observer_2` and their mean kappa over the included conditions of a dataset."""
    pairs = included(table[table["dataset"] == dataset], dataset)
    return pairs.groupby(["observer_1", "observer_2"], sort=False)["kappa"].mean().reset_index()


def included(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The rows whose condition counts in the benchmark; all rows of a dataset that is not a published one."""
    return table[table["condition"].isin(DATASETS[dataset].included())] if dataset in DATASETS else table
