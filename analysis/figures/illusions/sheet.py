"""Draw contact sheets of reconstructions in the layouts of Figures 7 and 8 of Jaini et al. (2024).

Figure 7 compares observers. It has a block of rows for each image, with one row for each prompt, and a group of columns
for each observer, with one column for each seed. The image itself is at the left, with its credit line below it. Below
each reconstruction is its pixel distance to the image (root mean square over pixels and channels in 0..1).

Figure 8 shows one image restored by one observer under many prompts. A number on each reconstruction is its distance to
the image. The smallest distance has a green background, and all other distances have a red background.
"""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.illusions.reconstructions import read_image

NEAREST, OTHER = "#1B7837", "#B2182B"
SIDE = 0.85  # inches per side of an image
N_COLUMNS = 4  # number of columns in the layout of Figure 8
N_LETTERS = 13  # characters of an observer's name that fit above one image


def draw_sheet(table: pd.DataFrame, figure: Figure) -> Figure:
    """Draw Figure 7 into an empty figure and return it.

    `table` has the rows of `read_reconstructions` with one strength, one number of steps and one guidance scale.
    """
    blocks = {image: list(dict.fromkeys(part["prompt"])) for image, part in table.groupby("image", sort=False)}
    observers, seeds = list(dict.fromkeys(table["observer"])), sorted(table["seed"].unique())
    n_rows, n_columns = sum(map(len, blocks.values())), len(observers) * len(seeds)
    figure.set_size_inches(SIDE * (n_columns + 3.2), (SIDE + 0.14) * n_rows + 0.3)
    grid = figure.add_gridspec(
        n_rows, 2 + n_columns, width_ratios=[1.5, 1.3, *[1] * n_columns], hspace=0.2, wspace=0.06
    )
    cells = {(row["image"], row["prompt"], row["observer"], row["seed"]): row for row in table.to_dict("records")}
    top = 0
    for image, prompts in blocks.items():
        rows = table[table["image"] == image]
        _original(figure.add_subplot(grid[top : top + len(prompts), 0]), rows.iloc[0])
        for r, prompt in enumerate(prompts, top):
            prompt_ax = figure.add_subplot(grid[r, 1])
            prompt_ax.text(1, 0.5, textwrap.fill(f"“{prompt}”", 18), ha="right", va="center", fontsize=6.5)
            prompt_ax.set_axis_off()
            for o, observer in enumerate(observers):
                for s, seed in enumerate(seeds):
                    ax = figure.add_subplot(grid[r, 2 + o * len(seeds) + s])
                    ax.set_axis_off()
                    cell = cells.get((image, prompt, observer, seed))
                    if cell is None:
                        continue
                    _show(ax, cell["file"])
                    distance = ax.text(0.5, -0.03, f"{cell['pixel_distance']:.3f}", transform=ax.transAxes, fontsize=5)
                    distance.set(ha="center", va="top")
                    if r == 0 and s == 0:
                        name = textwrap.fill(observer, N_LETTERS * len(seeds))
                        ax.text(0.53 * len(seeds), 1.06, name, transform=ax.transAxes, ha="center", fontsize=6.5)
        top += len(prompts)
    return figure


def draw_prompt_grid(table: pd.DataFrame, figure: Figure) -> Figure:
    """Draw Figure 8 into an empty figure and return it.

    `table` has the rows of `read_reconstructions` with one image, one observer and one setting, and one row for each
    prompt.
    """
    n_rows = -(-len(table) // N_COLUMNS)
    figure.set_size_inches(1.25 * (N_COLUMNS + 1), 1.3 * n_rows)
    grid = figure.add_gridspec(n_rows, N_COLUMNS + 1, hspace=0.28, wspace=0.06)
    _original(figure.add_subplot(grid[:, 0]), table.iloc[0])
    nearest = table["pixel_distance"].idxmin()
    for k, (index, row) in enumerate(table.iterrows()):
        ax = figure.add_subplot(grid[k // N_COLUMNS, 1 + k % N_COLUMNS])
        _show(ax, row["file"])
        ax.set_axis_off()
        ax.set_title(textwrap.shorten(row["prompt"], 30, placeholder=" …"), fontsize=5.5, pad=2)
        color = NEAREST if index == nearest else OTHER
        mark = "nearest " if index == nearest else ""  # so that color is not the only mark
        box = {"facecolor": color, "edgecolor": "none", "pad": 1.2}
        corner = ax.text(0.97, 0.04, f"{mark}{row['pixel_distance']:.3f}", transform=ax.transAxes, fontsize=6.5)
        corner.set(ha="right", va="bottom", color="white", bbox=box)
    return figure


def _original(ax: Axes, row: pd.Series) -> None:
    """Show the original image of a table row with its name and credit line."""
    _show(ax, row["original"])
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, linewidth=0.6, color=style.CHANCE_COLOR)
    ax.set_title(textwrap.shorten(row["image"], 34, placeholder=" …"), fontsize=6.5, pad=3)
    if row["attribution"]:
        credit_line = "\n".join(textwrap.wrap(row["attribution"], 34))
        ax.text(0.5, -0.04, credit_line, transform=ax.transAxes, ha="center", va="top", fontsize=4)


def _show(ax: Axes, file: str) -> None:
    """Show an image file; pixels of small images stay sharp."""
    image = read_image(file)
    ax.imshow(image, interpolation="nearest" if max(image.shape[:2]) < 128 else "antialiased")
