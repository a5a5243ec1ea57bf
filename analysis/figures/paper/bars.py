"""Figures 3, 4, 9 and 11: one horizontal bar for each observer, from top to bottom in the order of the table.

The tables have the columns `observer`, `kind`, `value`, `low`, `high` and `of`. If the mean of an observer covers only
some of the datasets, `of` has a text such as "(1 of 3)", which is appended to the name, and the bar is pale. The color
of the bar and the marker before the name show the kind of the observer. If the first row combines all people, the
parameter `reference` draws the value and the interval of that row through all bars.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style

LABELS = {
    "ood_accuracy": "OOD accuracy",
    "accuracy_difference": "Accuracy difference (squared)",
    "observed_consistency": "Observed consistency",
    "error_consistency": "Error consistency κ",
}


def figure_3(table: pd.DataFrame, figure: Figure) -> Figure:
    """Draw out-of-distribution accuracy.

    Args:
        table: One row for each observer, with the columns that the module describes.
        figure: An empty figure to draw on.

    Returns:
        The figure.
    """
    return _draw_single_panel(table, figure, "ood_accuracy")


def figure_4(table: pd.DataFrame, figure: Figure) -> Figure:
    """Draw error consistency with people.

    Args:
        table: One row for each observer, with the columns that the module describes. The row of people has the error
            consistency of people with each other.
        figure: An empty figure to draw on.

    Returns:
        The figure.
    """
    return _draw_single_panel(table, figure, "error_consistency")


def figure_9(table: pd.DataFrame, figure: Figure) -> Figure:
    """Draw one panel for each measure of the benchmark.

    Args:
        table: One row for each measure and observer, with the columns that the module describes and the column
            `measure`.
        figure: An empty figure to draw on.

    Returns:
        The figure.
    """
    measures = [measure for measure in LABELS if (table["measure"] == measure).any()]
    panels = [(LABELS[measure], table[table["measure"] == measure]) for measure in measures]
    return _draw_panels(panels, figure, reference=True)


def figure_11(table: pd.DataFrame, figure: Figure, *, chance: float | None = 1 / 16) -> Figure:
    """Draw accuracy with one panel for each dataset.

    Args:
        table: One row for each dataset and observer, with the columns that the module describes and the column
            `dataset`.
        figure: An empty figure to draw on.
        chance: Chance accuracy, or None if it is not known.

    Returns:
        The figure.
    """
    panels = [(str(dataset), rows) for dataset, rows in table.groupby("dataset", sort=False)]
    _draw_panels(panels, figure, reference=False)
    for ax in figure.axes:
        ax.set(xlim=(0, 1), title=ax.get_xlabel(), xlabel="Accuracy")
        if chance is not None:
            ax.axvline(chance, color=style.CHANCE_COLOR, linestyle=":")
    return figure


def _draw_single_panel(table: pd.DataFrame, figure: Figure, measure: str) -> Figure:
    figure.set_size_inches(4.6, 0.7 + style.row_height(len(table)) * len(table))
    draw_bars(table, figure.add_subplot(), LABELS[measure], reference=True)
    style.add_kind_legend(figure, table)
    return figure


def _draw_panels(panels: list[tuple[str, pd.DataFrame]], figure: Figure, *, reference: bool) -> Figure:
    """Draw (label, table) panels on a grid with at most two columns."""
    n_bars = max((len(table) for _, table in panels), default=1)
    n_columns = min(len(panels), 2)
    n_rows = -(-len(panels) // n_columns)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    figure.set_size_inches(0.2 + 3.9 * n_columns, 0.4 + n_rows * (0.6 + style.row_height(n_bars) * n_bars))
    for i, (label, table) in enumerate(panels):
        draw_bars(table, figure.add_subplot(n_rows, n_columns, i + 1), label, reference=reference)
    style.add_kind_legend(figure, pd.concat([table for _, table in panels]))
    return figure


def draw_bars(table: pd.DataFrame, ax: Axes, label: str, *, reference: bool) -> Axes:
    """Draw one panel of bars; an undefined value is shown as a dash.

    Args:
        table: One row for each observer, with the columns that the module describes.
        ax: The axes to draw on.
        label: Label of the x axis.
        reference: Whether to draw the value of all people, if it is in the first row, as a line through all bars.

    Returns:
        The axes.
    """
    for i, row in enumerate(table.to_dict("records")):
        kind_style, is_pale, value = style.style_of(row["observer"], row["kind"]), bool(row["of"]), row["value"]
        if value != value:
            ax.text(0, i, " –", va="center")
            continue
        ax.barh(i, value, height=0.7, color=kind_style.face_color, edgecolor=kind_style.color, linewidth=0.7,
                alpha=0.45 if is_pale else 1.0)  # fmt: skip
        if row["low"] == row["low"]:
            ax.hlines(i, row["low"], row["high"], color="white", linewidth=2.4)  # visible on a dark bar
            ax.hlines(i, row["low"], row["high"], color="black", linewidth=0.9)
    first = table.iloc[0]
    if reference and first["observer"] in style.POOLED_OBSERVERS and first["value"] == first["value"]:
        color = style.kind_style(first["kind"]).color
        ax.axvline(first["value"], color=color, linestyle="--", linewidth=0.8, zorder=3)
        ax.axvspan(first["low"], first["high"], color=color, alpha=0.12, linewidth=0, zorder=0.5)
    if (table["low"].fillna(0) < 0).any():
        ax.axvline(0, color="black", linewidth=0.6)
    ax.set(ylim=(len(table) - 0.4, -0.6), xlabel=label)
    style.label_rows(ax, table, list(table["of"]))
    ax.grid(axis="x", color=style.GRID_COLOR, linewidth=0.6)
    return ax
