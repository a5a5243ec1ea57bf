"""Figures 1, 12 and 13: shape bias by category, as markers (figures 1 and 13) or as box plots (figure 12)."""

from collections.abc import Collection, Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.shape_bias import add_shape_axis, draw_shape_bias


def figure_1(table: pd.DataFrame, figure: Figure, *, marked: Collection[str] = ()) -> Figure:
    """Draw shape bias with one row for each category and one marker for each observer.

    Args:
        table: The table that `analysis.figures.shape_bias.arrange` returns.
        figure: An empty figure to draw on.
        marked: Observers to emphasize, as in figure 13.

    Returns:
        The figure.
    """
    figure.set_size_inches(4.6, 0.4 + 0.25 * table["category"].nunique())
    draw_shape_bias(table, figure.add_subplot(), marked=marked)
    return figure


def figure_13(table: pd.DataFrame, figure: Figure, *, marked: Collection[str]) -> Figure:
    """Draw figure 1 with large, dark markers for the observers that are compared and faint markers for all others.

    Args:
        table: The table that `analysis.figures.shape_bias.arrange` returns.
        figure: An empty figure to draw on.
        marked: The observers to compare, for example a network before and after training.

    Returns:
        The figure.
    """
    return figure_1(table, figure, marked=marked)


def figure_12(table: pd.DataFrame, figure: Figure) -> Figure:
    """Draw one horizontal box plot of shape bias for each observer.

    The box shows the quartiles over categories, the line shows the median, the whiskers end at the lowest and the
    highest value of a category, and the marker shows the shape bias over all cue conflicts.

    Args:
        table: The table that `analysis.measures.shape_bias.shape_bias_spread` returns; its first observer is at the top.
        figure: An empty figure to draw on.

    Returns:
        The figure.
    """
    n = len(table)
    figure.set_size_inches(4.6, 0.7 + style.row_height(n) * n)
    ax = figure.add_subplot()
    styles = style.observer_styles(table)
    for i, row in enumerate(table.to_dict("records")):
        if row["n_categories"]:
            _draw_box(ax, i, row, style.style_of(row["observer"], row["kind"]).text_color)
        options = styles[row["observer"]].plot_options() | {"alpha": 1.0, "zorder": 4.0, "markersize": 3.2}
        ax.plot([1 - float(row["shape_bias"])], [i], linestyle="none", **options)
    ax.set(xlim=(-0.02, 1.02), ylim=(n - 0.4, -0.6), xlabel="Fraction of “texture” decisions")
    style.label_rows(ax, table)
    ax.grid(axis="x", color=style.GRID_COLOR, linewidth=0.6)
    add_shape_axis(ax)
    return figure


def _draw_box(ax: Axes, i: int, row: Mapping[Hashable, Any], color: str) -> None:
    """Draw a box in row i; its ends are swapped because the axis shows texture decisions, 1 − shape bias."""
    columns = {"whislo": "highest", "q1": "q3", "med": "median", "q3": "q1", "whishi": "lowest"}
    line = {"color": color, "linewidth": 0.8}
    ax.bxp(
        [{name: 1 - float(row[column]) for name, column in columns.items()}], positions=[i], widths=0.62,
        orientation="horizontal", showfliers=False, patch_artist=True, manage_ticks=False, capprops=line,
        whiskerprops=line, boxprops={"facecolor": "white", "edgecolor": color, "linewidth": 0.8},
        medianprops=line | {"linewidth": 1.8},
    )  # fmt: skip
