"""Draws the figures of a report and saves each with its data, its caption and its alternative text."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.io.number_format import format_value
from analysis.io.tables import to_csv
from analysis.report.sections.parts import ReportFigure
from analysis.report.sections.scripts import write_data

MAGNIFICATION = 1.25  # ratio of the size on the page to the size in print


def write_figure(
    out: Path, stem: str, draw: Callable[[], Figure], data: pd.DataFrame, alt: str, caption: str,
    plot: tuple[str, Mapping[str, Any]] | None = None,
) -> ReportFigure:  # fmt: skip
    """Draw a figure and write its files.

    Args:
        out: The folder of the report.
        stem: The name of the files without their suffix.
        draw: Function that draws the figure; it is called with the matplotlib settings for print.
        data: The numbers that the figure shows, which are written as CSV.
        alt: The alternative text.
        caption: The caption.
        plot: Name and data of the script that draws the interactive version, or None without such a version.
    """
    (out / "figures").mkdir(parents=True, exist_ok=True)
    with style.publication():
        paths = style.save(draw(), out / "figures" / stem)
    to_csv(data, out / "figures" / f"{stem}.csv")
    if plot is not None:
        write_data(out, stem, plot[1])
    png = next(path for path in paths if path.suffix == ".png").read_bytes()
    pixels = struct.unpack(">II", png[16:24])
    width, height = (round(n * MAGNIFICATION * 96 / style.RC_PARAMS["savefig.dpi"]) for n in pixels)
    return ReportFigure(stem, alt, caption, width, height, "" if plot is None else plot[0])


def format_spread(values: pd.Series) -> str:
    """Return the smallest and the largest value as text, as in "from 0.2 to 0.9"."""
    return f"from {format_value(float(values.min()))} to {format_value(float(values.max()))}"
