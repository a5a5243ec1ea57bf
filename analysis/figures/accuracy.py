"""Accuracy on one dataset: one line for each observer over several conditions, or one bar for each observer.

Error bars are the intervals in the table. A dotted line marks chance if it is known. With more than `style.MAX_SHOWN`
observers, each kind of observer has a line with a band, which shows its mean and the range of its observers, or a row with
one marker for each observer and a black line at the mean.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.measures.accuracy import accuracy_by_kind
from stimuli.published.datasets import DATASETS

GOLDEN_RATIO = (1 + 5**0.5) / 2
MAX_CLEAR = 4  # with more observers, error bars are faint so that they do not hide the lines
MAX_CHARACTERS = 60  # if all labels together have more characters, they would overlap and are therefore rotated


def draw_accuracy_figure(table: pd.DataFrame, figure: Figure, *, chance: float | None) -> Figure:
    """Draw the accuracy of observers on one dataset on an empty figure, set the size of the figure, and return it.

    The arguments are those of `draw_accuracy`.
    """
    n_observers, n_kinds = table["observer"].nunique(), table["kind"].nunique()
    height = 0.4 + (0.16 * n_observers if n_observers <= style.MAX_SHOWN else 0.5 * n_kinds)
    figure.set_size_inches((4.4, 2.8) if table["condition"].nunique() > 1 else (3.6, height))
    draw_accuracy(table, figure.add_subplot(), chance=chance)
    return figure


def draw_accuracy(table: pd.DataFrame, ax: Axes, *, chance: float | None = 1 / 16) -> Axes:
    """Draw the accuracy of observers on one dataset.

    If the dataset has several conditions, each observer has a line. If it has only one, each observer has a horizontal
    bar, with the best observer at the top.

    Args:
        table: The rows of one dataset of the table that `analysis.accuracy` returns.
        ax: The axes to draw on.
        chance: Chance accuracy, or None if it is not known.

    Returns:
        The axes.
    """
    conditions = _condition_labels(table)
    if table["observer"].nunique() > style.MAX_SHOWN:
        draw = _draw_kind_lines if len(conditions) > 1 else _draw_kind_rows
    else:
        draw = _draw_lines if len(conditions) > 1 else _draw_bars
    return draw(table, ax, conditions, chance)


def _condition_labels(table: pd.DataFrame) -> dict[str, str]:
    """Return condition -> label in the published order; unpublished conditions follow, with their names and order."""
    names = list(dict.fromkeys(table["condition"]))
    published = DATASETS.get(table["dataset"].iloc[0])
    labels = {} if published is None else {c.name: c.label for c in published.conditions if c.name in names}
    return labels | {condition: condition for condition in names if condition not in labels}


def _draw_lines(table: pd.DataFrame, ax: Axes, conditions: dict[str, str], chance: float | None) -> Axes:
    styles = style.observer_styles(table)
    position = {condition: i for i, condition in enumerate(conditions)}
    step = min(0.05, 0.4 / len(styles))  # shifts observers sideways so that their error bars do not overlap
    for i, (observer, observer_style) in reversed(list(enumerate(styles.items()))):
        rows = table[table["observer"] == observer].sort_values("condition", key=lambda c: c.map(position))
        x = rows["condition"].map(position) + step * (i - (len(styles) - 1) / 2)
        options = observer_style.plot_options()
        bars = to_rgba(options["color"], 1.0 if len(styles) <= MAX_CLEAR else 0.35)
        ax.errorbar(x, rows["accuracy"], _error_lengths(rows), elinewidth=0.6, ecolor=bars, **options)
    _label_conditions(table, ax, conditions, chance)
    style.add_legend(ax, styles, linestyle="-")
    return ax


def _draw_kind_lines(table: pd.DataFrame, ax: Axes, conditions: dict[str, str], chance: float | None) -> Axes:
    """Draw the mean over the observers of each kind, and their range as a band."""
    position = {condition: i for i, condition in enumerate(conditions)}
    by_kind = accuracy_by_kind(table)
    for kind, kind_style in style.KIND_STYLES.items():
        rows = by_kind[by_kind["kind"] == kind].sort_values("condition", key=lambda c: c.map(position))
        if rows.empty:
            continue
        x, label = rows["condition"].map(position), f"{kind_style.label} (n = {rows['n_observers'].max()})"
        ax.fill_between(x, rows["lowest"], rows["highest"], color=kind_style.color, alpha=0.12, linewidth=0)
        ax.plot(x, rows["accuracy"], color=kind_style.color, marker=kind_style.marker, label=label,
                markerfacecolor=kind_style.face_color)  # fmt: skip
    _label_conditions(table, ax, conditions, chance)
    ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)
    return ax


def _label_conditions(table: pd.DataFrame, ax: Axes, conditions: dict[str, str], chance: float | None) -> None:
    """Label the axes of a figure over conditions, and draw the line of chance."""
    if chance is not None:
        ax.axhline(chance, color=style.CHANCE_COLOR, linestyle=":")
    dataset = table["dataset"].iloc[0]
    x_label = DATASETS[dataset].axis if dataset in DATASETS else "Condition"
    ax.set(xlim=(-0.5, len(conditions) - 0.5), ylim=(0, 1.02), xlabel=x_label, ylabel="Accuracy")
    labels = list(conditions.values())
    ax.set_xticks(range(len(labels)), labels)
    if sum(map(len, labels)) > MAX_CHARACTERS:
        ax.tick_params(axis="x", rotation=90)
    ax.grid(axis="y", color=style.GRID_COLOR, linewidth=0.6)


def _draw_bars(table: pd.DataFrame, ax: Axes, conditions: dict[str, str], chance: float | None) -> Axes:
    """Draw horizontal bars with the highest accuracy at the top, or in the order that the user chose."""
    table = style.sort_rows(table, "accuracy")
    kind_styles = [style.style_of(*pair) for pair in zip(table["observer"], table["kind"], strict=True)]
    faces = [kind_style.face_color for kind_style in kind_styles]
    edges = [kind_style.color for kind_style in kind_styles]
    ax.barh(range(len(table)), table["accuracy"], color=faces, edgecolor=edges, linewidth=0.7, height=0.7)
    lengths = _error_lengths(table)
    ax.errorbar(table["accuracy"], range(len(table)), xerr=lengths, fmt="none", ecolor="black", elinewidth=0.7)
    _label_bars(ax, len(table), conditions, chance)
    names = style.short_names(list(table["observer"]), dict(zip(table["observer"], table["kind"], strict=True)))
    ax.set_yticks(range(len(table)), names)
    ax.tick_params(axis="y", length=0)
    for label, kind_style in zip(ax.get_yticklabels(), kind_styles, strict=True):
        label.set_color(kind_style.text_color)
    return ax


def _draw_kind_rows(table: pd.DataFrame, ax: Axes, conditions: dict[str, str], chance: float | None) -> Axes:
    """Draw a row for each kind, with one marker for each observer and a black line at the mean."""
    by_kind = accuracy_by_kind(table)
    kinds = [kind for kind in style.KIND_STYLES if (by_kind["kind"] == kind).any()]
    for row, kind in enumerate(kinds):
        kind_style, values = style.KIND_STYLES[kind], table.loc[table["kind"] == kind, "accuracy"].sort_values()
        # Multiples of the golden ratio spread the markers of similar values over the height of the row.
        y = row + 0.6 * (np.arange(len(values)) * GOLDEN_RATIO % 1 - 0.5)
        ax.plot(values, y, linestyle="none", color=kind_style.color, marker=kind_style.marker, markersize=3, alpha=0.5,
                markerfacecolor=kind_style.face_color)  # fmt: skip
        ax.vlines(
            by_kind.loc[by_kind["kind"] == kind, "accuracy"], row - 0.38, row + 0.38, color="black", linewidth=1.2
        )
    _label_bars(ax, len(kinds), conditions, chance)
    n_of_kind = by_kind.set_index("kind")["n_observers"]
    ax.set_yticks(range(len(kinds)), [f"{style.KIND_STYLES[kind].label} (n = {n_of_kind[kind]})" for kind in kinds])
    ax.tick_params(axis="y", length=0)
    for label, kind in zip(ax.get_yticklabels(), kinds, strict=True):
        label.set_color(style.KIND_STYLES[kind].text_color)
    return ax


def _label_bars(ax: Axes, n_rows: int, conditions: dict[str, str], chance: float | None) -> None:
    """Set the limits of a figure with horizontal rows, label its x axis, and draw the line of chance."""
    if chance is not None:
        ax.axvline(chance, color=style.CHANCE_COLOR, linestyle=":")
    condition = next(iter(conditions.values()))
    ax.set(xlim=(0, 1), ylim=(n_rows - 0.4, -0.6), xlabel="Accuracy" + (f", {condition}" if condition else ""))


def _error_lengths(table: pd.DataFrame) -> list[pd.Series]:
    """Return the lengths of error bars below and above the accuracy; rounding never makes them negative."""
    return [(table["accuracy"] - table["low"]).clip(lower=0), (table["high"] - table["accuracy"]).clip(lower=0)]
