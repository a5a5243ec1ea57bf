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

import numpy as np
import pandas as pd

from analysis.io.choices import n_choices
from analysis.io.frame import condition_order, dataset_order, observer_order
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import excluded_datasets_note
from analysis.kappa.consistency import select_benchmark_conditions
from analysis.measures.confusion import ALL
from analysis.measures.resampling import N_RESAMPLES, percentiles, resample_weights
from core.errors import LogError

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
        LogError: If an observer responded to an image of one condition twice.
    """
    parts = []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = select_benchmark_conditions(frame[frame["dataset"] == dataset], dataset)
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
    words = sorted((set(trials["category"]) | set(trials["response"])) - {""})
    responses, categories = [], []
    for condition in conditions:
        part = trials[trials["condition"] == condition]
        o = pd.Index(names).get_indexer(pd.Index(part["observer"]))
        i, images = pd.factorize(part["stimulus"].to_numpy(object))
        if len(set(zip(o, i, strict=True))) < len(part):
            raise LogError(
                f"an observer responded to an image of {part['dataset'].iloc[0]} twice, perhaps in two sessions; error "
                f"patterns need one response per image, so pass one session at a time"
            )
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
    rows = []
    answered, wrong = response >= 0, (response >= 0) & (response != category)
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            both_answered, both_wrong = answered[i] & answered[j], wrong[i] & wrong[j]
            responses = response[i, both_wrong], response[j, both_wrong]
            same, agreement = (float(value[0]) for value in misclassification_agreement(*responses))
            _, resampled = misclassification_agreement(*responses, weight[both_wrong])
            low, high = percentiles(resampled[None])[:, 0]
            errors_1, errors_2 = (
                count_errors(response[o], category, both_answered & wrong[o], n_words) for o in (i, j)
            )
            n_errors = int(errors_1.sum() + errors_2.sum())
            rows.append((names[i], names[j], int(both_answered.sum()), int(both_wrong.sum()), same, agreement, low, high,
                         n_errors, class_level_similarity(errors_1, errors_2, n_choices)))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS[2:]))


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


def count_errors(response: np.ndarray, category: np.ndarray, wrong: np.ndarray, n_words: int) -> np.ndarray:
    """Return the counts of category × response over the trials marked in `wrong`, with shape (K, K)."""
    flat = np.bincount(category[wrong] * n_words + response[wrong], minlength=n_words**2)
    return flat.reshape(n_words, n_words)


def class_level_similarity(a: np.ndarray, b: np.ndarray, n_choices: int) -> float:
    """Return the class-level error similarity of two tables of error counts with shape (K, K).

    Choices that occur in neither table count only through the smoothing.
    """
    n_errors = (a + b).sum(axis=1)
    if not n_errors.sum():
        return np.nan
    size = max(n_choices, len(a))
    padded = [np.pad(counts, ((0, 0), (0, size - len(a)))) for counts in (a, b, a + b)]
    p, q, m = ((c + SMOOTHING) / (c.sum(axis=1, keepdims=True) + SMOOTHING * (size - 1)) for c in padded)
    off_diagonal = ~np.eye(len(a), size, dtype=bool)
    divergence = np.where(off_diagonal, p * np.log(p / m) + q * np.log(q / m), 0).sum(axis=1) / 2
    return float(1 / (1 + np.average(divergence, weights=n_errors)))
