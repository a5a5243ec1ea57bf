"""Figure 2 of Jaini et al. (2024): an image, what noise or masks left of it, and what a model makes of that by choice.

K choices. Images are (h, w, 3) in 0..1. The choice with the least error has a frame; the answer that was given, if it is
told, a star. A choice that has an icon has it in the corner of its image.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style

N_COLUMNS = 8


def draw_reconstructions(
    shown: np.ndarray, left: np.ndarray, images: np.ndarray, errors: np.ndarray, choices: Sequence[str], figure: Figure, *,
    answer: str = "", icons: Mapping[str, np.ndarray] | None = None,
) -> Figure:  # fmt: skip
    """Draw the image as the observer was shown it, what was left, and (K, h, w, 3) images with their (K,) errors.

    `icons` are (n, n) ink in 0..1 by choice.
    """
    n_rows = -(-len(choices) // N_COLUMNS)
    figure.set_size_inches(0.8 * (N_COLUMNS + 1.3), 1.02 * n_rows)
    grid = figure.add_gridspec(n_rows, N_COLUMNS + 1, width_ratios=[1.3] + [1] * N_COLUMNS, hspace=0.35, wspace=0.08)
    first = grid[:, 0].subgridspec(2, 1, hspace=0.35)
    _image(figure.add_subplot(first[0]), shown, "shown")
    _image(figure.add_subplot(first[1]), left, "what was left")
    best = int(errors.argmin())
    for k, choice in enumerate(choices):
        ax = figure.add_subplot(grid[k // N_COLUMNS, 1 + k % N_COLUMNS])
        _image(ax, images[k], f"{'★ ' if choice == answer else ''}{choice}\n{errors[k]:.3g}")
        if icons and choice in icons:
            corner = ax.inset_axes((0.66, 0.03, 0.31, 0.31))
            corner.imshow(1 - icons[choice], cmap="gray", vmin=0, vmax=1)
            corner.set(xticks=[], yticks=[])
            for spine in corner.spines.values():
                spine.set_linewidth(0.4)
        if k == best:
            color = style.KIND_STYLES["generative"].color
            ax.title.set(color=color, weight="bold")
            for spine in ax.spines.values():
                spine.set(visible=True, color=color, linewidth=2)
    return figure


def _image(ax: Axes, image: np.ndarray, title: str) -> None:
    ax.imshow(np.clip(image, 0, 1), interpolation="nearest")
    ax.set_title(title, fontsize=6, pad=2)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
