"""What the page's scripts draw from: numbers of the measures, rounded. The CSV files have them in full."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from analysis.accuracy import by_kind
from analysis.clustering import Clustering
from analysis.consistency import included
from analysis.contingency import COUNTS
from analysis.figures import style
from analysis.figures.consistency import branches
from analysis.frame import condition_order
from analysis.report.scripts import numbers
from stimuli.datasets import DATASETS

N_COLORS = 41  # of kappa from -1 to 1
N_SINGLE = 12  # with more observers their kinds are drawn first


def labels(dataset: str, conditions: list[str]) -> list[str]:
    """Conditions as an axis names them."""
    return [DATASETS[dataset].label(c) if dataset in DATASETS else c for c in conditions]


def matrix_data(
    dataset: str, anchor: str, matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering, pairs: pd.DataFrame,
    counts: pd.DataFrame,
) -> dict[str, Any]:  # fmt: skip
    """Kappa of every pair i < j in the order of `names`, by condition with its 2 × 2 table; orders as lists of places."""
    names = [str(name) for name in matrix.index]
    i, j = np.triu_indices(len(names), k=1)
    pairs, counts = included(pairs, dataset), included(counts, dataset)
    place = pd.Index(names)
    number = np.zeros((len(names),) * 2, int)
    number[i, j] = number[j, i] = np.arange(len(i))
    conditions = condition_order(dataset, pairs["condition"])
    by_condition = []
    for condition, label in zip(conditions, labels(dataset, conditions), strict=True):
        part, table = pairs[pairs["condition"] == condition], counts[counts["condition"] == condition]
        one, other = (place.get_indexer(pd.Index(part[name])) for name in ("observer_1", "observer_2"))
        where = number[one, other]
        values = {name: part[name].to_numpy(float) for name in ("kappa", "low", "high")}
        values |= {name: table[name].to_numpy(float) for name in COUNTS}
        columns = {name: np.full(len(i), np.nan) for name in values}
        for name, column in values.items():
            columns[name][where] = column
        by_condition.append({"condition": label} | {name: numbers(column, 3) for name, column in columns.items()})
    return {
        "dataset": dataset, "trials": f"trials_{anchor}", "names": names, "kinds": [kinds[name] for name in names],
        "kappa": numbers(matrix.to_numpy(float)[i, j], 3), "conditions": by_condition,
        "orders": _orders(matrix, kinds, tree), "tree": [numbers(np.ravel(b)) for b in branches(tree)],
        "colors": [to_hex(matplotlib.colormaps["RdBu_r"](x)) for x in np.linspace(0, 1, N_COLORS)],
    }  # fmt: skip


def _orders(matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering) -> dict[str, list[int]]:
    """By cluster, name, kind, and agreement with people where there are some: each observer's mean kappa with them."""
    names = [str(name) for name in matrix.index]
    ranks = {kind: i for i, kind in enumerate(style.KIND_STYLES)}
    everyone = range(len(names))
    orders = {
        "cluster": [names.index(name) for name in tree.order],
        "name": sorted(everyone, key=lambda o: (names[o].casefold(), names[o])),
        "kind": sorted(everyone, key=lambda o: ranks[kinds[names[o]]]),
    }
    people = np.array([kinds[name] == "human" for name in names])
    if people.any():
        kappa = matrix.to_numpy(float).copy()
        np.fill_diagonal(kappa, np.nan)
        with_people = pd.DataFrame(kappa[:, people]).mean(axis=1).fillna(-2.0)
        orders["people"] = sorted(everyone, key=lambda o: -with_people[o])
    return orders


def curves_data(dataset: str, table: pd.DataFrame, chance: float | None) -> dict[str, Any]:
    """A series a kind with the range of its observers, and one an observer with its interval."""
    conditions = list(dict.fromkeys(table["condition"]))
    series = []
    kinds = by_kind(table)
    many = table["observer"].nunique() > N_SINGLE
    n_of = {str(kind): int(n) for kind, n in kinds.groupby("kind", sort=False)["n_observers"].max().items()}
    for kind, n in n_of.items():
        if n > 1:
            name = f"{style.KIND_STYLES[kind].label}: mean and range of n = {n}"
            ends = _series(name, kind, kinds[kinds["kind"] == kind], ("lowest", "highest"), conditions)
            series.append(ends | {"on": many, "of": n})
    for (observer, of_kind), part in table.groupby(["observer", "kind"], sort=False):
        one = _series(str(observer), str(of_kind), part, ("low", "high"), conditions)
        series.append(one | {"on": not many or n_of[str(of_kind)] == 1})
    axis = DATASETS[dataset].axis if dataset in DATASETS else "Condition"
    return {"axis": axis, "conditions": labels(dataset, conditions), "chance": chance, "series": series}


def _series(
    name: str, kind: str, part: pd.DataFrame, ends: tuple[str, str], conditions: list[str]
) -> dict[str, Any]:  # fmt: skip
    there = part.set_index("condition").reindex(conditions)
    low, high = (numbers(there[end]) for end in ends)
    return {"name": name, "kind": kind, "accuracy": numbers(there["accuracy"]), "low": low, "high": high}


def bias_data(shown: pd.DataFrame, table: pd.DataFrame, everything: str) -> dict[str, Any]:
    """Rows of categories as the figure has them; every observer's shape bias in them, with its interval and counts."""
    categories = list(dict.fromkeys(shown["category"]))
    series = []
    for (observer, kind), part in table.groupby(["observer", "kind"], sort=False):
        rows = part.set_index("category").reindex(categories)
        columns = {name: numbers(rows[name]) for name in ("shape_bias", "low", "high", "n_shape", "n_texture")}
        series.append({"name": str(observer), "kind": str(kind)} | columns)
    names = ["all conflicts" if category == everything else category for category in categories]
    return {"categories": names, "series": series}
