"""Confusion: which answer an observer gives to which category, and how evenly it uses its answers.

Conventions: a row of the matrix is a category, a column a response; no answer is a response of its own, "" in the table,
the last column of a matrix. `share` is P(response | category) with Wilson's 95 % interval, NaN for a category not shown.
Categories and responses are those of all trials of the dataset, so that every observer has the same rows and columns: a
category that nobody answered is there, with 0.

Response entropy (Geirhos et al. 2018, section 4): H = -Σ p log2 p over the answers given, in bits, from 0 (always the same)
to log2 K (all alike; 4 bits for sixteen). No answer does not count. An observer who is always right has the entropy of the
images' categories. The estimate is too low by at most about (K - 1) / (2 n ln 2) (Miller 1955); its interval is the basic
bootstrap over images within category (their numbers are part of the design), 2 H - q, which mends that, held within 0 and
log2 K.
"""

import numpy as np
import pandas as pd
from scipy.special import xlogy

from analysis.accuracy import wilson
from analysis.frame import condition_order, dataset_order, observer_order
from analysis.psychometric import n_choices
from analysis.resampling import N_RESAMPLES, percentiles, weights
from stimuli.categories import CATEGORIES

COLUMNS = ("dataset", "observer", "kind", "condition", "category", "response", "n", "n_shown", "share", "low", "high")
ENTROPY_COLUMNS = ("dataset", "observer", "kind", "condition", "n", "n_no_answer", "entropy", "low", "high", "highest")
ALL = "all"  # conditions


def confusion(frame: pd.DataFrame, *, by_condition: bool = False) -> pd.DataFrame:
    """A row for every dataset, observer, (condition,) category and response, with COLUMNS, zeros too; people first."""
    parts = []
    for dataset, trials, categories, responses, _ in _datasets(frame):
        for condition, kind, observer, those in _groups(trials, dataset, by_condition):
            n = _counts(those, categories, responses)
            shown = n.sum(axis=1, keepdims=True)
            low, high = wilson(n, np.broadcast_to(shown, n.shape))
            part = pd.DataFrame(
                {
                    "category": np.repeat(categories, len(responses)),
                    "response": np.tile(responses, len(categories)),
                    "n": n.ravel(),
                    "n_shown": np.repeat(shown, len(responses)),
                    "share": np.divide(n, shown, out=np.full(n.shape, np.nan), where=shown > 0).ravel(),
                    "low": low.ravel(),
                    "high": high.ravel(),
                }
            )
            parts.append(part.assign(dataset=dataset, observer=observer, kind=kind, condition=condition))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))


def confusion_matrix(table: pd.DataFrame, dataset: str, observer: str, condition: str = ALL) -> pd.DataFrame:
    """Categories × responses, the shares of one observer from the table; no answer last, if anybody gave none.

    Raises ValueError where the table has no such rows.
    """
    rows = table[(table["dataset"] == dataset) & (table["observer"] == observer) & (table["condition"] == condition)]
    if rows.empty:
        raise ValueError(f"the table has no rows of {observer} on {dataset}, condition {condition!r}")
    return rows.pivot_table(
        index="category", columns="response", values="share", sort=False, dropna=False, observed=False
    )


def frequent_errors(table: pd.DataFrame, n: int = 3) -> pd.DataFrame:
    """The rows of the `n` most frequent wrong answers of every observer, dataset and condition."""
    wrong = table[(table["category"] != table["response"]) & (table["response"] != "") & (table["n"] > 0)]
    by = wrong.sort_values("n", ascending=False, kind="stable").groupby(
        ["dataset", "observer", "condition"], sort=False
    )
    return table.loc[sorted(by.head(n).index)].reset_index(drop=True)


def response_entropy(
    frame: pd.DataFrame, *, by_condition: bool = False, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """A row for every dataset, observer (and condition), with ENTROPY_COLUMNS; NaN for an observer who never answered."""
    rows, resamples = [], dict[tuple[int, ...], np.ndarray]()
    for dataset, trials, categories, responses, size in _datasets(frame):
        highest = np.log2(size)
        for condition, kind, observer, those in _groups(trials, dataset, by_condition):
            shown, said = (those[of].cat.codes.to_numpy(int) for of in ("category", "response"))
            answers = np.flatnonzero(np.array(responses, object) != "")
            given = (said[np.argsort(shown, kind="stable")] == answers[:, None]).astype(np.float32)
            value = float(entropy(given.sum(axis=1, keepdims=True, dtype=float))[0])
            sizes = tuple(np.bincount(shown, minlength=len(categories)).tolist())
            if sizes not in resamples:  # observers of as many images of each category share it
                each = (weights(n, n_resamples, seed + k) for k, n in enumerate(sizes))
                resamples[sizes] = np.concatenate(list(each))
            drawn = entropy((given @ resamples[sizes]).astype(float))
            low, high = np.clip(2 * value - percentiles(drawn[None])[::-1, 0], 0, highest)
            n = int(given.sum())
            rows.append((dataset, observer, kind, condition, n, len(those) - n, value, low, high, highest))
    return pd.DataFrame(rows, columns=list(ENTROPY_COLUMNS))


def _counts(trials: pd.DataFrame, categories: list[str], responses: list[str]) -> np.ndarray:
    """Categories × responses."""
    row, column = (trials[of].cat.codes.to_numpy(int) for of in ("category", "response"))
    flat = np.bincount(row * len(responses) + column, minlength=len(categories) * len(responses))
    return flat.reshape(len(categories), len(responses))


def entropy(counts: np.ndarray) -> np.ndarray:
    """Bits, (R,), of counts (K, R); NaN where there is none."""
    total = counts.sum(axis=0)
    p = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    return np.where(total > 0, np.abs(xlogy(p, p).sum(axis=0)) / np.log(2), np.nan)


def _datasets(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame, list[str], list[str], int]]:
    """Datasets, their trials, categories, responses (in the published order, no answer last) and number of choices."""
    out = []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = frame[frame["dataset"] == dataset]
        categories, said = _ordered(set(trials["category"].unique())), set(trials["response"].unique())
        responses = _ordered((said - {""}) | set(categories)) + ([""] if "" in said else [])
        kinds = {"category": pd.CategoricalDtype(categories), "response": pd.CategoricalDtype(responses)}
        needed = trials[["observer", "kind", "condition", "category", "response"]].astype(kinds)
        out.append((dataset, needed, categories, responses, n_choices(trials)))
    return out


def _ordered(names: set[str]) -> list[str]:
    return [c for c in CATEGORIES if c in names] + sorted(names - set(CATEGORIES))


def _groups(trials: pd.DataFrame, dataset: str, by_condition: bool) -> list[tuple[str, str, str, pd.DataFrame]]:
    """(condition, kind, observer, trials); without `by_condition` all conditions are one."""
    conditions = condition_order(dataset, trials["condition"].unique()) if by_condition else [ALL]
    out = []
    by_observer = {str(name): own for name, own in trials.groupby("observer", sort=False)}
    for observer, kind in observer_order(trials).itertuples(index=False, name=None):
        own = by_observer[observer]
        for condition in conditions:
            those = own[own["condition"] == condition] if by_condition else own
            if len(those):
                out.append((condition, kind, observer, those))
    return out
