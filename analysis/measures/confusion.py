"""Confusion matrices and response entropy: which responses an observer gives to each category, and how evenly.

Conventions: rows of the matrix are categories, columns are responses. A missing response counts as a separate response:
it is "" in the table and the last column of a matrix. `share` is P(response | category) with its 95 % Wilson interval;
it is NaN for a category that was not shown to the observer. The categories and responses are those of all trials of the
dataset, so all observers have the same rows and columns, with counts of 0 where needed.

Response entropy (Geirhos et al. 2018, section 4): H = -Σ p log2 p over the responses, in bits, from 0 (always the same
response) to log2 K (all K choices equally often; 4 bits for 16 choices). Missing responses are excluded. The entropy of
an observer that is always correct equals the entropy of the categories. The entropy of the observed proportions is biased
downwards, by about (K - 1) / (2 n ln 2) if all responses are independent draws (Miller 1955). The estimate here adds the
bias to second order, where the number of images per category is part of the design and thus fixed:
    Σ_k V_k / (2 n² p_k ln 2),   V_k = Σ_c n_c p(k | c) (1 - p(k | c)),   clipped at log2 K
over the responses k and the categories c; with a single category it is Miller's. The interval is the basic bootstrap
interval of the observed entropy, whose ends 2 H - q (q are percentiles of the resamples, which are drawn within each
category) are corrected for the same bias (Davison & Hinkley 1997, 5.2.1). Without the correction of the estimate, the
estimate could lie below its own interval. With few trials the two corrections can differ; the interval is then extended to
the estimate.
"""

import numpy as np
import pandas as pd
from scipy.special import xlogy

from analysis.io.check_frame import check_frame
from analysis.io.choices import n_choices
from analysis.io.columns import as_text
from analysis.io.frame import condition_order, dataset_order, observer_order
from analysis.io.number_format import UNDEFINED
from analysis.measures.accuracy import wilson_interval
from analysis.measures.resampling import N_RESAMPLES, percentiles, resample_weights
from analysis.measures.totals import ALL
from stimuli.categories import CATEGORIES

COLUMNS = ("dataset", "observer", "kind", "condition", "category", "response", "n", "n_shown", "share", "low", "high")
ENTROPY_COLUMNS = ("dataset", "observer", "kind", "condition", "n", "n_no_answer", "entropy", "low", "high", "highest")


def confusion_table(frame: pd.DataFrame, *, by_condition: bool = False) -> pd.DataFrame:
    """Count the responses of every observer to every category.

    Args:
        frame: Trials as returned by `read_trials`.
        by_condition: Count every condition separately; otherwise all conditions are pooled (condition "all").

    Returns:
        A table with `COLUMNS` and one row per dataset, observer, condition, category and response, including counts of 0.
        `n` is the count, `n_shown` the number of trials with this category, and `share` is `n / n_shown` with its interval.
        People come first.

    Example:
        >>> table = confusion_table(frame)
        >>> confusion_matrix(table, "edge", "resnet50")
    """
    frame = check_frame(frame, "kind", "category", "response")
    parts = []
    for dataset, trials, categories, responses, _ in _split_datasets(frame):
        for condition, kind, observer, group in _split_observers(trials, dataset, by_condition):
            n = _count_responses(group, categories, responses)
            n_shown = n.sum(axis=1, keepdims=True)
            low, high = wilson_interval(n, np.broadcast_to(n_shown, n.shape))
            part = pd.DataFrame(
                {
                    "category": np.repeat(categories, len(responses)),
                    "response": np.tile(responses, len(categories)),
                    "n": n.ravel(),
                    "n_shown": np.repeat(n_shown, len(responses)),
                    "share": np.divide(n, n_shown, out=np.full(n.shape, np.nan), where=n_shown > 0).ravel(),
                    "low": low.ravel(),
                    "high": high.ravel(),
                }
            )
            parts.append(part.assign(dataset=dataset, observer=observer, kind=kind, condition=condition))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))


def confusion_matrix(table: pd.DataFrame, dataset: str, observer: str, condition: str = ALL) -> pd.DataFrame:
    """Return the confusion matrix of one observer.

    Args:
        table: The result of `confusion_table`.
        dataset: Name of the dataset.
        observer: Name of the observer.
        condition: Name of the condition ("all" if the table was made without `by_condition`).

    Returns:
        A table of P(response | category) with one row per category and one column per response; the column of missing
        responses, if any, is last.

    Raises:
        ValueError: If the table does not contain this observer, dataset and condition.
    """
    rows = table[(table["dataset"] == dataset) & (table["observer"] == observer) & (table["condition"] == condition)]
    if rows.empty:
        raise ValueError(f"the table does not contain {observer} on {dataset}, condition {condition!r}")
    return rows.pivot_table(
        index="category", columns="response", values="share", sort=False, dropna=False, observed=False
    )


def confusion_panels(table: pd.DataFrame, dataset: str, *, max_observers: int = 4) -> dict[str, pd.DataFrame]:
    """Return the confusion matrices that a figure shows: one for each of few observers, or else one for each kind.

    Args:
        table: The result of `confusion_table` without `by_condition`.
        dataset: Name of the dataset.
        max_observers: With more observers, the trials of all observers of a kind are pooled.

    Returns:
        Maps a title to a matrix of P(response | category). Simulated observers are a kind of their own.
    """
    rows = table[table["dataset"] == dataset]
    observers = list(dict.fromkeys(rows["observer"]))
    if len(observers) <= max_observers:
        return {name: confusion_matrix(table, dataset, name) for name in observers}
    panels = {}
    for kind, part in rows.groupby("kind", sort=False, observed=True):
        n = part["observer"].nunique()
        keys = ["category", "response"]
        sums = part.groupby(keys, sort=False, observed=True)[["n", "n_shown"]].sum().reset_index()
        sums["share"] = (sums["n"] / sums["n_shown"].where(sums["n_shown"] > 0)).astype(float)
        title = str(part["observer"].iloc[0]) if n == 1 else f"{'people' if kind == 'human' else str(kind)} (n = {n})"
        panels[title] = sums.pivot_table(
            index="category", columns="response", values="share", sort=False, dropna=False, observed=False
        )
    return panels


def frequent_errors(table: pd.DataFrame, n: int = 3) -> pd.DataFrame:
    """Return the rows of the `n` most frequent wrong responses of every dataset, observer and condition."""
    wrong = table[(table["category"] != table["response"]) & (table["response"] != "") & (table["n"] > 0)]
    groups = wrong.sort_values("n", ascending=False, kind="stable").groupby(
        ["dataset", "observer", "condition"], sort=False
    )
    return table.loc[sorted(groups.head(n).index)].reset_index(drop=True)


def pool_by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Pool the counts of all observers of each kind, from the table of `confusion_table`.

    The column `observer` says how many observers were pooled, as in "10 pooled". `share` and its interval are those of the
    pooled counts.
    """
    keys = ["dataset", "kind", "condition", "category", "response"]
    groups = table.groupby(keys, sort=False, observed=True)
    pooled = groups[["n", "n_shown"]].sum().reset_index()
    n_observers = (
        table.groupby(["dataset", "kind", "condition"], sort=False)["observer"].nunique().rename("n_observers")
    )
    pooled = pooled.merge(n_observers.reset_index(), on=["dataset", "kind", "condition"])
    pooled["observer"] = [f"{n} pooled" if n > 1 else "1 observer" for n in pooled["n_observers"]]
    pooled["share"] = pooled["n"] / pooled["n_shown"].where(pooled["n_shown"] > 0)
    pooled["low"], pooled["high"] = wilson_interval(pooled["n"].to_numpy(), pooled["n_shown"].to_numpy())
    return pooled[list(COLUMNS)]


def numbered_matrix(table: pd.DataFrame, dataset: str, observer: str, condition: str = ALL) -> pd.DataFrame:
    """Return a confusion matrix for the terminal: percentages, with numbered categories as rows and numbers as columns.

    The arguments are those of `confusion_matrix`. A percentage of 0 is shown as a dot, and the column of missing
    responses is named "none".
    """
    matrix = confusion_matrix(table, dataset, observer, condition)
    numbers = {name: number for number, name in enumerate((name for name in matrix.columns if name), 1)}
    percent = [
        [" · " if share == 0 else UNDEFINED if share != share else f"{100 * share:.0f}" for share in row]
        for row in matrix.to_numpy(float)
    ]
    shown = pd.DataFrame(percent, columns=[str(numbers.get(name, "none")) for name in matrix.columns])
    shown.insert(0, "category", [f"{numbers[name]:2d} {name}" for name in matrix.index])
    return shown


def response_entropy(
    frame: pd.DataFrame, *, by_condition: bool = False, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Return the entropy of the responses of every observer, in bits.

    Args:
        frame: Trials as returned by `read_trials`.
        by_condition: Treat every condition separately; otherwise all conditions are pooled (condition "all").
        n_resamples: Number of bootstrap resamples of the images.
        seed: Random seed of the bootstrap.

    Returns:
        A table with `ENTROPY_COLUMNS` and one row per dataset, observer and condition. `n` is the number of responses,
        `n_no_answer` the number of trials without a response, and `highest` the largest possible entropy, log2 K. `entropy`,
        `low` and `high` are NaN for an observer that never responded.
    """
    frame = check_frame(frame, "kind", "category", "response")
    rows, resamples = [], dict[tuple[int, ...], np.ndarray]()
    for dataset, trials, categories, responses, size in _split_datasets(frame):
        highest = np.log2(size)
        choices = np.flatnonzero(np.array(responses, object) != "")
        for condition, kind, observer, group in _split_observers(trials, dataset, by_condition):
            category, response = (group[column].cat.codes.to_numpy(int) for column in ("category", "response"))
            chosen = (response[np.argsort(category, kind="stable")] == choices[:, None]).astype(np.float32)
            value = float(entropy(chosen.sum(axis=1, keepdims=True, dtype=float))[0])
            sizes = tuple(np.bincount(category, minlength=len(categories)).tolist())
            if sizes not in resamples:  # observers with the same number of images per category share the resamples
                weights = [resample_weights(n, n_resamples, seed + k) for k, n in enumerate(sizes)]
                resamples[sizes] = np.concatenate(weights)
            resampled = entropy((chosen @ resamples[sizes]).astype(float))
            low, high = np.clip(2 * value - percentiles(resampled[None])[::-1, 0], 0, highest)
            counts = _count_responses(group, categories, responses)[:, choices]
            value = min(value + _entropy_bias(counts), highest)
            low, high = np.minimum(low, value), np.maximum(high, value)
            n = int(chosen.sum())
            rows.append((dataset, observer, kind, condition, n, len(group) - n, value, low, high, highest))
    return pd.DataFrame(rows, columns=list(ENTROPY_COLUMNS))


def _count_responses(trials: pd.DataFrame, categories: list[str], responses: list[str]) -> np.ndarray:
    """Return how often each response was given to each category, with shape (categories, responses)."""
    row, column = (trials[name].cat.codes.to_numpy(int) for name in ("category", "response"))
    flat = np.bincount(row * len(responses) + column, minlength=len(categories) * len(responses))
    return flat.reshape(len(categories), len(responses))


def entropy(counts: np.ndarray) -> np.ndarray:
    """Return the (R,) entropies in bits of the columns of the (K, R) array `counts`; NaN where all counts are 0."""
    total = counts.sum(axis=0)
    p = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    return np.where(total > 0, np.abs(xlogy(p, p).sum(axis=0)) / np.log(2), np.nan)


def _entropy_bias(counts: np.ndarray) -> float:
    """Return by how many bits the observed entropy is too low on average, from the (categories, responses) counts."""
    n_shown = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, n_shown, out=np.zeros(counts.shape), where=n_shown > 0)
    variance, total = (n_shown * share * (1 - share)).sum(axis=0), counts.sum(axis=0)
    n = total.sum()
    return float((variance[total > 0] / total[total > 0]).sum() / (2 * n * np.log(2))) if n else 0.0


def _split_datasets(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame, list[str], list[str], int]]:
    """Return (dataset, trials, categories, responses, number of choices) of every dataset.

    Categories and responses have the published order; a missing response ("") is last.
    """
    datasets = []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = frame[frame["dataset"] == dataset]
        categories, texts = _published_order(set(trials["category"].unique())), set(trials["response"].unique())
        responses = _published_order((texts - {""}) | set(categories)) + ([""] if "" in texts else [])
        types = {"category": pd.CategoricalDtype(categories), "response": pd.CategoricalDtype(responses)}
        # A frame may have the same categories in another order, which pandas would otherwise keep.
        columns = as_text(trials[["observer", "kind", "condition", "category", "response"]]).astype(types)
        datasets.append((dataset, columns, categories, responses, n_choices(trials)))
    return datasets


def _published_order(names: set[str]) -> list[str]:
    """Return the published categories in their order, then all other names in alphabetical order."""
    return [c for c in CATEGORIES if c in names] + sorted(names - set(CATEGORIES))


def _split_observers(
    trials: pd.DataFrame, dataset: str, by_condition: bool
) -> list[tuple[str, str, str, pd.DataFrame]]:
    """Return (condition, kind, observer, trials) of every observer and condition, people first.

    Without `by_condition`, the conditions of an observer are pooled.
    """
    conditions = condition_order(dataset, trials["condition"].unique()) if by_condition else [ALL]
    groups = []
    by_observer = {str(name): own_trials for name, own_trials in trials.groupby("observer", sort=False)}
    for observer, kind in observer_order(trials).itertuples(index=False, name=None):
        own_trials = by_observer[observer]
        for condition in conditions:
            group = own_trials[own_trials["condition"] == condition] if by_condition else own_trials
            if len(group):
                groups.append((condition, kind, observer, group))
    return groups
