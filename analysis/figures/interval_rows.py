"""Draw values with their intervals, one row for each observer, pair or kind of observer."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style

MAX_ROWS = 21  # with more rows, the rows of observers of one kind are drawn on one line
WIDTH = 3.7  # inches


def draw_interval_rows(
    table: pd.DataFrame, figure: Figure, x_label: str, references: Mapping[str, float] | None = None
) -> Figure:
    """Draw one marker with its interval for each row of a table.

    Args:
        table: Has the columns `label`, `kind`, `value`, `low` and `high`. Rows are drawn from bottom to top in the order of
            the values. If there are more than MAX_ROWS rows, each kind has one line with the markers of all its rows. The
            line of a kind with only one row has the label of this row.
        figure: An empty figure to draw on. The function sets its size.
        x_label: Label of the x axis.
        references: Values to mark with a vertical line, by their names.

    Returns:
        The figure.
    """
    table = table.sort_values("value", kind="stable").reset_index(drop=True)
    is_by_kind = len(table) > MAX_ROWS
    kinds = [kind for kind in (*style.KIND_STYLES, style.MIXED) if kind in set(table["kind"])]
    n_rows = len(kinds) if is_by_kind else len(table)
    figure.set_size_inches(WIDTH, 0.55 + max(style.row_height(n_rows), 0.45 if is_by_kind else 0) * max(n_rows, 2))
    ax = figure.add_subplot()
    for name, value in (references or {}).items():
        ax.axvline(value, color=style.CHANCE_COLOR, linewidth=0.8, linestyle="--", zorder=1)
        ax.annotate(name, (value, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
                    fontsize=6.5, color=style.CHANCE_COLOR, ha="center", va="bottom")  # fmt: skip
    if is_by_kind:
        _draw_kinds(ax, table, kinds[::-1])
    else:
        _draw_rows(ax, table)
    ax.set(xlabel=x_label, ylim=(-0.6, n_rows - 0.4))
    ax.grid(axis="x", color=style.GRID_COLOR, linewidth=0.6)
    return figure


def _draw_rows(ax: Axes, table: pd.DataFrame) -> None:
    """Draw each row of the table on its own line, with its label."""
    for y, row in enumerate(table.to_dict("records")):
        look = style.kind_style(row["kind"])
        ax.plot([row["low"], row["high"]], [y, y], color=look.color, linewidth=1.2, zorder=2)
        ax.plot([row["value"]], [y], marker=look.marker, color=look.color, markerfacecolor=look.face_color, zorder=3)
    ax.set_yticks(range(len(table)), list(table["label"]))
    ax.tick_params(axis="y", length=0, labelsize=7.5 if len(table) <= 12 else 6.5)
    for text, kind in zip(ax.get_yticklabels(), table["kind"], strict=True):
        text.set_color(style.kind_style(kind).text_color)


def _draw_kinds(ax: Axes, table: pd.DataFrame, kinds: list[str]) -> None:
    """Draw the rows of each kind on one line, side by side from its lower to its upper edge in the order of the values."""
    labels = []
    for y, kind in enumerate(kinds):
        part, look = table[table["kind"] == kind], style.kind_style(kind)
        places = y + np.linspace(-0.3, 0.3, len(part)) if len(part) > 1 else np.array([float(y)])
        ax.hlines(places, part["low"], part["high"], color=look.color, linewidth=0.6, alpha=0.6, zorder=2)
        ax.plot(part["value"], places, linestyle="none", marker=look.marker, color=look.color, markersize=3, zorder=3)
        labels.append(f"{look.label} (n = {len(part)})" if len(part) > 1 else str(part["label"].iloc[0]))
    ax.set_yticks(range(len(kinds)), labels)
    ax.tick_params(axis="y", length=0)
    for text, kind in zip(ax.get_yticklabels(), kinds, strict=True):
        text.set_color(style.kind_style(kind).text_color)
