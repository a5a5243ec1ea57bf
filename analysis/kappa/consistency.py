"""Error consistency: whether two observers make errors on the same images, beyond chance (Geirhos et al. 2020).

Error consistency is Cohen's kappa over the correctness of two observers. Notation: O observers, I images of one dataset and
condition, R resamples. For two observers with accuracies p1 and p2 on the images that both responded to:
    observed  c_obs = proportion of images on which both are correct or both are wrong
    expected  c_exp = p1 p2 + (1 - p1)(1 - p2)
    kappa     (c_obs - c_exp) / (1 - c_exp)
A trial without a response counts as wrong. kappa is computed per condition and then averaged, because pooling conditions of
different difficulty inflates it. If c_exp = 1 (both observers are always correct, or both are always wrong), kappa is
undefined: it is NaN and excluded from means (Klein et al. 2025). With `rule="model-vs-human"`, kappa is instead 1 wherever
c_obs = 1, as in the code of Geirhos et al.
Intervals: the score interval of the 2 × 2 table of a pair (see `analysis.kappa.intervals`), or the paired bootstrap over
images with `method="bootstrap"` (the same resampled images for all observers; the ends are the 2.5 and 97.5 % percentiles of
the resamples in which kappa is defined), which is too narrow when errors or correct responses are rare.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.frame import condition_order, observer_order
from analysis.io.notes import add_notes
from analysis.io.repeated import first_responses
from analysis.io.split_frame import rows_by_value, split_datasets
from analysis.kappa.intervals import rare_counts_note, score_interval
from analysis.measures.resampling import N_RESAMPLES, percentiles, resample_weights
from stimuli.published.datasets import DATASETS

COLUMNS = (
    "dataset", "condition", "observer_1", "observer_2", "n", "expected", "observed", "kappa", "low", "high",
)  # fmt: skip
BOUNDS = ("lowest", "highest")
Rule = Literal["undefined-is-nan", "model-vs-human"]
Method = Literal["score", "bootstrap"]
RULES: dict[Rule, str] = {
    "undefined-is-nan": "rule undefined-is-nan: kappa is undefined when both observers are always right or always wrong; "
    "such pairs are excluded from means",
    "model-vs-human": "rule model-vs-human: kappa is 1 when two observers agree on every image, as in the original code",
}
TRIAL_COLUMNS = ("dataset", "observer", "kind", "session", "condition", "stimulus", "correct")  # what kappa depends on
PAIRS_PER_PRODUCT = 2048  # larger values need more memory, smaller values give many small and slow matrix products


def error_consistency(
    frame: pd.DataFrame,
    *,
    intervals: bool = True,
    rule: Rule = "undefined-is-nan",
    method: Method = "score",
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    bounds: bool = False,
) -> pd.DataFrame:
    """Return the error consistency of every pair of observers in every condition.

    Args:
        frame: Trials as returned by `read_trials`.
        intervals: Compute intervals; otherwise `low` and `high` are NaN.
        rule: Treatment of undefined kappas, see `RULES`.
        method: Method of the intervals, which are 95 % intervals: "score" or "bootstrap".
        n_resamples: Number of bootstrap resamples of the images (only for `method="bootstrap"`).
        seed: Random seed of the bootstrap (only for `method="bootstrap"`).
        bounds: Add `BOUNDS`, the lowest and highest kappa that are possible given the accuracies of the two observers.

    Returns:
        A table with `COLUMNS` and one row per dataset, condition and pair of observers. Two observers are compared on the
        `n` images that both responded to; all measures are NaN if n is 0. The score interval is NaN if kappa is undefined
        (under both rules). `attrs["notes"]` says how many intervals are of pairs with few errors or correct responses.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.

    Example:
        >>> table = error_consistency(frame)
        >>> kappa_matrix(table, "cue-conflict")
    """
    frame = check_frame(frame, "condition", "correct")
    names_of_columns = [*COLUMNS, *(BOUNDS if bounds else ())]
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names_of_columns}
    all_counts = [np.zeros((0, 4), np.int64)]
    for dataset, of_dataset in split_datasets(frame[[name for name in TRIAL_COLUMNS if name in frame]]):
        for condition, names, correct, answered in correct_matrices(dataset, of_dataset):
            i, j = np.triu_indices(len(names), k=1)
            n, expected, observed = (matrix[i, j] for matrix in pairwise_agreement(correct, answered))
            part = {
                "dataset": np.full(len(i), dataset, object), "condition": np.full(len(i), condition, object),
                "observer_1": names[i], "observer_2": names[j], "n": n.astype(int), "expected": expected,
                "observed": observed, "kappa": kappa(observed, expected, rule),
            }  # fmt: skip
            part["low"] = part["high"] = np.full(len(i), np.nan)
            if intervals and len(i):
                if method == "bootstrap":
                    part["low"], part["high"] = bootstrap_interval(correct, answered, rule, n_resamples, seed)
                else:
                    all_counts.append(pair_counts(correct, answered)[i, j])
            if bounds:
                n_correct, total = correct @ answered.T, np.where(n > 0, n, np.nan)
                part["lowest"], part["highest"] = attainable_kappa(n_correct[i, j] / total, n_correct[j, i] / total)
            for name, values in part.items():
                parts[name].append(values)
    if not parts["n"]:
        return pd.DataFrame(columns=names_of_columns)
    table = pd.DataFrame({name: np.concatenate(values) for name, values in parts.items()})
    if intervals and method == "score":
        counts = np.concatenate(all_counts)
        table["low"], table["high"] = score_interval(counts)
        add_notes(table, rare_counts_note(counts))
    return table


def pair_counts(correct: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """Return the 2 × 2 tables of all pairs of observers, with shape (O, O, 4), from arrays with shape (O, I).

    The four counts are the images on which both were correct, only the first, only the second, and neither.
    """
    wrong = answered - correct
    products = (correct @ correct.T, correct @ wrong.T, wrong @ correct.T, wrong @ wrong.T)
    return np.asarray(np.rint(np.stack(products, axis=-1)), np.int64)


def correct_matrix(trials: pd.DataFrame, names: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the observers and their correctness on every image of one dataset and condition.

    Return three arrays: the names of the O observers, people first; `correct`, which is 1.0 where the observer was correct;
    and `answered`, which is 1.0 where the observer has a trial with the image. The last two are float64 and have the shape
    (O, I). Pass `names` to set the order of the observers. If an observer responded to an image in several sessions, the
    first response counts. Raises LogError if an observer responded to an image twice in one session.
    """
    names = observer_order(trials)["observer"].to_numpy(object) if names is None else names
    o = pd.Index(names).get_indexer(trials["observer"].to_numpy(object))
    i, images = pd.factorize(trials["stimulus"].to_numpy(object))
    shape = len(names), len(images)
    answered = np.bincount(o * shape[1] + i, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    if answered.max(initial=0) > 1:
        return correct_matrix(first_responses(trials), names)
    correct = np.zeros_like(answered)
    correct[o, i] = trials["correct"].to_numpy(float)
    return names, correct, answered


def correct_matrices(dataset: str, trials: pd.DataFrame) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield each condition of one dataset, in the usual order, with the three arrays of `correct_matrix`.

    The observers of the dataset are sorted once, because sorting them in every condition takes most of the time if there are
    thousands of conditions. Raises LogError in the same cases as `correct_matrix`.
    """
    all_names = observer_order(trials)["observer"].to_numpy(object)
    observer = pd.Index(all_names).get_indexer(trials["observer"].to_numpy(object))
    image, _ = pd.factorize(trials["stimulus"].to_numpy(object))
    is_correct = trials["correct"].to_numpy(float)
    for condition, rows in rows_by_value(trials["condition"], lambda values: condition_order(dataset, values)):
        present, o = np.unique(observer[rows], return_inverse=True)
        i, images = pd.factorize(image[rows])
        answered = np.bincount(o * len(images) + i, minlength=len(present) * len(images)).astype(float)
        answered, correct = answered.reshape(len(present), len(images)), np.zeros((len(present), len(images)))
        correct[o, i] = is_correct[rows]
        if answered.max() > 1:
            yield condition, *correct_matrix(trials.take(rows), all_names[present])
        else:
            yield condition, all_names[present], correct, answered


def pairwise_agreement(correct: np.ndarray, answered: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return three arrays for every pair of observers: n (images), expected consistency and observed consistency.

    The arguments have the shape (O, I) and the results (O, O). Both consistencies are NaN where n is 0.
    """
    both_correct = correct @ correct.T
    n = answered @ answered.T
    n_correct = correct @ answered.T  # [o, p]: number of images that p responded to and on which o was correct
    return n, *_expected_and_observed(both_correct, n, n_correct, n_correct.T)


def _expected_and_observed(
    both_correct: np.ndarray, n: np.ndarray, n_correct_1: np.ndarray, n_correct_2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected and the observed consistency, elementwise, from counts of images."""
    n = np.where(n > 0, n, np.nan)
    p1, p2 = n_correct_1 / n, n_correct_2 / n
    return p1 * p2 + (1 - p1) * (1 - p2), (n - n_correct_1 - n_correct_2 + 2 * both_correct) / n


def kappa(observed: np.ndarray, expected: np.ndarray, rule: Rule = "undefined-is-nan") -> np.ndarray:
    """Return (observed - expected) / (1 - expected), elementwise; `rule` determines the undefined values."""
    denominator = 1 - np.asarray(expected)
    difference = np.asarray(observed - expected)
    difference = np.where(np.abs(difference) < 1e-12, 0.0, difference)  # what rounding leaves where kappa is exactly 0
    kappas = np.divide(difference, denominator, out=np.full_like(denominator, np.nan), where=denominator > 1e-12)
    return np.where(observed == 1, 1.0, kappas) if rule == "model-vs-human" else kappas


def attainable_kappa(p1: np.ndarray, p2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest kappa that two accuracies allow (Geirhos et al. 2020, appendix).

    Args:
        p1: Accuracies of the first observer, between 0 and 1.
        p2: Accuracies of the second observer, of the same shape.

    Returns:
        The lowest and the highest kappa, elementwise; NaN where both accuracies are 0 or both are 1.
    """
    p1, p2 = np.asarray(p1, float), np.asarray(p2, float)
    expected = p1 * p2 + (1 - p1) * (1 - p2)
    low = 1 - (np.minimum(p1, 1 - p2) + np.minimum(1 - p1, p2))
    high = np.minimum(p1, p2) + np.minimum(1 - p1, 1 - p2)
    return kappa(low, expected), kappa(high, expected)


def bootstrap_interval(
    correct: np.ndarray, answered: np.ndarray, rule: Rule, n_resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of the 95 % bootstrap interval of kappa for every pair o < p of observers.

    `correct` and `answered` have the shape (O, I), each result has the shape (O (O - 1) / 2,).
    """
    weight = resample_weights(correct.shape[1], n_resamples, seed)
    correct, answered = correct.astype(np.float32), answered.astype(np.float32)
    i, j = np.triu_indices(len(correct), k=1)
    low, high = np.full((2, len(i)), np.nan)
    for start in range(0, len(i), PAIRS_PER_PRODUCT):
        part = slice(start, start + PAIRS_PER_PRODUCT)
        low[part], high[part] = percentiles(resampled_kappa(correct, answered, weight, i[part], j[part], rule))
    return low, high


def resampled_kappa(
    correct: np.ndarray, answered: np.ndarray, weight: np.ndarray, i: np.ndarray, j: np.ndarray, rule: Rule
) -> np.ndarray:
    """Return the kappa of the pairs of observers (i, j) in every resample, with shape (pairs, R).

    `correct` and `answered` have the shape (O, I). `weight`, with shape (I, R), is how often each image counts in each
    resample.
    """
    _, _, expected, observed = weighted_agreement(correct, answered, weight, i, j)
    return kappa(observed, expected, rule)


def weighted_agreement(
    correct: np.ndarray, answered: np.ndarray, weight: np.ndarray, i: np.ndarray, j: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return four arrays for the pairs (i, j): both accuracies, expected consistency and observed consistency.

    The arguments are those of `resampled_kappa`. Each array has one value per pair and resample, with shape (pairs, R).
    """
    both_correct = _weighted_products(correct, correct, weight, i, j)
    if answered.all():  # the usual case, which needs fewer matrix products
        total = (correct @ weight).astype(float)
        n, n_correct_1, n_correct_2 = np.full((1, 1), float(weight.sum(axis=0).max(initial=0))), total[i], total[j]
    else:
        n = _weighted_products(answered, answered, weight, i, j)
        n_correct_1 = _weighted_products(correct, answered, weight, i, j)
        n_correct_2 = _weighted_products(answered, correct, weight, i, j)
    n = np.where(n > 0, n, np.nan)
    return n_correct_1 / n, n_correct_2 / n, *_expected_and_observed(both_correct, n, n_correct_1, n_correct_2)


def _weighted_products(a: np.ndarray, b: np.ndarray, weight: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return the sums over images of a[i] b[j] in every resample, with shape (pairs, R)."""
    total = np.empty((len(i), weight.shape[1]))
    for start in range(0, len(i), PAIRS_PER_PRODUCT):
        part = slice(start, start + PAIRS_PER_PRODUCT)
        total[part] = (a[i[part]] * b[j[part]]) @ weight
    return total


def kappa_matrix(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the kappas of one dataset as a matrix of observers × observers.

    Args:
        table: The result of `error_consistency`.
        dataset: Name of the dataset.

    Returns:
        A symmetric table of kappas, averaged over conditions, with 1 on the diagonal. For a published dataset, only the
        conditions of the benchmark count. A value is NaN if kappa is undefined in all conditions.

    Example:
        >>> kappa_matrix(error_consistency(frame, intervals=False), "edge").loc["subject-01", "resnet50"]
    """
    pairs = select_benchmark_conditions(table[table["dataset"] == dataset], dataset)
    first, second = pairs["observer_1"].to_numpy(object), pairs["observer_2"].to_numpy(object)
    names = [*dict.fromkeys([*pd.unique(first), *pd.unique(second)])]
    matrix = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(matrix, 1.0)
    index = pd.Index(names)
    # One number for each pair: grouping by numbers is much faster than grouping by two names.
    number = index.get_indexer(first) * len(names) + index.get_indexer(second)
    means = pairs["kappa"].groupby(number, sort=False).mean()
    i, j = np.divmod(means.index.to_numpy(), len(names))
    matrix[i, j] = matrix[j, i] = means
    return pd.DataFrame(matrix, index=names, columns=names)


def select_benchmark_conditions(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the rows whose condition counts in the benchmark, or all rows if the dataset is not published."""
    return table[table["condition"].isin(DATASETS[dataset].included())] if dataset in DATASETS else table
