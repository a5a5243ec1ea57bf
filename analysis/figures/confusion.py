"""Confusion matrices as a figure: one panel for each observer or kind of observer, with P(response | category).

Rows are categories and columns are responses. Darker cells are more frequent responses. The diagonal has the correct
responses, and a column "no response" is last if responses are missing. Gray rows are categories that were not shown.
"""

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.io.number_format import format_number

MAX_SIZE = 40  # with more categories or responses, the labels of a matrix are not readable
MAX_NUMBERED = 20  # with more, or with several panels of more than MAX_NUMBERED_PANELS categories, cells lack numbers
MAX_NUMBERED_PANELS = 6
CELL, SMALL_CELL = 0.27, 0.15  # side length of a cell in inches, with and without numbers
LABELS = 0.85  # space for the labels of a panel, in inches
NOT_SHOWN_COLOR = "#D0D0D0"


def draw_confusion(panels: Mapping[str, pd.DataFrame], figure: Figure) -> Figure:
    """Draw confusion matrices on an empty figure, set the size of the figure, and return it.

    Args:
        panels: Maps the title of each panel to a matrix of P(response | category), as `confusion_matrix` returns it. All
            matrices have the same rows and columns.
        figure: The figure to draw on.
    """
    first = next(iter(panels.values()))
    n_rows, n_columns = first.shape
    is_numbered = max(first.shape) <= (MAX_NUMBERED if len(panels) == 1 else MAX_NUMBERED_PANELS)
    cell = CELL if is_numbered else SMALL_CELL
    n_across = min(len(panels), 2)
    n_down = -(-len(panels) // n_across)
    width, height = LABELS + cell * n_columns, LABELS + 0.25 + cell * n_rows
    figure.set_size_inches(n_across * width + 0.5, n_down * height)
    axes = figure.subplots(n_down, n_across, squeeze=False, gridspec_kw={"wspace": LABELS / (cell * n_columns) + 0.1,
                           "hspace": LABELS / (cell * n_rows)})  # fmt: skip
    for ax, (title, matrix) in zip(axes.ravel(), panels.items(), strict=False):
        image = _draw_matrix(matrix, ax, is_numbered=is_numbered)
        ax.set_title(title)
    for ax in axes.ravel()[len(panels) :]:
        ax.set_axis_off()
    figure.colorbar(
        image, ax=list(axes.ravel()), shrink=min(1.0, 1.6 / (n_down * height)), label="P(response | category)"
    )
    return figure


def _draw_matrix(matrix: pd.DataFrame, ax: Axes, *, is_numbered: bool) -> matplotlib.image.AxesImage:
    """Draw one confusion matrix and return its image."""
    share = matrix.to_numpy(float)
    colors = matplotlib.colormaps["Greys"].with_extremes(bad=NOT_SHOWN_COLOR)
    image = ax.imshow(share, cmap=colors, vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    size = 7 if is_numbered else 6
    ax.set_xticks(range(share.shape[1]), [str(name) or "no response" for name in matrix.columns], rotation=90)
    ax.set_yticks(range(share.shape[0]), list(matrix.index))
    ax.tick_params(length=0, labelsize=size)
    ax.set_xlabel("Response", fontsize=size)
    ax.set_ylabel("Category", fontsize=size)
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(style.GRID_COLOR)
    for i, name in enumerate(matrix.index):
        if name in matrix.columns:  # a frame around the correct response
            j = list(matrix.columns).index(name)
            ax.plot(np.array([-0.5, 0.5, 0.5, -0.5, -0.5]) + j, np.array([-0.5, -0.5, 0.5, 0.5, -0.5]) + i,
                    color="#1F77B4", linewidth=0.5)  # fmt: skip
    if is_numbered:
        for i, j in zip(*np.nonzero(np.nan_to_num(share) >= 0.005), strict=True):
            text = format_number(share[i, j], 2).removeprefix("0")
            ax.text(j, i, text, ha="center", va="center", fontsize=5.5, color="white" if share[i, j] > 0.6 else "black")
    return image
