"""Means of accuracy and shape bias over groups of observers (see `analysis.selection.groups`).

A mean over a group is the mean over its observers, each of which counts equally, whatever its number of trials. Observers
for which the measure is undefined do not count. The interval is the 95 % bootstrap over observers: the observers of the
group are drawn with replacement, and the ends are the 2.5 and 97.5 % percentiles of the mean. It describes how the mean
would vary with other observers of the same group and the same images. The interval is NaN for a group with one observer.
With fewer than about ten observers it is too narrow; with two, it extends from one observer to the other.

The column `pooled` is the same measure over all trials of the group together, in which an observer with more trials counts
more.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.frame import dataset_order
from analysis.io.notes import add_notes
from analysis.measures.accuracy import accuracy
from analysis.measures.resampling import N_RESAMPLES, percentiles, resample_weights
from analysis.measures.shape_bias import cue_conflict_trials, shape_bias
from analysis.selection.groups import Groups, group_observers

ACCURACY = ("dataset", "group", "kind", "condition", "n_observers", "n", "accuracy", "low", "high", "pooled")
SHAPE_BIAS = (
    "group", "kind", "category", "n_observers", "n_conflict", "n_shape", "n_texture", "shape_bias", "low", "high", "pooled",
)  # fmt: skip


def accuracy_by_group(
    frame: pd.DataFrame, by: str, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:  # fmt: skip
    """Return the mean accuracy over the observers of each group, in every condition.

    Args:
        frame: Trials as returned by `read_trials`.
        by: Column whose values are the groups: `kind`, `group` (of a labels file), `session` or another column.
        n_resamples: Number of bootstrap resamples of the observers (0: no intervals).
        seed: Random seed of the bootstrap.

    Returns:
        A table with the columns `ACCURACY` and one row per dataset, group and condition. `n` is the number of trials. `kind`
        is "mixed" if the group has observers of several kinds. `attrs["notes"]` says how many trials are excluded.

    Raises:
        UnknownName: If the frame does not have the column.
        LogError: If the column is empty or has too many values.

    Example:
        >>> accuracy_by_group(frame, "age")
    """
    frame = check_frame(frame)
    groups = group_observers(frame, by)
    counts = ("n", "n_correct")
    table = average_groups(
        accuracy(groups.frame), groups, ("dataset", "condition"), "accuracy", counts, n_resamples, seed
    )
    table["pooled"] = table["n_correct"] / table["n"]
    ranks = {name: rank for rank, name in enumerate(dataset_order(table["dataset"].unique()))}
    table = table.sort_values("dataset", key=lambda names: names.map(ranks), kind="stable").reset_index(drop=True)
    table = table[list(ACCURACY)]
    add_notes(table, groups.notes)
    return table


def shape_bias_by_group(
    frame: pd.DataFrame, by: str, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:  # fmt: skip
    """Return the mean shape bias over the observers of each group, over all images and for every shape category.

    Args:
        frame: Trials as returned by `read_trials`.
        by: Column whose values are the groups: `kind`, `group` (of a labels file), `session` or another column.
        n_resamples: Number of bootstrap resamples of the observers (0: no intervals).
        seed: Random seed of the bootstrap.

    Returns:
        A table with the columns `SHAPE_BIAS`, with one row per group for the category "all" and one per shape category. The
        counts are sums over observers. `n_observers` is the number of observers whose shape bias is defined.

    Raises:
        UnknownName: If the frame does not have the column.
        LogError: If the column is empty or has too many values, or in the cases of `shape_bias`.

    Example:
        >>> table = shape_bias_by_group(frame, "kind")
        >>> table[table["category"] == "all"]
    """
    frame = check_frame(frame)
    # An observer can belong to other groups in datasets without cue conflicts, which do not count here.
    groups = group_observers(cue_conflict_trials(frame), by)
    counts = ("n_conflict", "n_shape", "n_texture")
    table = average_groups(shape_bias(groups.frame), groups, ("category",), "shape_bias", counts, n_resamples, seed)
    n_cues = table["n_shape"] + table["n_texture"]
    table["pooled"] = table["n_shape"] / n_cues.where(n_cues > 0)
    table = table[list(SHAPE_BIAS)]
    add_notes(table, groups.notes)
    return table


def average_groups(
    table: pd.DataFrame,
    groups: Groups,
    keys: Sequence[str],
    value: str,
    counts: Sequence[str],
    n_resamples: int,
    seed: int,
) -> pd.DataFrame:
    """Average a measure over the observers of each group.

    Args:
        table: A measure with one row per observer and combination of keys.
        groups: The groups.
        keys: Columns that identify a row of an observer, such as `dataset` and `condition`.
        value: The column to average.
        counts: Columns to sum.
        n_resamples: Number of bootstrap resamples of the observers (0: no intervals).
        seed: Random seed of the bootstrap.

    Returns:
        A table with the columns `group`, `kind`, the keys, `n_observers` (with a defined value), the counts, the value,
        `low` and `high`. Rows are sorted by group and then as in the table.
    """
    on = ["dataset", "observer"] if "dataset" in keys else ["observer"]
    members = groups.members[[*on, "group"]].drop_duplicates()
    table = table.merge(members, on=on, how="inner", validate="many_to_one")
    kinds, parts = groups.kinds(), []
    for group in groups.names:
        of_group = table[table["group"] == group]
        for _, rows in of_group.groupby("dataset", sort=False) if "dataset" in keys else [("", of_group)]:
            if len(rows):
                part = _average(rows, keys, value, counts, n_resamples, seed)
                part.insert(0, "kind", kinds[group])
                part.insert(0, "group", group)
                parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _average(
    rows: pd.DataFrame, keys: Sequence[str], value: str, counts: Sequence[str], n_resamples: int, seed: int
) -> pd.DataFrame:
    """Average a measure over the observers of one group and dataset."""
    row, _ = pd.factorize(pd.MultiIndex.from_frame(rows[list(keys)]))
    observer, names = pd.factorize(rows["observer"])
    values = np.full((len(names), row.max() + 1), np.nan)
    values[observer, row] = rows[value].to_numpy(float)
    n = (~np.isnan(values)).sum(axis=0)
    part = rows.iloc[np.unique(row, return_index=True)[1]][list(keys)].reset_index(drop=True)
    part["n_observers"] = n
    sums = rows.groupby(row)[list(counts)].sum()
    for name in counts:
        part[name] = sums[name].to_numpy()
    part[value] = _means(values, np.ones((len(names), 1)))[:, 0]
    ends = percentiles(_means(values, resample_weights(len(names), n_resamples, seed).astype(float)))
    part["low"], part["high"] = np.where(n > 1, ends, np.nan)
    return part


def _means(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weighted means over the observers, (rows, R), from values (observers, rows) and weights (observers, R)."""
    total = np.nan_to_num(values).T @ weight
    n = (~np.isnan(values)).astype(float).T @ weight
    return np.asarray(np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0))
