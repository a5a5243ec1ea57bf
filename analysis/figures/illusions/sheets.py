"""Draw contact sheets of a folder of reconstructions, in the layouts of Figures 7 and 8 of Jaini et al. (2024)."""

from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.illusions.sheet import draw_prompt_grid, draw_sheet
from analysis.illusions.reconstructions import SETTING_COLUMNS, read_reconstructions
from experiments.log import file_name

N_IMAGES = 8  # number of images per sheet
MANY_PROMPTS = 8  # an image with at least this many prompts gets a sheet of its own, as in Figure 8


def write_sheets(folder: Path) -> list[Path]:
    """Draw the contact sheets of all settings as PDF, SVG and PNG files into the subfolder `sheets`.

    Return the paths of the PNG files. Raise StimulusError if the table or an image cannot be read.
    """
    table, out, paths = read_reconstructions(folder), Path(folder) / "sheets", []
    out.mkdir(exist_ok=True)
    for (strength, steps, guidance), part in table.groupby(SETTING_COLUMNS, sort=True):
        setting = f"strength-{strength:g}_steps-{steps}_guidance-{guidance:g}"
        has_many_prompts = part.groupby("image")["prompt"].transform("nunique") >= MANY_PROMPTS
        few_prompts, images = part[~has_many_prompts], list(dict.fromkeys(part.loc[~has_many_prompts, "image"]))
        for n, begin in enumerate(range(0, len(images), N_IMAGES), 1):
            page = few_prompts[few_prompts["image"].isin(images[begin : begin + N_IMAGES])]
            stem = f"figure-7_{setting}" + (f"_{n}" if len(images) > N_IMAGES else "")
            paths += _save(partial(draw_sheet, page, Figure()), out / stem)
        one_draw = part[has_many_prompts & (part["seed"] == part["seed"].min())]
        for (image, observer), rows in one_draw.groupby(["image", "observer"], sort=False):
            stem = f"figure-8_{file_name(str(image))}_{file_name(str(observer))}_{setting}"
            paths += _save(partial(draw_prompt_grid, rows, Figure()), out / stem)
    return paths


def _save(draw: "partial[Figure]", stem: Path) -> list[Path]:
    """Draw and save one figure, and return the path of its PNG file."""
    with style.publication():
        return [path for path in style.save(draw(), stem) if path.suffix == ".png"]
