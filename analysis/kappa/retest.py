"""Test–retest reliability: the error consistency of an observer with itself in another session.

For two sessions of one observer, kappa is computed as for two observers (see `analysis.kappa.consistency`), over the
images of one condition that were shown in both sessions. An observer with sessions 1, 2 and 3 has the pairs 1–2, 1–3
and 2–3. The reliability shows how much of the disagreement between two people is due to the noise of each person: the
kappa of two people who use the same strategy cannot be much higher than the kappa of each of them with itself. A
deterministic model has kappa 1. kappa is NaN if the observer was always correct or always wrong in both sessions. If no
image was shown in both sessions, `n` is 0 and kappa is NaN. A condition that occurs in only one session is omitted.
`same_response` is the proportion of these images with the same response in both sessions, whether correct or not. A
missing response counts as wrong, and two missing responses are the same.
The intervals are 95 % score intervals (see `analysis.kappa.intervals`).
"""

from itertools import combinations

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.columns import as_text
from analysis.io.frame import dataset_order, observer_order
from analysis.io.notes import add_notes
from analysis.io.repeated import refuse_repetition
from analysis.io.split_frame import split_conditions
from analysis.kappa.consistency import PAIRS_PER_PRODUCT, Method, Rule, kappa, weighted_agreement
from analysis.kappa.intervals import rare_counts_note, score_interval
from analysis.measures.resampling import N_RESAMPLES, percentiles, resample_weights
from core.errors import LogError

COLUMNS = (
    "dataset", "observer", "kind", "condition", "session_1", "session_2", "n", "accuracy_1", "accuracy_2", "same_response",
    "kappa", "low", "high",
)  # fmt: skip
SUMMARY = ("dataset", "observer", "kind", "session_1", "session_2", "n_conditions", "n", "same_response", "kappa")


def retest_reliability(
    frame: pd.DataFrame, *, intervals: bool = True, rule: Rule = "undefined-is-nan", method: Method = "score",
    n_resamples: int = N_RESAMPLES, seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Return the error consistency of every observer with itself, for every two of its sessions.

    Args:
        frame: Trials as returned by `read_trials`.
        intervals: Compute intervals; otherwise `low` and `high` are NaN.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        method: Method of the intervals, "score" or "bootstrap" (see `analysis.error_consistency`).
        n_resamples: Number of bootstrap resamples of the images (only for `method="bootstrap"`).
        seed: Random seed of the bootstrap (only for `method="bootstrap"`).

    Returns:
        A table with `COLUMNS` and one row per dataset, observer, condition and pair of sessions. `n` is the number of
        images that were shown in both sessions; accuracies are over these images. `attrs["notes"]` says how many
        observers have only one session, and how many intervals are of sessions with few errors or correct responses.

    Raises:
        LogError: If no observer has two sessions of one dataset, or if an observer responded to an image of one
            condition twice in one session.

    Example:
        >>> retest_reliability(read_trials("logs"))[["observer", "condition", "n", "kappa", "low", "high"]]
    """
    frame = check_frame(frame)
    sessions = frame[["dataset", "observer", "session"]].drop_duplicates().dropna()
    n_sessions = sessions.groupby(["dataset", "observer"], observed=True).size()
    if not (n_sessions > 1).any():
        raise LogError(
            "no observer has two sessions of one dataset, which test–retest reliability compares; add the logs of a second "
            "session (`observers run-experiment --session 2`, `observers collect --session 2`)"
        )
    parts, counts = [], [np.zeros((0, 4), np.int64)]
    for dataset in dataset_order(sessions["dataset"].unique()):
        names = [observer for name, observer in n_sessions.index[n_sessions > 1] if name == dataset]
        trials = frame[(frame["dataset"] == dataset) & frame["observer"].isin(names) & frame["session"].notna()]
        for _, of_condition in split_conditions(dataset, trials):
            part, counts_of_part = _compare_sessions(
                of_condition, rule, method if intervals else None, n_resamples, seed
            )
            parts.append(part)
            counts.append(counts_of_part)
    table = pd.concat(parts, ignore_index=True)
    observers = {name: rank for rank, name in enumerate(observer_order(frame)["observer"])}
    datasets = {name: rank for rank, name in enumerate(dataset_order(table["dataset"].unique()))}
    keys = pd.DataFrame({"d": table["dataset"].map(datasets), "o": table["observer"].map(observers)})
    table = table.loc[keys.sort_values(["d", "o"], kind="stable").index, list(COLUMNS)].reset_index(drop=True)
    n_single = int((n_sessions == 1).sum())
    single = "1 observer has" if n_single == 1 else f"{n_single} observers have"
    notes = [f"{single} only one session and cannot be compared with another one"] if n_single else []
    add_notes(table, notes + (rare_counts_note(np.concatenate(counts)) if intervals and method == "score" else []))
    return table


def _compare_sessions(
    trials: pd.DataFrame, rule: Rule, method: Method | None, n_resamples: int, seed: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of one dataset and condition, and the 2 × 2 table of every row. None as method: no intervals."""
    keys = ["observer", "session"]
    refuse_repetition(trials)
    # Sorted, so that the sessions have their order.
    row = trials.groupby(keys, sort=True, observed=True).ngroup().to_numpy()
    rows = as_text(trials.assign(row=row).drop_duplicates("row").sort_values("row")[["dataset", *keys, "kind"]])
    image, images = pd.factorize(trials["stimulus"].to_numpy(object))
    word, _ = pd.factorize(trials["response"].to_numpy(object))
    shape = len(rows), len(images)
    answered, correct, response = np.zeros(shape), np.zeros(shape), np.full(shape, -1)
    answered[row, image], response[row, image] = 1.0, word
    correct[row, image] = trials["correct"].to_numpy(float)
    of_observer = rows.reset_index(drop=True).groupby("observer", sort=False).indices.values()
    pairs = [pair for positions in of_observer for pair in combinations(positions, 2)]
    i, j = np.array(pairs, int).reshape(-1, 2).T
    table = rows.iloc[i][["dataset", "observer", "kind"]].reset_index(drop=True)
    table["condition"] = str(trials["condition"].iloc[0])
    numbers = rows["session"].astype(int).to_numpy()
    table["session_1"], table["session_2"] = numbers[i], numbers[j]
    both = (answered[i] > 0) & (answered[j] > 0)
    table["n"] = n = both.sum(axis=1)
    total = np.where(n > 0, n, np.nan)
    p1, p2, expected, observed = weighted_agreement(correct, answered, np.ones((len(images), 1)), i, j)
    table["accuracy_1"], table["accuracy_2"] = p1[:, 0], p2[:, 0]
    table["same_response"] = ((response[i] == response[j]) & both).sum(axis=1) / total
    table["kappa"] = kappa(observed, expected, rule)[:, 0]
    table["low"], table["high"] = np.full((2, len(i)), np.nan)
    counts = np.array([
        (both & (correct[i] == first) & (correct[j] == second)).sum(axis=1)
        for first, second in ((1, 1), (1, 0), (0, 1), (0, 0))
    ]).T.reshape(-1, 4)  # fmt: skip
    if method == "score":
        table["low"], table["high"] = score_interval(counts)
    weight = resample_weights(len(images), n_resamples if method == "bootstrap" else 0, seed)
    for start in range(0, len(i) if weight.shape[1] else 0, PAIRS_PER_PRODUCT):
        part = slice(start, start + PAIRS_PER_PRODUCT)
        arrays = correct.astype(np.float32), answered.astype(np.float32)
        _, _, expected, observed = weighted_agreement(*arrays, weight, i[part], j[part])
        table.loc[table.index[part], ["low", "high"]] = percentiles(kappa(observed, expected, rule)).T
    return table, counts


def average_over_conditions(table: pd.DataFrame) -> pd.DataFrame:
    """Average the table of `retest_reliability` over the conditions of every observer and pair of sessions.

    The columns are `SUMMARY`: `n` is the sum over conditions, and `same_response` and `kappa` are means over the
    conditions in which they are defined.
    """
    groups = table.groupby(["dataset", "observer", "kind", "session_1", "session_2"], sort=False)
    return groups.agg(
        n_conditions=("condition", "size"), n=("n", "sum"), same_response=("same_response", "mean"), kappa=("kappa", "mean")
    ).reset_index()[list(SUMMARY)]  # fmt: skip
