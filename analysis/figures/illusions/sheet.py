"""Figure 7 of Jaini et al. (2024): images, and what each observer makes of them under each prompt, side by side.

A block an image, a row a prompt, a column an observer (of as many pictures as there are seeds); the image itself at the
left, with whom to name under it. Below each picture its L2 distance to the image, root mean square of the pixels.
Figure 8: what one observer makes of one image under many prompts; nearest to the image is green, the others are red.
"""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.illusions.reconstructions import read_image

NEAREST, OTHER = "#1B7837", "#B2182B"
SIDE = 0.85  # inches of a picture
N_COLUMNS = 4  # of Figure 8
N_LETTERS = 13  # of an observer's name above a picture


def draw_sheet(table: pd.DataFrame, figure: Figure) -> Figure:
    """Rows of one strength, number of steps and guidance of `read_reconstructions`."""
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
            words = figure.add_subplot(grid[r, 1])
            words.text(1, 0.5, textwrap.fill(f"“{prompt}”", 18), ha="right", va="center", fontsize=6.5)
            words.set_axis_off()
            for o, observer in enumerate(observers):
                for s, seed in enumerate(seeds):
                    ax = figure.add_subplot(grid[r, 2 + o * len(seeds) + s])
                    ax.set_axis_off()
                    cell = cells.get((image, prompt, observer, seed))
                    if cell is None:
                        continue
                    _show(ax, cell["file"])
                    below = ax.text(0.5, -0.03, f"{cell['pixel_distance']:.3f}", transform=ax.transAxes, fontsize=5)
                    below.set(ha="center", va="top")
                    if r == 0 and s == 0:
                        name = textwrap.fill(observer, N_LETTERS * len(seeds))
                        ax.text(0.53 * len(seeds), 1.06, name, transform=ax.transAxes, ha="center", fontsize=6.5)
        top += len(prompts)
    return figure


def draw_many(table: pd.DataFrame, figure: Figure) -> Figure:
    """Figure 8: rows of one image, observer and setting, a prompt each."""
    n_rows = -(-len(table) // N_COLUMNS)
    figure.set_size_inches(1.25 * (N_COLUMNS + 1), 1.3 * n_rows)
    grid = figure.add_gridspec(n_rows, N_COLUMNS + 1, hspace=0.28, wspace=0.06)
    _original(figure.add_subplot(grid[:, 0]), table.iloc[0])
    nearest = table["pixel_distance"].idxmin()
    for k, (at, row) in enumerate(table.iterrows()):
        ax = figure.add_subplot(grid[k // N_COLUMNS, 1 + k % N_COLUMNS])
        _show(ax, row["file"])
        ax.set_axis_off()
        ax.set_title(textwrap.shorten(row["prompt"], 30, placeholder=" …"), fontsize=5.5, pad=2)
        color = NEAREST if at == nearest else OTHER
        mark = "nearest " if at == nearest else ""  # not by color alone
        box = {"facecolor": color, "edgecolor": "none", "pad": 1.2}
        corner = ax.text(0.97, 0.04, f"{mark}{row['pixel_distance']:.3f}", transform=ax.transAxes, fontsize=6.5)
        corner.set(ha="right", va="bottom", color="white", bbox=box)
    return figure


def _original(ax: Axes, row: pd.Series) -> None:
    _show(ax, row["original"])
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, linewidth=0.6, color=style.CHANCE)
    ax.set_title(textwrap.shorten(row["image"], 34, placeholder=" …"), fontsize=6.5, pad=3)
    if row["attribution"]:
        words = "\n".join(textwrap.wrap(row["attribution"], 34))
        ax.text(0.5, -0.04, words, transform=ax.transAxes, ha="center", va="top", fontsize=4)


def _show(ax: Axes, file: str) -> None:
    image = read_image(file)
    ax.imshow(image, interpolation="nearest" if max(image.shape[:2]) < 128 else "antialiased")
