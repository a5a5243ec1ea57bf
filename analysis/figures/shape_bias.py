"""Shape bias by category, as in figure 1 of Jaini et al. (2024): fraction of texture decisions and of shape decisions.

Each category has a row. The category in which people have the highest shape bias is at the top, and the last row is for
all cue conflicts together. Each observer has one marker in every row, and a vertical line at its shape bias over all
cue conflicts. The interval of this overall shape bias is in the last row. With more than MAX_OBSERVERS observers the
responses of people are pooled. With more than `style.MAX_SHOWN` observers, each other kind of observer has markers at the
mean of its observers, and the last row shows their range.
"""

from collections.abc import Collection
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.measures.shape_bias import shape_bias_by_kind
from analysis.measures.totals import ALL

MAX_OBSERVERS = 12  # if the figure has more observers, people are pooled


def arrange(table: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Select and sort the rows that the figure shows, and combine the observers of each kind if there are many.

    Categories are sorted by the shape bias of pooled people, highest first. If there are no people, they are sorted by
    the mean shape bias of all observers.

    Args:
        table: The table that `analysis.shape_bias` returns, with all observers.
        people: The same table for all people pooled into one observer; empty if there are no people.

    Returns:
        Rows of both tables in the order in which they are drawn.
    """
    n_people = table.loc[table["kind"] == "human", "observer"].nunique()
    if len(people) and n_people > 1 and table["observer"].nunique() > MAX_OBSERVERS:
        pooled = people.assign(observer=f"people, pooled (n = {n_people})")
        others = table[table["kind"] != "human"]
    else:
        pooled, others = table[:0], table
    if table["observer"].nunique() > style.MAX_SHOWN:
        others = shape_bias_by_kind(others)
    table = pd.concat([pooled, others]) if len(pooled) else others
    reference = people if len(people) else table
    bias = reference.groupby("category")["shape_bias"].mean().sort_values(ascending=False, kind="stable")
    order = [c for c in dict.fromkeys([*bias.index, *table["category"]]) if c != ALL] + [ALL]
    rank = table["category"].map({category: i for i, category in enumerate(order)})
    return table.iloc[rank.argsort(kind="stable")].reset_index(drop=True)


def draw_shape_bias_figure(table: pd.DataFrame, figure: Figure) -> Figure:
    """Draw the table that `arrange` returns on an empty figure, set the size of the figure, and return it."""
    figure.set_size_inches(4.2, 0.4 + 0.25 * table["category"].nunique())
    draw_shape_bias(table, figure.add_subplot())
    return figure


def draw_shape_bias(table: pd.DataFrame, ax: Axes, *, marked: Collection[str] = ()) -> Axes:
    """Draw the shape bias of observers by category.

    Where the shape bias of an observer is undefined, its marker is not drawn.

    Args:
        table: The table that `arrange` returns.
        ax: The axes to draw on.
        marked: Observers to emphasize: their markers are large and dark, and those of all other observers are faint.

    Returns:
        The axes.
    """
    categories = list(dict.fromkeys(table["category"]))
    row = {category: i for i, category in enumerate(categories)}
    is_marked = table["observer"].isin(list(marked))
    dark_styles = {name: observer.darker() for name, observer in style.observer_styles(table[is_marked]).items()}
    styles = dark_styles | style.observer_styles(table[~is_marked])
    for i, (observer, observer_style) in reversed(list(enumerate(styles.items()))):  # draws people last, on top
        rows = table[table["observer"] == observer]
        options = observer_style.plot_options()
        vertical: dict[str, Any] = {
            "linewidth": 0.8, "alpha": options["alpha"], "color": observer_style.kind_style.color
        }  # fmt: skip
        if observer in marked:
            options |= {"markersize": 7.5, "zorder": 5.0, "alpha": 1.0, "markeredgewidth": 1.3}
            vertical |= {"linewidth": 1.6, "alpha": 1.0, "linestyle": ("-", "--", ":", "-.")[i % 4]}
        elif marked:
            options |= {"alpha": 0.25, "zorder": 1.8}
            vertical |= {"alpha": 0.25}
        ax.plot(1 - rows["shape_bias"], rows["category"].map(row), linestyle="none", **options)
        overall = rows[(rows["category"] == ALL) & rows["shape_bias"].notna()]
        for bias, low, high in zip(overall["shape_bias"], overall["low"], overall["high"], strict=True):
            ax.axvline(1 - bias, zorder=1.5, **vertical)
            ax.hlines(
                row[ALL], 1 - high, 1 - low, color=vertical["color"], alpha=vertical["alpha"], linewidth=2.2, zorder=1.6
            )
    ax.set(xlim=(-0.02, 1.02), ylim=(len(row) - 0.4, -0.6), xlabel="Fraction of “texture” decisions")
    ax.set_yticks(range(len(row)), ["all conflicts" if category == ALL else category for category in categories])
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", color=style.GRID_COLOR, linewidth=0.6)
    ax.axhline(len(row) - 1.5, color="black", linewidth=0.6)
    add_shape_axis(ax)
    style.add_legend(ax, styles)
    return ax


def add_shape_axis(ax: Axes) -> None:
    """Add a second x axis at the top with the fraction of shape decisions, 1 − the fraction of texture decisions."""
    top = ax.secondary_xaxis("top", functions=(_one_minus, _one_minus))
    top.set_xlabel("Fraction of “shape” decisions")
    ax.spines["top"].set_visible(True)


def _one_minus(fraction: Any) -> Any:
    return 1 - fraction
