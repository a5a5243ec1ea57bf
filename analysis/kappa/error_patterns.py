"""Error patterns: whether two observers that are wrong on the same images give the same responses (Xu et al. 2024).

Reference: Xu et al. (2024), arXiv 2409.13919; the similarity follows the authors' code (github.com/xubinxia/error_align).
Notation: K choices; a and b are the error counts of two observers, K × K tables of category × response with a diagonal of 0.

Misclassification agreement: Cohen's (1960) kappa over the responses to the images on which both observers were wrong,
    (observed - expected) / (1 - expected),  observed = proportion of equal responses, expected = Σ_k p1(k) p2(k).
It is NaN if such images do not exist, or if both gave the same single response to all of them (expected = 1).

Class-level error similarity: 1 / (1 + D). D is a weighted mean over the categories i; the weights are the numbers of
errors of both observers together. For category i,
    D_i = ½ KL(a_i || m_i) + ½ KL(b_i || m_i)  in nats, with
    a_i = (errors + ½) / (n + (K - 1) / 2) over the K - 1 wrong responses, where n is the number of errors in category i,
    b_i in the same way, and m_i from the counts of both observers together.
The ½ is added to every count, so m_i is not exactly the mean of a_i and b_i: D of two equal observers is close to 0,
but not exactly 0. The similarity is NaN if neither observer makes an error. The similarity depends on the number of
errors, so only pairs with similar `n_errors` can be compared; for this reason an interval is not computed.

Degenerate cases: a trial without a response counts as wrong in other measures, but its response cannot be compared, so it is
excluded from both measures (the data of the paper do not contain such trials). As in the paper, all benchmark conditions of
a dataset are pooled; `by_condition` separates them. The interval of the agreement is the paired bootstrap over images, 95 %,
within conditions.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.choices import n_choices
from analysis.io.frame import condition_order, dataset_order, observer_order
from analysis.io.notes import add_notes
from analysis.io.repeated import first_responses
from analysis.kappa.condition_data import excluded_datasets_note
from analysis.kappa.consistency import select_benchmark_conditions
from analysis.measures.resampling import N_RESAMPLES, percentiles, resample_weights
from analysis.measures.totals import ALL

COLUMNS = (
    "dataset", "condition", "observer_1", "observer_2", "n", "n_both_wrong", "same_response", "agreement", "low", "high",
    "n_errors", "similarity",
)  # fmt: skip
SMOOTHING = 0.5  # added to every count of errors


def error_patterns(
    frame: pd.DataFrame, *, by_condition: bool = False, intervals: bool = True, n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Return misclassification agreement and class-level error similarity of every pair of observers.

    Args:
        frame: Trials as returned by `read_trials`.
        by_condition: Treat every condition separately; otherwise all conditions are pooled (condition "all").
        intervals: Compute bootstrap intervals of the agreement; otherwise `low` and `high` are NaN.
        n_resamples: Number of bootstrap resamples of the images.
        seed: Random seed of the bootstrap.

    Returns:
        A table with `COLUMNS` and one row per dataset, condition and pair of observers, people first. `n` is the number of
        images that both responded to, `n_both_wrong` the number on which both were wrong, `same_response` the proportion of
        these with equal responses, and `n_errors` the number of errors of both observers together. `attrs["notes"]` lists
        the excluded datasets.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.
    """
    frame = check_frame(frame)
    parts = []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = first_responses(select_benchmark_conditions(frame[frame["dataset"] == dataset], dataset))
        if trials.empty:
            continue
        names = list(observer_order(trials)["observer"])
        conditions = condition_order(dataset, trials["condition"].unique())
        responses, categories, words = _response_arrays(trials, names, conditions)
        n_images = [response.shape[1] for response in responses]
        weights = [resample_weights(n, n_resamples if intervals else 0, seed + k) for k, n in enumerate(n_images)]
        size = n_choices(trials)
        if by_condition:
            for k, condition in enumerate(conditions):
                table = _compare_pairs(names, responses[k], categories[k], len(words), size, weights[k])
                parts.append(table.assign(dataset=dataset, condition=condition))
        else:
            pooled = np.concatenate(responses, axis=1), np.concatenate(categories)
            table = _compare_pairs(names, *pooled, len(words), size, np.concatenate(weights))
            parts.append(table.assign(dataset=dataset, condition=ALL))
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))
    reason = "no two observers responded to them in a condition of the benchmark"
    add_notes(table, excluded_datasets_note(frame, set(table["dataset"]), reason))
    return table


def _response_arrays(
    trials: pd.DataFrame, names: list[str], conditions: list[str]
) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """Return the responses and categories of every condition as indices into a list of words, and that list.

    The responses have the shape (O, I) and the categories (I,). A response of -1 means that the observer gave no response.
    """
    words = sorted({*trials["category"].unique(), *trials["response"].unique()} - {""})
    responses, categories = [], []
    for condition in conditions:
        part = trials[trials["condition"] == condition]
        o = pd.Index(names).get_indexer(pd.Index(part["observer"]))
        i, images = pd.factorize(part["stimulus"].to_numpy(object))
        response, category = np.full((len(names), len(images)), -1), np.full(len(images), -1)
        response[o, i] = pd.Index(words).get_indexer(pd.Index(part["response"]))
        category[i] = pd.Index(words).get_indexer(pd.Index(part["category"]))
        responses.append(response)
        categories.append(category)
    return responses, categories, words


def _compare_pairs(
    names: list[str], response: np.ndarray, category: np.ndarray, n_words: int, n_choices: int, weight: np.ndarray
) -> pd.DataFrame:
    """Return one row per pair, without the columns dataset and condition. `weight` has the shape (I, R); R may be 0."""
    wrong = (response >= 0) & (response != category)
    parts = []
    for i in range(len(names) - 1):
        columns = _compare_with_later(i, response, category, n_words, n_choices)
        parts.append(pd.DataFrame({"observer_1": names[i], "observer_2": names[i + 1 :], **columns}))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS[2:]))
    table = pd.concat(parts, ignore_index=True)
    resampled = np.full((len(table), weight.shape[1]), np.nan)
    if weight.shape[1]:
        for row, (i, j) in enumerate(combinations(range(len(names)), 2)):
            both_wrong = wrong[i] & wrong[j]
            responses = response[i, both_wrong], response[j, both_wrong]
            resampled[row] = misclassification_agreement(*responses, weight[both_wrong])[1]
    table["low"], table["high"] = percentiles(resampled)
    return table[list(COLUMNS[2:])]


def _compare_with_later(
    i: int, response: np.ndarray, category: np.ndarray, n_words: int, n_choices: int
) -> dict[str, np.ndarray]:
    """Return the columns of `_compare_pairs` for the pairs of observer i with every later observer, without intervals."""
    others = response[i + 1 :]
    both_answered = (response[i] >= 0) & (others >= 0)
    images = np.flatnonzero((response[i] >= 0) & (response[i] != category))  # the errors of observer i
    own, other_responses = response[i, images], others[:, images]
    both_wrong = (other_responses >= 0) & (other_responses != category[images])
    n = both_wrong.sum(axis=1)
    defined = np.where(n > 0, n, np.nan)
    counts_1 = both_wrong.astype(np.float32) @ _one_hot(own, n_words)
    counts_2 = _count_words(other_responses, both_wrong, n_words)
    same = ((other_responses == own) & both_wrong).sum(axis=1) / defined
    products = (counts_1.astype(float) / defined[:, None]) * (counts_2 / defined[:, None])
    denominator = 1 - _sum_nonzero(products)
    errors_1 = (other_responses >= 0).astype(np.float32) @ _one_hot(category[images] * n_words + own, n_words**2)
    errors_2 = _count_words(category * n_words + others, both_answered & (others != category), n_words**2)
    a, b = (errors.reshape(-1, n_words, n_words).astype(float) for errors in (errors_1, errors_2))
    return {
        "n": both_answered.sum(axis=1), "n_both_wrong": n, "same_response": same,
        "agreement": np.divide(
            same - 1 + denominator, denominator, out=np.full(len(n), np.nan), where=denominator > 1e-12
        ),
        "n_errors": (errors_1.sum(axis=1) + errors_2.sum(axis=1)).astype(int),
        "similarity": class_level_similarity(a, b, n_choices),
    }  # fmt: skip


def _one_hot(numbers: np.ndarray, n_numbers: int) -> np.ndarray:
    """Return an array with shape (len(numbers), n_numbers) that is 1.0 at each number; float32 is exact for counts."""
    table = np.zeros((len(numbers), n_numbers), np.float32)
    table[np.arange(len(numbers)), numbers] = 1.0
    return table


def _count_words(numbers: np.ndarray, mask: np.ndarray, n_numbers: int) -> np.ndarray:
    """Return how often each number below `n_numbers` occurs in each row of `numbers` where `mask` is true."""
    rows, _ = np.nonzero(mask)
    flat = np.bincount(rows * n_numbers + numbers[mask], minlength=len(numbers) * n_numbers)
    return flat.reshape(len(numbers), n_numbers)


def _sum_nonzero(values: np.ndarray) -> np.ndarray:
    """Return the sum of each row, adding only its values that are not 0 so that rounding is that of a sum over these."""
    n = (values > 0).sum(axis=1)
    first = np.take_along_axis(values, np.argsort(values == 0, axis=1, kind="stable"), axis=1)
    total = np.where(np.isnan(values).any(axis=1), np.nan, 0.0)
    for length in np.unique(n[n > 0]):
        total[n == length] = np.ascontiguousarray(first[n == length, :length]).sum(axis=1)
    return total


def misclassification_agreement(
    response_1: np.ndarray, response_2: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the proportion of equal responses and the misclassification agreement, each with shape (R,).

    The responses, with shape (I,), are those to the images on which both observers were wrong. `weight` is how often each
    image counts in every resample, with shape (I, R); by default every image counts once.
    """
    weight = np.ones((len(response_1), 1)) if weight is None else weight
    n = weight.sum(axis=0, dtype=float)
    n = np.where(n > 0, n, np.nan)
    # A response that only one of the two observers gave contributes 0 to the expected agreement.
    words = np.intersect1d(response_1, response_2)[:, None]
    same = (response_1 == response_2).astype(weight.dtype) @ weight / n
    p1, p2 = ((words == response).astype(weight.dtype) @ weight / n for response in (response_1, response_2))
    denominator = 1 - (p1 * p2).sum(axis=0)
    agreement = np.divide(
        same - 1 + denominator, denominator, out=np.full(denominator.shape, np.nan), where=denominator > 1e-12
    )
    return same, agreement


def class_level_similarity(a: np.ndarray, b: np.ndarray, n_choices: int) -> np.ndarray:
    """Return the class-level error similarity of tables of error counts; the shape (…, K, K) becomes (…).

    Choices that occur in neither table count only through the smoothing.
    """
    size = max(n_choices, a.shape[-1])
    padding = [(0, 0)] * (a.ndim - 1) + [(0, size - a.shape[-1])]
    padded = [np.pad(counts, padding) for counts in (a, b, a + b)]
    p, q, m = ((c + SMOOTHING) / (c.sum(axis=-1, keepdims=True) + SMOOTHING * (size - 1)) for c in padded)
    off_diagonal = ~np.eye(a.shape[-1], size, dtype=bool)
    divergence = np.where(off_diagonal, p * np.log(p / m) + q * np.log(q / m), 0).sum(axis=-1) / 2
    n_errors = (a + b).sum(axis=-1).astype(float)
    total = n_errors.sum(axis=-1)
    mean = (divergence * n_errors).sum(axis=-1) / np.where(total > 0, total, np.nan)
    return np.asarray(1 / (1 + mean))
