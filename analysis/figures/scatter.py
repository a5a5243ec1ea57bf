"""Scatter plots of observers, with one marker for each observer."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style


def draw_map(points: pd.DataFrame, figure: Figure) -> Figure:
    """Draw a map of observers on an empty figure, set the size of the figure, and return it.

    Args:
        points: Has the columns `observer`, `kind`, `x` and `y` and one row for each observer.
        figure: The figure to draw on.
    """
    figure.set_size_inches(4.0, 3.2)
    draw_points(points, figure.add_subplot(), x_label="First dimension", y_label="Second dimension", is_map=True)
    return figure


def draw_points(table: pd.DataFrame, ax: Axes, *, x_label: str, y_label: str, is_map: bool = False) -> Axes:
    """Draw one marker for each observer.

    Args:
        table: Has the columns `observer`, `kind`, `x` and `y` and one row for each observer.
        ax: The axes to draw on.
        x_label: Label of the x axis.
        y_label: Label of the y axis.
        is_map: Whether both axes have the same scale, as on a map of distances.

    Returns:
        The axes.
    """
    styles = style.observer_styles(table)
    if len(table) > style.MAX_SHOWN:
        for _, part in table.groupby("kind", sort=False):
            options = styles[part["observer"].iloc[0]].plot_options() | {"markersize": 3.5, "markeredgewidth": 0.5}
            ax.plot(part["x"], part["y"], linestyle="none", **options)
    else:
        for observer, x, y in zip(table["observer"], table["x"], table["y"], strict=True):
            ax.plot([x], [y], linestyle="none", **styles[observer].plot_options())
    if is_map:
        ax.set_aspect("equal", "datalim")
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.grid(color=style.GRID_COLOR, linewidth=0.6)
    style.add_legend(ax, styles)
    return ax
