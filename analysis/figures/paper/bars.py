"""Figures 3, 4, 9 and 11: a bar an observer, in the order of the table from the top.

Tables have `observer`, `kind`, `value`, `low`, `high`, and `of`, words behind the name of an observer whose mean is over
fewer datasets: its bar is pale. The kind is told by the color and, for gray, by the marker beside the name. The first
row is that of the people where there are some; `reference` draws its value through all bars, with its interval.
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
    """Out-of-distribution accuracy."""
    return _single(table, figure, "ood_accuracy")


def figure_4(table: pd.DataFrame, figure: Figure) -> Figure:
    """Error consistency with people; the row of the people is that with each other."""
    return _single(table, figure, "error_consistency")


def figure_9(table: pd.DataFrame, figure: Figure) -> Figure:
    """Four panels, a `measure` each."""
    panels = [(LABELS[m], table[table["measure"] == m]) for m in LABELS if (table["measure"] == m).any()]
    return _panels(panels, figure, reference=True)


def figure_11(table: pd.DataFrame, figure: Figure, *, chance: float | None = 1 / 16) -> Figure:
    """Accuracy, a panel a `dataset`."""
    panels = [(str(dataset), part) for dataset, part in table.groupby("dataset", sort=False)]
    _panels(panels, figure, reference=False)
    for ax in figure.axes:
        ax.set(xlim=(0, 1), title=ax.get_xlabel(), xlabel="Accuracy")
        if chance is not None:
            ax.axvline(chance, color=style.CHANCE, linestyle=":")
    return figure


def _single(table: pd.DataFrame, figure: Figure, measure: str) -> Figure:
    figure.set_size_inches(4.6, 0.7 + style.row_height(len(table)) * len(table))
    draw_bars(table, figure.add_subplot(), LABELS[measure], reference=True)
    style.kinds_legend(figure, table)
    return figure


def _panels(panels: list[tuple[str, pd.DataFrame]], figure: Figure, *, reference: bool) -> Figure:
    n_rows = max((len(part) for _, part in panels), default=1)
    n_columns = min(len(panels), 2)
    n_lines = -(-len(panels) // n_columns)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    figure.set_size_inches(0.2 + 3.9 * n_columns, 0.4 + n_lines * (0.6 + style.row_height(n_rows) * n_rows))
    for i, (label, part) in enumerate(panels):
        draw_bars(part, figure.add_subplot(n_lines, n_columns, i + 1), label, reference=reference)
    style.kinds_legend(figure, pd.concat([part for _, part in panels]))
    return figure


def draw_bars(table: pd.DataFrame, ax: Axes, label: str, *, reference: bool) -> Axes:
    """One panel. An undefined value is a dash."""
    for i, row in enumerate(table.to_dict("records")):
        look, pale, value = style.KIND_STYLES[row["kind"]], bool(row["of"]), row["value"]
        if value != value:
            ax.text(0, i, " –", va="center")
            continue
        face = "white" if look.fills[0] == "none" else look.color
        ax.barh(i, value, height=0.7, color=face, edgecolor=look.color, linewidth=0.7, alpha=0.45 if pale else 1.0)
        if row["low"] == row["low"]:
            ax.hlines(i, row["low"], row["high"], color="white", linewidth=2.4)  # seen on a dark bar, too
            ax.hlines(i, row["low"], row["high"], color="black", linewidth=0.9)
    first = table.iloc[0]
    if reference and first["observer"] in style.TOGETHER and first["value"] == first["value"]:
        ink = style.KIND_STYLES[first["kind"]].color
        ax.axvline(first["value"], color=ink, linestyle="--", linewidth=0.8, zorder=3)
        ax.axvspan(first["low"], first["high"], color=ink, alpha=0.12, linewidth=0, zorder=0.5)
    if (table["low"].fillna(0) < 0).any():
        ax.axvline(0, color="black", linewidth=0.6)
    ax.set(ylim=(len(table) - 0.4, -0.6), xlabel=label)
    style.name_rows(ax, table, list(table["of"]))
    ax.grid(axis="x", color=style.GRID, linewidth=0.6)
    return ax
