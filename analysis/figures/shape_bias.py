"""Figure 1 of the field: how often each observer decides for texture (to the right) and for shape (to the left).

A row a category, the highest shape bias of people at the top, and a last row for all conflicts; a marker an observer; a
vertical line an observer at its bias over all of them, where its interval is drawn in the last row. With more than N_SINGLE
observers the people are one, pooled.
"""

from collections.abc import Collection
from typing import Any

import pandas as pd
from attrs import evolve
from matplotlib.axes import Axes

from analysis.figures import style

N_SINGLE = 12
ALL = "all"


def arrange(table: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """What the figure shows: rows of both tables (columns of `analysis.shape_bias`), sorted as they are drawn.

    `people` is all people pooled, and empty where there are none. Categories are ordered by its bias, highest first;
    without people by the mean over observers. Nothing else is computed.
    """
    n_people = table.loc[table["kind"] == "human", "observer"].nunique()
    if n_people > 1 and table["observer"].nunique() > N_SINGLE:
        pooled = people.assign(observer=f"people, pooled (n = {n_people})")
        table = pd.concat([pooled, table[table["kind"] != "human"]])
    by = people if len(people) else table
    bias = by.groupby("category")["shape_bias"].mean().sort_values(ascending=False, kind="stable")
    order = [c for c in dict.fromkeys([*bias.index, *table["category"]]) if c != ALL] + [ALL]
    rank = table["category"].map({category: i for i, category in enumerate(order)})
    return table.iloc[rank.argsort(kind="stable")].reset_index(drop=True)


def draw_shape_bias(shown: pd.DataFrame, ax: Axes, *, marked: Collection[str] = ()) -> Axes:
    """Draw what `arrange` gave. A category in which an observer has no shape bias has no marker of it.

    Where observers are `marked`, they are large and dark and everyone else is faint.
    """
    categories = list(dict.fromkeys(shown["category"]))
    row = {category: i for i, category in enumerate(categories)}
    apart = shown["observer"].isin(list(marked))
    dark = {name: _darker(mark) for name, mark in style.marks(shown[apart]).items()}
    drawn = dark | style.marks(shown[~apart])
    for i, (observer, mark) in reversed(list(enumerate(drawn.items()))):  # people last, on top
        of_observer = shown[shown["observer"] == observer]
        line = mark.line()
        upright: dict[str, Any] = {"linewidth": 0.8, "alpha": mark.line()["alpha"], "color": mark.look.color}
        if observer in marked:
            line |= {"markersize": 7.5, "zorder": 5.0, "alpha": 1.0, "markeredgewidth": 1.3}
            upright |= {"linewidth": 1.6, "alpha": 1.0, "linestyle": ("-", "--", ":", "-.")[i % 4]}
        elif marked:
            line |= {"alpha": 0.25, "zorder": 1.8}
            upright |= {"alpha": 0.25}
        ax.plot(1 - of_observer["shape_bias"], of_observer["category"].map(row), linestyle="none", **line)
        every = of_observer[(of_observer["category"] == ALL) & of_observer["shape_bias"].notna()]
        for bias, low, high in zip(every["shape_bias"], every["low"], every["high"], strict=True):
            ax.axvline(1 - bias, zorder=1.5, **upright)
            ax.hlines(
                row[ALL], 1 - high, 1 - low, color=upright["color"], alpha=upright["alpha"], linewidth=2.2, zorder=1.6
            )
    ax.set(xlim=(-0.02, 1.02), ylim=(len(row) - 0.4, -0.6), xlabel="Fraction of “texture” decisions")
    ax.set_yticks(range(len(row)), ["all conflicts" if category == ALL else category for category in categories])
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color=style.GRID, linewidth=0.6)
    ax.axhline(len(row) - 1.5, color="black", linewidth=0.6)
    top = ax.secondary_xaxis("top", functions=(opposite, opposite))
    top.set_xlabel("Fraction of “shape” decisions")
    ax.spines["top"].set_visible(True)
    style.legend(ax, drawn)
    return ax


def _darker(mark: style.ObserverStyle) -> style.ObserverStyle:
    return evolve(mark, look=evolve(mark.look, color=mark.look.ink))


def opposite(fraction: Any) -> Any:
    """Texture decisions from shape decisions, and back."""
    return 1 - fraction
