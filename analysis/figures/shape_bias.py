"""Figure 1 of the field: how often each observer decides for texture (to the right) and for shape (to the left).

A row a category, the highest shape bias of people at the top, and a last row for all conflicts; a marker an observer; a
vertical line an observer at its bias over all of them. With more than N_SINGLE observers the people are one, pooled.
"""

from typing import Any

import pandas as pd
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


def draw_shape_bias(shown: pd.DataFrame, ax: Axes) -> Axes:
    """Draw what `arrange` gave. A category in which an observer has no shape bias has no marker of it."""
    categories = list(dict.fromkeys(shown["category"]))
    row = {category: i for i, category in enumerate(categories)}
    drawn = style.marks(shown)
    for observer, mark in reversed(drawn.items()):  # people last, on top
        of_observer = shown[shown["observer"] == observer]
        ax.plot(1 - of_observer["shape_bias"], of_observer["category"].map(row), linestyle="none", **mark.line())
        for bias in of_observer.loc[of_observer["category"] == ALL, "shape_bias"].dropna():
            ax.axvline(1 - bias, color=mark.look.color, linewidth=0.8, alpha=mark.line()["alpha"], zorder=1.5)
    ax.set(xlim=(-0.02, 1.02), ylim=(len(row) - 0.4, -0.6), xlabel="Fraction of “texture” decisions")
    ax.set_yticks(range(len(row)), ["all conflicts" if category == ALL else category for category in categories])
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color=style.GRID, linewidth=0.6)
    ax.axhline(len(row) - 1.5, color="black", linewidth=0.6)
    top = ax.secondary_xaxis("top", functions=(_opposite, _opposite))
    top.set_xlabel("Fraction of “shape” decisions")
    ax.spines["top"].set_visible(True)
    style.legend(ax, drawn)
    return ax


def _opposite(fraction: Any) -> Any:
    return 1 - fraction
