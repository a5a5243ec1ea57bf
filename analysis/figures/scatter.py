"""Observers as points: on a map, or where two measures of each put them."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style


def draw_points(table: pd.DataFrame, ax: Axes, *, x_label: str, y_label: str, is_map: bool = False) -> Axes:
    """A marker for every row of a table with `observer`, `kind`, `x`, `y`; on a map both axes have one scale."""
    drawn = style.marks(table)
    for observer, x, y in zip(table["observer"], table["x"], table["y"], strict=True):
        ax.plot([x], [y], linestyle="none", **drawn[observer].line())
    if is_map:
        ax.set_aspect("equal", "datalim")
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.grid(color=style.GRID, linewidth=0.6)
    style.legend(ax, drawn)
    return ax
