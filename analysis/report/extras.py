"""Sections that a command adds to a report, before the datasets."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from attrs import frozen
from matplotlib.figure import Figure

from analysis.figures.illusions.sheet import draw_sheet
from analysis.illusions.placement import placement
from analysis.illusions.reconstructions import SETTING_COLUMNS, read_reconstructions
from analysis.report.sections.parts import count

MAX_IMAGES = 8  # largest number of images in a figure of reconstructions


@frozen(eq=False)
class Drawing:
    """A figure of an `Extra`, with the function that draws it.

    Attributes:
        stem: The name of its files without their suffix.
        draw: Function that draws the figure and returns it.
        data: The numbers that the figure shows, which are written as CSV.
        alt: The alternative text.
        caption: The caption.
    """

    stem: str
    draw: Callable[[], Figure]
    data: pd.DataFrame
    alt: str
    caption: str


@frozen(eq=False)
class Extra:
    """A section that the report shows before the datasets; pass it to `write_report`.

    Attributes:
        title: The heading.
        anchor: The identifier of the heading, and the name of the CSV file of the table.
        sentences: Paragraphs below the heading.
        table: The table of the section, or None without a table.
        drawings: The figures of the section.
        is_averaged: Whether the table is averaged over datasets. Other sections follow those that are.
    """

    title: str
    anchor: str
    sentences: tuple[str, ...]
    table: pd.DataFrame | None = None
    drawings: tuple[Drawing, ...] = ()
    is_averaged: bool = True


def reconstructions_section(folder: Path) -> Extra:
    """Return a section on a folder of reconstructions: a table of how well image layouts are kept, and example figures.

    Args:
        folder: A folder that `observers reconstruct` wrote.
    """
    table = read_reconstructions(folder)
    drawings: list[Drawing] = []
    for setting, part in table[table["seed"] == table["seed"].min()].groupby(SETTING_COLUMNS, sort=True):
        strength, steps, guidance = setting
        images = list(dict.fromkeys(part["image"]))[:MAX_IMAGES]
        rows = part[part["image"].isin(images)]
        settings = f"strength {strength:g}, {count(int(steps), 'denoising step')}, guidance scale {guidance:g}"
        credits = "; ".join(f"{i}: {c}" for i, c in rows[["image", "attribution"]].drop_duplicates().to_numpy() if c)
        caption = (
            f"Images, and their reconstructions by each observer under each prompt, with one draw ({settings}). The "
            "number below each reconstruction is its L2 distance to the image, the root mean square over "
            f"pixels.{f' Images: {credits}.' if credits else ''}"
        )
        n_observers = rows["observer"].nunique()
        alt = f"Reconstructions of {count(len(images), 'image')} by {count(n_observers, 'observer')}, {settings}"
        data = rows.drop(columns=["file", "original"])
        stem = f"reconstructions_{len(drawings) + 1}"
        drawings.append(Drawing(stem, partial(draw_sheet, rows, Figure()), data, alt, caption))
    n_images = table["image"].nunique()
    sentences = (
        "“Layout” is the correlation between a low-pass filtered reconstruction and its own image; “kept” subtracts "
        "the correlation with the other images. “Overlap” compares the regions that change most under two prompts; "
        "“in place” subtracts the overlap between different images.",
        *((f"The figures show {MAX_IMAGES} of {n_images} images.",) if n_images > MAX_IMAGES else ()),
    )
    return Extra("Reconstructions", "reconstructions", sentences, placement(table), tuple(drawings))
