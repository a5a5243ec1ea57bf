"""Sheets of a folder of reconstructions: one a setting in the layout of Figure 7; Figure 8 where prompts are many."""

from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.illusions.sheet import draw_many, draw_sheet
from analysis.illusions.reconstructions import SETTING_COLUMNS, read_reconstructions
from experiments.log import file_name

N_IMAGES = 8  # a sheet
MANY = 8  # prompts, from which on Figure 8 says more


def write_sheets(folder: Path) -> list[Path]:
    """Draw all sheets into `folder`/sheets, as PDF, SVG and PNG; the PNGs. Raises StimulusError as the table does."""
    table, out, made = read_reconstructions(folder), Path(folder) / "sheets", []
    out.mkdir(exist_ok=True)
    for (strength, steps, guidance), part in table.groupby(SETTING_COLUMNS, sort=True):
        setting = f"strength-{strength:g}_steps-{steps}_guidance-{guidance:g}"
        many = part.groupby("image")["prompt"].transform("nunique") >= MANY
        few, images = part[~many], list(dict.fromkeys(part.loc[~many, "image"]))
        for n, begin in enumerate(range(0, len(images), N_IMAGES), 1):
            page = few[few["image"].isin(images[begin : begin + N_IMAGES])]
            stem = f"figure-7_{setting}" + (f"_{n}" if len(images) > N_IMAGES else "")
            made += _save(partial(draw_sheet, page, Figure()), out / stem)
        of_many = part[many & (part["seed"] == part["seed"].min())]
        for (image, observer), rows in of_many.groupby(["image", "observer"], sort=False):
            stem = f"figure-8_{file_name(str(image))}_{file_name(str(observer))}_{setting}"
            made += _save(partial(draw_many, rows, Figure()), out / stem)
    return made


def _save(draw: "partial[Figure]", stem: Path) -> list[Path]:
    with style.publication():
        return [path for path in style.save(draw(), stem) if path.suffix == ".png"]
