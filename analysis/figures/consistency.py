"""Figure 6 of the field: error consistency of everyone with everyone, ordered by clustering, the tree at its side.

Red is agreement beyond chance, blue is disagreement, white is kappa 0; undefined kappa is gray with a dash. The color of a
name and the marker before its row say its kind. With at most N_NUMBERED observers each cell has its number; without numbers
a cell below 0 (once rounded to two decimals) has a minus sign, since in gray red and blue look alike.
"""

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis.clustering import Clustering
from analysis.figures import style

N_NUMBERED = 20
UNDEFINED = "#D0D0D0"
TREE, BAR = 1.3, 0.22  # inches beside the matrix


def side(n_observers: int) -> float:
    """Side of the matrix in inches, so that names, and numbers where there are any, can be read."""
    return max(1.2, n_observers * (0.3 if n_observers <= N_NUMBERED else 0.15))


def draw_consistency(matrix: pd.DataFrame, kinds: Mapping[str, str], clustering: Clustering, figure: Figure) -> Figure:
    """Draw an observers × observers kappa matrix, `kinds` observer -> kind, and its clustering; sizes the figure."""
    order = list(clustering.order)
    kappa = matrix.loc[order, order].to_numpy(float)
    n, inches = len(order), side(len(order))
    width = inches + TREE + BAR
    figure.set_size_inches(width, inches)
    ax = figure.add_axes((0.0, 0.0, inches / width, 1.0))
    tree = figure.add_axes(((inches + 0.08) / width, 0.0, (TREE - 0.2) / width, 1.0))
    bar = figure.add_axes(((inches + TREE + 0.1) / width, 0.0, (BAR - 0.1) / width, min(1.0, 1.8 / inches)))

    colors = matplotlib.colormaps["RdBu_r"].with_extremes(bad=UNDEFINED)
    image = ax.imshow(kappa, cmap=colors, vmin=-1, vmax=1, interpolation="nearest", aspect="auto")
    names = style.short_names(order, kinds)
    ax.set_xticks(range(n), names, rotation=90)
    ax.set_yticks(range(n), names)
    ax.tick_params(length=0, pad=2, labelsize=6.5 if n > N_NUMBERED else 8)
    ax.tick_params(axis="y", pad=9)
    ax.spines[:].set_visible(False)
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        for label, name in zip(labels, order, strict=True):
            label.set_color(style.KIND_STYLES[kinds[name]].ink)
    if n <= N_NUMBERED:
        for i in range(n):
            for j in range(n):
                value = kappa[i, j]
                ink = "white" if abs(value) > 0.6 else "black"
                ax.text(j, i, _number(value), ha="center", va="center", fontsize=6, color=ink)
    else:
        _minus_signs(ax, kappa)
    present = [look for kind, look in style.KIND_STYLES.items() if kind in {kinds[name] for name in order}]
    style.kind_markers(ax, [kinds[name] for name in order])
    handles = [style.kind_handle(look) for look in present]
    ax.legend(handles=handles, ncols=len(present), loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2,
              handlelength=0.9, columnspacing=1.0)  # fmt: skip

    tree.add_collection(LineCollection(branches(clustering), colors="black", linewidths=0.7))
    top = float(clustering.linkage[-1, 2])
    tree.set(xlim=(0, max(top, 0.01) * 1.04), ylim=ax.get_ylim(), yticks=[], xlabel="distance 1 − κ")
    tree.spines["left"].set_visible(False)
    figure.colorbar(image, cax=bar, label="error consistency κ")
    return figure


def _number(value: float) -> str:
    """Two decimals without the leading zero; a dash where undefined."""
    return "–" if value != value else f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1).replace("-", "−")


def _minus_signs(ax: Axes, kappa: np.ndarray) -> None:
    below = np.round(np.nan_to_num(kappa), 2) < 0
    for ink, where in (("black", below & (kappa >= -0.6)), ("white", below & (kappa < -0.6))):
        rows, columns = np.nonzero(where)
        ax.plot(columns, rows, linestyle="none", marker="_", color=ink, markersize=4, markeredgewidth=0.7)


def branches(clustering: Clustering) -> list[list[tuple[float, float]]]:
    """A bracket a merge, as (distance, row) points; leaves stand in rows 0, 1, … at distance 0."""
    nodes = [(0.0, float(row)) for row in range(len(clustering.order))]
    brackets = []
    for left, right, height, _ in clustering.linkage:
        (x1, y1), (x2, y2) = nodes[int(left)], nodes[int(right)]
        brackets.append([(x1, y1), (height, y1), (height, y2), (x2, y2)])
        nodes.append((height, (y1 + y2) / 2))
    return brackets
