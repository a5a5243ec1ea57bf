"""Do two observers make the same mistakes, not only mistakes on the same images? (Xu et al. 2024, arXiv 2409.13919.)

Declared once: K choices, a and b the counts of errors (K, K) of two observers: category × response, the diagonal left out.
Misclassification agreement: Cohen's (1960) kappa over the responses to the images that both answered wrongly,
    (observed - expected) / (1 - expected),  observed = share of the same response, expected = Σ_k p1(k) p2(k).
NaN where there is no such image, or where both gave one and the same response to all of them (expected = 1).
Class-level error similarity: 1 / (1 + D), where D is the mean over categories i, weighted by the errors of both, of
    D_i = ½ KL(a_i || m_i) + ½ KL(b_i || m_i),
    a_i = (errors + ½) / (n + (K - 1) / 2) over the K - 1 wrong responses, b_i likewise, m_i the same of both together,
in nats, as in the authors' code (github.com/xubinxia/error_align): ½ is added to every count, and m_i is not quite the mean
of a_i and b_i, so that D of two alike is near 0 but for equal counts not 0. NaN where neither errs. It depends on how many
errors there are: compare it between pairs with alike `n_errors`; it has no interval for that reason.

Decided here: no answer is wrong, but no response, and an image without one is left out of both measures (the authors have
no such trials). As they do, all conditions of a dataset that count are taken together; `by_condition` keeps them apart.
The interval of the agreement is the paired bootstrap over images, 95 %, conditions drawn apart.
"""

import numpy as np
import pandas as pd

from analysis.condition_data import notes_on
from analysis.confusion import ALL
from analysis.consistency import included
from analysis.frame import condition_order, dataset_order, observer_order
from analysis.psychometric import n_choices
from analysis.resampling import N_RESAMPLES, percentiles, weights
from stimuli.errors import LogError

COLUMNS = (
    "dataset", "condition", "observer_1", "observer_2", "n", "n_both_wrong", "same_response", "agreement", "low", "high",
    "n_errors", "similarity",
)  # fmt: skip
SMOOTHING = 0.5


def error_patterns(
    frame: pd.DataFrame, *, by_condition: bool = False, intervals: bool = True, n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """A row for every dataset (, condition) and pair of observers, with COLUMNS; `n` images both answered; people first.

    Raises LogError if an observer answered an image of one condition twice.
    """
    parts = []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = included(frame[frame["dataset"] == dataset], dataset)
        if trials.empty:
            continue
        names = list(observer_order(trials)["observer"])
        conditions = condition_order(dataset, trials["condition"].unique())
        answers, category, words = _answers(trials, names, conditions)
        n_images = [answer.shape[1] for answer in answers]
        drawn = [weights(n, n_resamples if intervals else 0, seed + k) for k, n in enumerate(n_images)]
        size = n_choices(trials)
        if by_condition:
            for k, condition in enumerate(conditions):
                table = _pairs(names, answers[k], category[k], len(words), size, drawn[k])
                parts.append(table.assign(dataset=dataset, condition=condition))
        else:
            whole = np.concatenate(answers, axis=1), np.concatenate(category)
            table = _pairs(names, *whole, len(words), size, np.concatenate(drawn))
            parts.append(table.assign(dataset=dataset, condition=ALL))
    out = pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))
    out.attrs["notes"] = notes_on(
        frame, set(out["dataset"]), "no two observers answered them in a condition that counts"
    )
    return out


def _answers(
    trials: pd.DataFrame, names: list[str], conditions: list[str]
) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """By condition: responses (O, I) and categories (I,) as numbers of the words that follow, -1 for no answer."""
    words = sorted((set(trials["category"]) | set(trials["response"])) - {""})
    answers, categories = [], []
    for condition in conditions:
        of = trials[trials["condition"] == condition]
        o, (i, images) = (
            pd.Index(names).get_indexer(pd.Index(of["observer"])),
            pd.factorize(of["stimulus"].to_numpy(object)),
        )
        if len(set(zip(o, i, strict=True))) < len(of):
            raise LogError(
                f"an observer answered an image of {of['dataset'].iloc[0]} twice (two sessions?); error patterns need one "
                f"answer an image, so give one session at a time"
            )
        answer, category = np.full((len(names), len(images)), -1), np.full(len(images), -1)
        answer[o, i] = pd.Index(words).get_indexer(pd.Index(of["response"]))
        category[i] = pd.Index(words).get_indexer(pd.Index(of["category"]))
        answers.append(answer)
        categories.append(category)
    return answers, categories, words


def _pairs(
    names: list[str], answer: np.ndarray, category: np.ndarray, n_words: int, n_choices: int, weight: np.ndarray
) -> pd.DataFrame:
    """Everything of every pair but where it is from; `weight` (I, R), R may be 0."""
    rows = []
    there, wrong = answer >= 0, (answer >= 0) & (answer != category)
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            shared, both = there[i] & there[j], wrong[i] & wrong[j]
            same, value = (float(v[0]) for v in agreement(answer[i, both], answer[j, both]))
            _, resampled = agreement(answer[i, both], answer[j, both], weight[both])
            low, high = percentiles(resampled[None])[:, 0]
            first, second = (errors_of(answer[o], category, shared & wrong[o], n_words) for o in (i, j))
            n_errors = int(first.sum() + second.sum())
            rows.append((names[i], names[j], int(shared.sum()), int(both.sum()), same, value, low, high, n_errors,
                         similarity(first, second, n_choices)))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS[2:]))


def agreement(one: np.ndarray, other: np.ndarray, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Share of the same response and misclassification agreement, each (R,), of responses to images both got wrong (I,)."""
    weight = np.ones((len(one), 1)) if weight is None else weight
    n = weight.sum(axis=0, dtype=float)
    n = np.where(n > 0, n, np.nan)
    words = np.intersect1d(one, other)[:, None]  # the others add nothing to what is expected
    same = (one == other).astype(weight.dtype) @ weight / n
    p1, p2 = ((words == each).astype(weight.dtype) @ weight / n for each in (one, other))
    room = 1 - (p1 * p2).sum(axis=0)
    return same, np.divide(same - 1 + room, room, out=np.full(room.shape, np.nan), where=room > 1e-12)


def errors_of(answer: np.ndarray, category: np.ndarray, wrong: np.ndarray, n_words: int) -> np.ndarray:
    """Counts of errors, (K, K)."""
    flat = np.bincount(category[wrong] * n_words + answer[wrong], minlength=n_words**2)
    return flat.reshape(n_words, n_words)


def similarity(a: np.ndarray, b: np.ndarray, n_choices: int) -> float:
    """Class-level error similarity of two (K, K) counts of errors; words never said count for the smoothing alone."""
    n_errors = (a + b).sum(axis=1)
    if not n_errors.sum():
        return np.nan
    size = max(n_choices, len(a))
    counted = [np.pad(each, ((0, 0), (0, size - len(a)))) for each in (a, b, a + b)]
    p, q, m = ((c + SMOOTHING) / (c.sum(axis=1, keepdims=True) + SMOOTHING * (size - 1)) for c in counted)
    wrong = ~np.eye(len(a), size, dtype=bool)
    divergence = np.where(wrong, p * np.log(p / m) + q * np.log(q / m), 0).sum(axis=1) / 2
    return float(1 / (1 + np.average(divergence, weights=n_errors)))
