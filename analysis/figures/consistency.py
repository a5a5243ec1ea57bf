"""Draw the error consistency of all pairs of observers as a matrix, with the tree of their clusters beside it.

The figure follows figure 6 of Jaini et al. (2024). Observers are in the order of the clustering. Red is agreement
beyond chance, blue is disagreement, white is κ = 0, and gray with a dash is an undefined κ. The color of a name and the
marker before its row show the kind of the observer. With at most MAX_NUMBERED observers, each cell shows its number.
Without numbers, cells below 0 (after rounding to two decimals) show a minus sign, since red and blue look alike in
grayscale. With more than `style.MAX_SHOWN` observers, the matrix has a fixed size, without names and minus signs; a strip
at its left side shows the kinds.
"""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.kind_styles import KindStyle
from analysis.io.number_format import format_kappa, round_half_away
from analysis.kappa.clustering import Clustering

MAX_NUMBERED = 20  # if there are more observers, the cells do not show numbers
UNDEFINED_COLOR = "#D0D0D0"
TREE_WIDTH, COLOR_BAR_WIDTH = 1.3, 0.22  # widths of the parts beside the matrix, in inches
LARGE_SIZE = 7.0  # side length of a matrix without names, in inches


def matrix_size(n_observers: int) -> float:
    """Return the side length in inches at which the names and numbers of a matrix are readable."""
    if n_observers > style.MAX_SHOWN:
        return LARGE_SIZE
    return max(1.2, n_observers * (0.3 if n_observers <= MAX_NUMBERED else 0.15))


def draw_consistency(matrix: pd.DataFrame, kinds: Mapping[str, str], clustering: Clustering, figure: Figure) -> Figure:
    """Draw a matrix of error consistency with its cluster tree, and set the size of the figure.

    Args:
        matrix: κ of all pairs, with observers as index and columns.
        kinds: Maps the name of an observer to its kind.
        clustering: The clustering of `matrix`, which gives the order of the rows and the tree.
        figure: An empty figure to draw on.

    Returns:
        The figure.
    """
    order = list(clustering.order)
    kappa = matrix.loc[order, order].to_numpy(float)
    n, inches = len(order), matrix_size(len(order))
    styles = [style.style_of(name, kinds[name]) for name in order]
    width = inches + TREE_WIDTH + COLOR_BAR_WIDTH
    figure.set_size_inches(width, inches)
    ax = figure.add_axes((0.0, 0.0, inches / width, 1.0))
    tree = figure.add_axes(((inches + 0.08) / width, 0.0, (TREE_WIDTH - 0.2) / width, 1.0))
    bar = figure.add_axes(
        ((inches + TREE_WIDTH + 0.1) / width, 0.0, (COLOR_BAR_WIDTH - 0.1) / width, min(1.0, 1.8 / inches))
    )

    colors = matplotlib.colormaps["RdBu_r"].with_extremes(bad=UNDEFINED_COLOR)
    image = ax.imshow(kappa, cmap=colors, vmin=-1, vmax=1, interpolation="nearest", aspect="auto")
    ax.spines[:].set_visible(False)
    if n > style.MAX_SHOWN:
        _draw_kind_strip(ax, styles)
    else:
        _label_observers(ax, order, kinds, styles)
    if n <= MAX_NUMBERED:
        for i in range(n):
            for j in range(n):
                value = kappa[i, j]
                color = "white" if abs(value) > 0.6 else "black"
                ax.text(j, i, format_kappa(value), ha="center", va="center", fontsize=6, color=color)
    elif n <= style.MAX_SHOWN:
        _draw_minus_signs(ax, kappa)
    if n <= style.MAX_SHOWN:
        style.draw_kind_markers(ax, styles)
    handles = [style.kind_handle(shown) for shown in style.legend_styles(order, [kinds[name] for name in order])]
    if handles:
        ax.legend(handles=handles, ncols=min(len(handles), style.MAX_LEGEND_COLUMNS), loc="lower left",
                  bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, handlelength=0.9, columnspacing=1.0)  # fmt: skip

    line_width = 0.7 if n <= style.MAX_SHOWN else 100 / n
    tree.add_collection(LineCollection(branches(clustering), colors="black", linewidths=line_width))
    top = float(clustering.linkage[-1, 2])
    tree.set(xlim=(0, max(top, 0.01) * 1.04), ylim=ax.get_ylim(), yticks=[], xlabel="distance 1 − κ")
    tree.spines["left"].set_visible(False)
    figure.colorbar(image, cax=bar, label="error consistency κ")
    return figure


def _label_observers(ax: Axes, order: list[str], kinds: Mapping[str, str], styles: Sequence[KindStyle]) -> None:
    """Label the rows and columns with the names of the observers, in their colors."""
    names = style.short_names(order, kinds)
    ax.set_xticks(range(len(order)), names, rotation=90)
    ax.set_yticks(range(len(order)), names)
    ax.tick_params(length=0, pad=2, labelsize=6.5 if len(order) > MAX_NUMBERED else 8)
    ax.tick_params(axis="y", pad=9)
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        for label, of_row in zip(labels, styles, strict=True):
            label.set_color(of_row.text_color)


def _draw_kind_strip(ax: Axes, styles: Sequence[KindStyle]) -> None:
    """Draw a strip at the left side of the matrix in which every row has the color of its observer."""
    strip = ax.inset_axes((-0.035, 0.0, 0.025, 1.0))
    strip.imshow([[to_rgb(of_row.color)] for of_row in styles], interpolation="nearest", aspect="auto")
    for axes in (ax, strip):
        axes.set(xticks=[], yticks=[])
    strip.spines[:].set_visible(False)


def _draw_minus_signs(ax: Axes, kappa: np.ndarray) -> None:
    is_negative = round_half_away(np.nan_to_num(kappa), 2) < 0
    for color, mask in (("black", is_negative & (kappa >= -0.6)), ("white", is_negative & (kappa < -0.6))):
        rows, columns = np.nonzero(mask)
        ax.plot(columns, rows, linestyle="none", marker="_", color=color, markersize=4, markeredgewidth=0.7)


def branches(clustering: Clustering) -> list[list[tuple[float, float]]]:
    """Return one bracket for each merge of the tree, as four (distance, row) points.

    The leaves are at the distance 0, in the rows 0, 1, … in the order of the clustering.
    """
    nodes = [(0.0, float(row)) for row in range(len(clustering.order))]
    brackets = []
    for first, second, height, _ in clustering.linkage:
        (x1, y1), (x2, y2) = nodes[int(first)], nodes[int(second)]
        brackets.append([(x1, y1), (height, y1), (height, y2), (x2, y2)])
        nodes.append((height, (y1 + y2) / 2))
    return brackets
