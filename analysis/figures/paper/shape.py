"""Figures 1, 12 and 13: shape bias by category, as points, as boxes, and of a few observers before all others."""

from collections.abc import Collection, Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.shape_bias import draw_shape_bias, opposite


def figure_1(shown: pd.DataFrame, figure: Figure, *, marked: Collection[str] = ()) -> Figure:
    """A row a category, a point an observer: what `analysis.figures.shape_bias.arrange` gives."""
    figure.set_size_inches(4.6, 0.4 + 0.25 * shown["category"].nunique())
    draw_shape_bias(shown, figure.add_subplot(), marked=marked)
    return figure


def figure_13(shown: pd.DataFrame, figure: Figure, *, marked: Collection[str]) -> Figure:
    """Figure 1 with the observers that are compared large and dark, and everyone else faint."""
    return figure_1(shown, figure, marked=marked)


def figure_12(table: pd.DataFrame, figure: Figure) -> Figure:
    """A box an observer, from `analysis.shape_bias.spread`, in the order of the table, the first at the top.

    Box: quartiles over categories, line: median, whiskers: lowest and highest category; marker: over all conflicts.
    """
    n = len(table)
    figure.set_size_inches(4.6, 0.7 + style.row_height(n) * n)
    ax = figure.add_subplot()
    drawn = style.marks(table)
    for i, row in enumerate(table.to_dict("records")):
        look = style.KIND_STYLES[row["kind"]]
        if row["n_categories"]:
            _box(ax, i, row, look.ink)
        mark = drawn[row["observer"]].line() | {"alpha": 1.0, "zorder": 4.0, "markersize": 3.2}
        ax.plot([1 - float(row["shape_bias"])], [i], linestyle="none", **mark)
    ax.set(xlim=(-0.02, 1.02), ylim=(n - 0.4, -0.6), xlabel="Fraction of “texture” decisions")
    style.name_rows(ax, table)
    ax.grid(axis="x", color=style.GRID, linewidth=0.6)
    top = ax.secondary_xaxis("top", functions=(opposite, opposite))
    top.set_xlabel("Fraction of “shape” decisions")
    ax.spines["top"].set_visible(True)
    return figure


def _box(ax: Axes, i: int, row: Mapping[Hashable, Any], ink: str) -> None:
    ends = {"whislo": "highest", "q1": "q3", "med": "median", "q3": "q1", "whishi": "lowest"}
    line = {"color": ink, "linewidth": 0.8}
    ax.bxp(
        [{name: 1 - float(row[of]) for name, of in ends.items()}], positions=[i], widths=0.62, orientation="horizontal",
        showfliers=False, patch_artist=True, manage_ticks=False, capprops=line, whiskerprops=line,
        boxprops={"facecolor": "white", "edgecolor": ink, "linewidth": 0.8}, medianprops=line | {"linewidth": 1.8},
    )  # fmt: skip
