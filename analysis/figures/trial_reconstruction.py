"""Draw one trial of a generative observer in the layout of Figure 2 of Jaini et al. (2024).

The figure shows the image, the noised or masked image, and one restored image for each choice. The evidence of each choice
over all draws, or the error of its restored image, is printed with it. A frame and a star mark the response; without a
response, the frame marks the restored image with the smallest error.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style

N_COLUMNS = 8


def draw_reconstructions(
    input_image: np.ndarray, damaged_image: np.ndarray, images: np.ndarray, errors: np.ndarray, choices: Sequence[str],
    figure: Figure, *, response: str = "", evidence: np.ndarray | None = None,
    icons: Mapping[str, np.ndarray] | None = None,
) -> Figure:  # fmt: skip
    """Draw a trial on a figure.

    Args:
        input_image: `(height, width, 3)` image in 0..1, as the model receives it.
        damaged_image: `(height, width, 3)` noised or masked image in 0..1.
        images: `(n_choices, height, width, 3)` images in 0..1, restored under each choice.
        errors: `(n_choices,)` errors of the restored images.
        choices: Names of the choices.
        figure: An empty figure to draw on. The function sets its size.
        response: The choice to mark with a frame and a star; "" if the observer did not respond.
        evidence: `(n_choices,)` evidence of the choices over all draws, which is printed instead of the errors of one draw.
        icons: Maps some choices to `(n, n)` icons, from 0 (white) to 1 (black), which are drawn in the corner of the
            image.

    Returns:
        The figure.
    """
    n_rows = -(-len(choices) // N_COLUMNS)
    figure.set_size_inches(0.8 * (N_COLUMNS + 1.3), 1.02 * n_rows)
    grid = figure.add_gridspec(n_rows, N_COLUMNS + 1, width_ratios=[1.3] + [1] * N_COLUMNS, hspace=0.35, wspace=0.08)
    first = grid[:, 0].subgridspec(2, 1, hspace=0.35)
    _image(figure.add_subplot(first[0]), input_image, "input")
    _image(figure.add_subplot(first[1]), damaged_image, "noised or masked")
    framed = choices.index(response) if response in choices else int(errors.argmin())
    numbers = errors if evidence is None else evidence
    for k, choice in enumerate(choices):
        ax = figure.add_subplot(grid[k // N_COLUMNS, 1 + k % N_COLUMNS])
        _image(
            ax,
            images[k],
            f"{'★ ' if choice == response else ''}{choice}\n{numbers[k]:{'.3g' if evidence is None else '.4g'}}",
        )
        if icons and choice in icons:
            corner = ax.inset_axes((0.66, 0.03, 0.31, 0.31))
            corner.imshow(1 - icons[choice], cmap="gray", vmin=0, vmax=1)
            corner.set(xticks=[], yticks=[])
            for spine in corner.spines.values():
                spine.set_linewidth(0.4)
        if k == framed:
            color = style.KIND_STYLES["generative"].color
            ax.title.set(color=color, weight="bold")
            for spine in ax.spines.values():
                spine.set(visible=True, color=color, linewidth=2)
    return figure


def _image(ax: Axes, image: np.ndarray, title: str) -> None:
    """Show an image with a title and without axes."""
    ax.imshow(np.clip(image, 0, 1), interpolation="nearest")
    ax.set_title(title, fontsize=6, pad=2)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
