"""The data of the interactive matrix of many observers, which the page loads in parts.

Array dimensions: O observers, O (O - 1) / 2 pairs i < j in the order of `np.triu_indices`.
    data/consistency_<dataset>.js    names, kinds, orders, the tree, and the mean κ of every pair
    data/pairs_<dataset>_<n>.js      κ, its interval and the 2 × 2 table in every condition, of about PAIRS_PER_FILE pairs
Every number is encoded as letters, so that the files are small: κ as the number of its step, where steps are half a
thousandth wide and counted from -1.0005, in KAPPA_LETTERS letters, and a count in COUNT_LETTERS letters. A missing number
is written as spaces.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.io.number_format import NUDGE
from analysis.kappa.clustering import Clustering
from analysis.kappa.contingency import COUNTS
from analysis.report.sections.plots import matrix_orders, pair_columns
from analysis.report.sections.scripts import as_letters, write_data

PAIRS_PER_FILE = 20_000
KAPPA_LETTERS, COUNT_LETTERS = 2, 3
FIRST_STEP = 2001  # is added to the number of a step, which is at least -2001


def write_large_matrix(
    out: Path, dataset: str, anchor: str, matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering,
    pairs: pd.DataFrame, contingency: pd.DataFrame,
) -> dict[str, Any]:  # fmt: skip
    """Write the files with the details of all pairs, and return the data of the matrix.

    The arguments are those of `analysis.report.sections.plots.matrix_data`, and `out` is the folder of the report.
    """
    n = len(matrix)
    columns = pair_columns(dataset, [str(name) for name in matrix.index], pairs, contingency)
    starts = np.cumsum([0, *range(n - 1, 0, -1)])  # for each observer i, the position of its first pair
    first_observers = [0]
    for i in range(n - 1):
        if starts[i + 1] - starts[first_observers[-1]] > PAIRS_PER_FILE and i > first_observers[-1]:
            first_observers.append(i)
    for number, (first, end) in enumerate(zip(first_observers, [*first_observers[1:], n - 1], strict=True)):
        part = slice(starts[first], starts[end])
        data = [
            {name: _encode_counts(c[name][part]) if name in COUNTS else _encode_kappas(c[name][part]) for name in c}
            for c in columns.values()
        ]
        write_data(out, f"pairs_{anchor}_{number}", data)
    kappa = matrix.to_numpy(float)[np.triu_indices(n, k=1)]
    return matrix_orders(dataset, anchor, matrix, kinds, tree) | {
        "kappa": _encode_kappas(kappa), "conditions": list(columns), "pairs": f"pairs_{anchor}_",
        "first_observers": first_observers,
    }  # fmt: skip


def _encode_kappas(values: np.ndarray) -> str:
    """Encode values from -1 to 1 in steps that are half a thousandth wide, so that the page rounds them correctly.

    The page decodes the middle of a step, and values are rounded up or down only at the boundaries between steps.
    """
    steps = np.floor(2000 * np.clip(np.nan_to_num(values), -1, 1) * (1 + NUDGE))
    return as_letters(np.where(np.isnan(values), -1, steps + FIRST_STEP).astype(int), KAPPA_LETTERS)


def _encode_counts(values: np.ndarray) -> str:
    return as_letters(np.where(np.isnan(values), -1, values).astype(int), COUNT_LETTERS)
