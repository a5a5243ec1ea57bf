"""Accuracy on one dataset: a line an observer over its conditions, or a bar an observer where there is one condition.

Error bars are the intervals of the table. Chance is dotted, where it is known.
"""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from stimuli.datasets import DATASETS

MAX_CHARACTERS = 60  # of all labels below the axis; more would overlap, so they are turned


def draw_accuracy(table: pd.DataFrame, ax: Axes, *, chance: float | None = 1 / 16) -> Axes:
    """Draw the rows of one dataset of the table that `analysis.accuracy` gives, conditions in the published order."""
    conditions = _conditions(table)
    drawing = _lines if len(conditions) > 1 else _bars
    return drawing(table, ax, conditions, chance)


def _conditions(table: pd.DataFrame) -> dict[str, str]:
    """Condition -> label, in the published order; of an unpublished dataset as they stand in the table."""
    there = list(dict.fromkeys(table["condition"]))
    published = DATASETS.get(table["dataset"].iloc[0])
    if published is None:
        return {condition: condition for condition in there}
    return {c.name: c.label for c in published.conditions if c.name in there}


def _lines(table: pd.DataFrame, ax: Axes, conditions: dict[str, str], chance: float | None) -> Axes:
    drawn = style.marks(table)
    place = {condition: i for i, condition in enumerate(conditions)}
    step = min(0.05, 0.4 / len(drawn))  # side by side, so that error bars do not cover each other
    for i, (observer, mark) in reversed(list(enumerate(drawn.items()))):
        of_observer = table[table["observer"] == observer].sort_values("condition", key=lambda c: c.map(place))
        x = of_observer["condition"].map(place) + step * (i - (len(drawn) - 1) / 2)
        ax.errorbar(x, of_observer["accuracy"], _spans(of_observer), elinewidth=0.6, **mark.line())
    if chance is not None:
        ax.axhline(chance, color=style.CHANCE, linestyle=":")
    dataset = table["dataset"].iloc[0]
    axis = DATASETS[dataset].axis if dataset in DATASETS else "Condition"
    ax.set(xlim=(-0.5, len(place) - 0.5), ylim=(0, 1.02), xlabel=axis, ylabel="Accuracy")
    labels = list(conditions.values())
    ax.set_xticks(range(len(place)), labels)
    if sum(map(len, labels)) > MAX_CHARACTERS:
        ax.tick_params(axis="x", rotation=90)
    ax.grid(axis="y", color=style.GRID, linewidth=0.6)
    style.legend(ax, drawn, linestyle="-")
    return ax


def _bars(table: pd.DataFrame, ax: Axes, conditions: dict[str, str], chance: float | None) -> Axes:
    """Best first, from the top."""
    table = table.sort_values("accuracy", ascending=False, kind="stable")
    looks = [style.KIND_STYLES[kind] for kind in table["kind"]]
    faces = ["white" if look.fills[0] == "none" else look.color for look in looks]
    edges = [look.color for look in looks]
    ax.barh(range(len(table)), table["accuracy"], color=faces, edgecolor=edges, linewidth=0.7, height=0.7)
    ax.errorbar(table["accuracy"], range(len(table)), xerr=_spans(table), fmt="none", ecolor="black", elinewidth=0.7)
    if chance is not None:
        ax.axvline(chance, color=style.CHANCE, linestyle=":")
    condition = next(iter(conditions.values()))
    ax.set(xlim=(0, 1), ylim=(len(table) - 0.4, -0.6), xlabel="Accuracy" + (f", {condition}" if condition else ""))
    names = style.short_names(list(table["observer"]), dict(zip(table["observer"], table["kind"], strict=True)))
    ax.set_yticks(range(len(table)), names)
    ax.tick_params(axis="y", length=0)
    for label, look in zip(ax.get_yticklabels(), looks, strict=True):
        label.set_color(look.ink)
    return ax


def _spans(table: pd.DataFrame) -> list[pd.Series]:
    """Distances down and up to the ends of the intervals, at least 0 whatever the rounding."""
    return [(table["accuracy"] - table["low"]).clip(lower=0), (table["high"] - table["accuracy"]).clip(lower=0)]
