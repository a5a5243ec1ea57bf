"""Sections at the start of a report: an overview of all datasets, reconstructions, and a single trial."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from attrs import frozen
from matplotlib.figure import Figure

from analysis.benchmark.benchmark import SIMULATED_PEOPLE, benchmark_table
from analysis.figures.illusions.sheet import draw_sheet
from analysis.figures.trial_reconstruction import draw_reconstructions
from analysis.illusions.placement import placement
from analysis.illusions.reconstructions import SETTING_COLUMNS, read_reconstructions
from analysis.measures.shape_bias import has_cue_conflicts, overall_shape_bias, shape_bias
from analysis.report.sections.parts import as_sentence, count
from experiments.log import file_name

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


def overview_table(frame: pd.DataFrame, stand_ins: Collection[str]) -> pd.DataFrame:
    """Return shape bias, OOD accuracy and error consistency, as in table 1 of Jaini et al. (2024).

    The table has one row for each observer and the row SIMULATED_PEOPLE for the `stand_ins`, which replace people. The
    shape bias in that row is the mean over the stand-ins.
    """
    table = benchmark_table(frame, reference_observers=stand_ins)
    notes = table.attrs["notes"]
    table.insert(2, "shape_bias", np.nan)
    frame = frame[frame["dataset"].isin(frame.loc[frame["observer"].isin(list(stand_ins)), "dataset"])]
    if has_cue_conflicts(frame):
        bias = overall_shape_bias(shape_bias(frame)).set_index("observer")["shape_bias"]
        table["shape_bias"] = table["observer"].map(bias)
        table.loc[table["observer"] == SIMULATED_PEOPLE, "shape_bias"] = bias[bias.index.isin(list(stand_ins))].mean()
    selected = table[["observer", "kind", "n_datasets", "shape_bias", "ood_accuracy", "error_consistency"]]
    selected.attrs["notes"], selected.attrs["rule"] = notes, table.attrs["rule"]
    return selected


def overview_section(frame: pd.DataFrame, stand_ins: Collection[str]) -> Extra:
    """Return a section with the overview of all datasets.

    Args:
        frame: Trials as returned by `read_trials`.
        stand_ins: Names of the simulated observers that replace people.
    """
    table, names = overview_table(frame, stand_ins), ", ".join(sorted(stand_ins))
    sentences = (
        "The table shows shape bias over all cue conflicts, and accuracy and error consistency averaged over the "
        "datasets below as in the benchmark of Geirhos et al. (2021).",
        f"SIMULATED: no people took part. {names} stand in for people, so error consistency is measured with them and "
        "not with people.",
        as_sentence(table.attrs["rule"]),
        *(as_sentence(note) for note in table.attrs["notes"]),
    )
    return Extra("All datasets together", "summary", sentences, table)


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


def reconstruction_drawing(
    observer: str, stimulus: str, input_image: np.ndarray, damaged_image: np.ndarray, images: np.ndarray,
    errors: np.ndarray, choices: Sequence[str], damage: str,
) -> Drawing:  # fmt: skip
    """Return the figure of one trial with its reconstruction under each of K choices.

    Args:
        observer: Name of the observer.
        stimulus: Name of the image.
        input_image: The image as the observer receives it, (height, width, 3) in 0..1.
        damaged_image: The image with noise or masks, (height, width, 3) in 0..1.
        images: The reconstructions, (K, height, width, 3) in 0..1.
        errors: The squared error of each reconstruction, (K,).
        choices: The K choices.
        damage: How the image was damaged, for example "half of its tokens masked".
    """
    best = choices[int(errors.argmin())]
    data = pd.DataFrame({"observer": observer, "stimulus": stimulus, "choice": list(choices), "squared_error": errors})
    caption = (
        f"{observer} receives {stimulus} with {damage}, and reconstructs it in one step under each choice. The number "
        f"below each choice is the squared error of its reconstruction; the choice with the smallest error, {best}, "
        "has a frame. This figure shows one draw; a response uses many draws."
    )
    alt = f"Reconstructions of {stimulus} by {observer} under {len(choices)} choices; {best} has the smallest error"
    draw = partial(draw_reconstructions, input_image, damaged_image, images, errors, choices)
    return Drawing(f"reconstruction_{file_name(observer)}", lambda: draw(Figure()), data, alt, caption)
