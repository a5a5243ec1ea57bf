"""The data of the interactive figures.

The values of the measures are rounded here; the CSV files have the same values in full precision.
"""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from analysis.figures import style
from analysis.figures.consistency import branches
from analysis.io.frame import condition_order
from analysis.kappa.clustering import Clustering
from analysis.kappa.consistency import select_benchmark_conditions
from analysis.kappa.contingency import COUNTS
from analysis.measures.accuracy import accuracy_by_kind
from analysis.report.sections.scripts import numbers
from stimuli.published.datasets import DATASETS

N_COLORS = 41  # number of colors for κ from -1 to 1
MAX_OBSERVERS = 12  # with more observers, only the curves of kinds are shown at first


def condition_labels(dataset: str, conditions: list[str]) -> list[str]:
    """Return the labels of conditions on an axis."""
    return [DATASETS[dataset].label(c) if dataset in DATASETS else c for c in conditions]


def matrix_data(
    dataset: str, anchor: str, matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering, pairs: pd.DataFrame,
    contingency: pd.DataFrame,
) -> dict[str, Any]:  # fmt: skip
    """Return the data of the interactive matrix.

    The data contain the mean κ of every pair i < j of `names`; κ, its interval and the 2 × 2 table of every pair in every
    condition; and several orders of the observers, each as a list of indices into `names`.
    """
    i, j = np.triu_indices(len(matrix), k=1)
    by_condition = [
        {"condition": label} | {name: numbers(column, 3) for name, column in columns.items()}
        for label, columns in pair_columns(dataset, [str(name) for name in matrix.index], pairs, contingency).items()
    ]
    order_data = matrix_orders(dataset, anchor, matrix, kinds, tree)
    return order_data | {"kappa": numbers(matrix.to_numpy(float)[i, j], 3), "conditions": by_condition}


def pair_columns(
    dataset: str, names: list[str], pairs: pd.DataFrame, contingency: pd.DataFrame
) -> dict[str, dict[str, np.ndarray]]:
    """Return the values of every pair i < j of `names` in every condition that the benchmark includes.

    The keys are the labels of the conditions. The values are κ, its interval and the counts of the 2 × 2 table; they are
    NaN for a pair without images in common.
    """
    i, j = np.triu_indices(len(names), k=1)
    pairs, contingency = select_benchmark_conditions(pairs, dataset), select_benchmark_conditions(contingency, dataset)
    index = pd.Index(names)
    pair_number = np.zeros((len(names),) * 2, int)
    pair_number[i, j] = pair_number[j, i] = np.arange(len(i))
    conditions = condition_order(dataset, pairs["condition"].unique())
    by_condition = {}
    for condition, label in zip(conditions, condition_labels(dataset, conditions), strict=True):
        kappas, counts = (table[table["condition"] == condition] for table in (pairs, contingency))
        first, second = (index.get_indexer(pd.Index(kappas[name])) for name in ("observer_1", "observer_2"))
        values = {name: kappas[name].to_numpy(float) for name in ("kappa", "low", "high")}
        values |= {name: counts[name].to_numpy(float) for name in COUNTS}
        columns = {name: np.full(len(i), np.nan) for name in values}
        for name, column in values.items():
            columns[name][pair_number[first, second]] = column
        by_condition[label] = columns
    return by_condition


def matrix_orders(
    dataset: str, anchor: str, matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering
) -> dict[str, Any]:
    """Return the data of an interactive matrix that concern its observers: names, kinds, orders, tree and colors."""
    names = [str(name) for name in matrix.index]
    style_names = [style.style_name(name, kinds[name]) for name in names]
    return {
        "dataset": dataset, "trials": f"trials_{anchor}", "names": names, "kinds": style_names,
        "orders": _orders(matrix, kinds, tree), "tree": [numbers(np.ravel(bracket)) for bracket in branches(tree)],
        "colors": [to_hex(matplotlib.colormaps["RdBu_r"](x)) for x in np.linspace(0, 1, N_COLORS)],
    }  # fmt: skip


def _orders(matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering) -> dict[str, list[int]]:
    """Return the orders of the observers by cluster, by name, by kind and (if there are people) by mean κ with people."""
    names = [str(name) for name in matrix.index]
    ranks = {kind: i for i, kind in enumerate(style.KIND_STYLES)}
    indices, position = range(len(names)), {name: o for o, name in enumerate(names)}
    orders = {
        "cluster": [position[name] for name in tree.order],
        "name": sorted(indices, key=lambda o: (names[o].casefold(), names[o])),
        "kind": sorted(indices, key=lambda o: ranks[kinds[names[o]]]),
    }
    is_person = np.array([kinds[name] == "human" for name in names])
    if is_person.any():
        kappa = matrix.to_numpy(float).copy()
        np.fill_diagonal(kappa, np.nan)
        with_people = pd.DataFrame(kappa[:, is_person]).mean(axis=1).fillna(-2.0)
        orders["people"] = sorted(indices, key=lambda o: -with_people[o])
    return orders


def curves_data(dataset: str, table: pd.DataFrame, chance: float | None) -> dict[str, Any]:
    """Return one series for each kind with the range of its observers, and one for each observer with its intervals."""
    conditions = list(dict.fromkeys(table["condition"]))
    series = []
    kinds = accuracy_by_kind(table)
    has_many = table["observer"].nunique() > MAX_OBSERVERS
    n_of_kind = {str(kind): int(n) for kind, n in kinds.groupby("kind", sort=False)["n_observers"].max().items()}
    for kind, n in n_of_kind.items():
        if n > 1:
            name = f"{style.KIND_STYLES[kind].label}: mean and range of n = {n}"
            of_kind = _series(name, kind, kinds[kinds["kind"] == kind], ("lowest", "highest"), conditions)
            series.append(of_kind | {"on": has_many, "of": n})
    for (observer, observer_kind), part in table.groupby(["observer", "kind"], sort=False):
        own_style_name = style.style_name(str(observer), str(observer_kind))
        of_observer = _series(str(observer), own_style_name, part, ("low", "high"), conditions)
        series.append(of_observer | {"on": not has_many or n_of_kind[str(observer_kind)] == 1})
    axis = DATASETS[dataset].axis if dataset in DATASETS else "Condition"
    labels = condition_labels(dataset, conditions)
    return {"axis": axis, "conditions": labels, "chance": chance, "series": series}


def _series(
    name: str, kind: str, part: pd.DataFrame, ends: tuple[str, str], conditions: list[str]
) -> dict[str, Any]:  # fmt: skip
    rows = part.set_index("condition").reindex(conditions)
    low, high = (numbers(rows[end]) for end in ends)
    return {"name": name, "kind": kind, "accuracy": numbers(rows["accuracy"]), "low": low, "high": high}


def bias_data(rows: pd.DataFrame, table: pd.DataFrame, total: str) -> dict[str, Any]:
    """Return the shape bias of every observer by category, with intervals and counts, in the row order of the figure.

    `total` is the name of the row for all cue conflicts.
    """
    categories = list(dict.fromkeys(rows["category"]))
    series = []
    for (observer, kind), part in table.groupby(["observer", "kind"], sort=False):
        own = part.set_index("category").reindex(categories)
        columns = {name: numbers(own[name]) for name in ("shape_bias", "low", "high", "n_shape", "n_texture")}
        series.append({"name": str(observer), "kind": style.style_name(str(observer), str(kind))} | columns)
    names = ["all conflicts" if category == total else category for category in categories]
    return {"categories": names, "series": series}
