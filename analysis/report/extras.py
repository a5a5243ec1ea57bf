"""What a report may begin with besides the measures of each dataset: a table over all of them, a trial in pictures."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from attrs import frozen
from matplotlib.figure import Figure

from analysis.benchmark import STAND_INS, benchmark
from analysis.figures.illusions.sheet import draw_sheet
from analysis.figures.trial_reconstruction import draw_reconstructions
from analysis.illusions.placement import placement
from analysis.illusions.reconstructions import SETTING_COLUMNS, read_reconstructions
from analysis.report.parts import count
from analysis.shape_bias import has_conflicts, overall, shape_bias
from experiments.log import file_name

MAX_IMAGES = 8  # of reconstructions on the page


@frozen(eq=False)
class Drawing:
    stem: str
    draw: Callable[[], Figure]
    data: pd.DataFrame
    alt: str
    caption: str


@frozen(eq=False)
class Extra:
    """A section before the datasets."""

    title: str
    anchor: str
    sentences: tuple[str, ...]
    table: pd.DataFrame | None = None
    drawings: tuple[Drawing, ...] = ()


def summary_table(frame: pd.DataFrame, stand_ins: Collection[str]) -> pd.DataFrame:
    """Table 1 of Jaini et al. (2024): shape bias, OOD accuracy and error consistency of every observer and STAND_INS."""
    table = benchmark(frame, stand_ins=stand_ins)
    notes = table.attrs["notes"]
    table.insert(2, "shape_bias", np.nan)
    frame = frame[frame["dataset"].isin(frame.loc[frame["observer"].isin(list(stand_ins)), "dataset"])]
    if has_conflicts(frame):
        bias = overall(shape_bias(frame)).set_index("observer")["shape_bias"]
        table["shape_bias"] = table["observer"].map(bias)
        table.loc[table["observer"] == STAND_INS, "shape_bias"] = bias[bias.index.isin(list(stand_ins))].mean()
    out = table[["observer", "kind", "n_datasets", "shape_bias", "ood_accuracy", "error_consistency"]]
    out.attrs["notes"], out.attrs["rule"] = notes, table.attrs["rule"]
    return out


def summary(frame: pd.DataFrame, stand_ins: Collection[str]) -> Extra:
    """The table with what to know of it."""
    table, names = summary_table(frame, stand_ins), ", ".join(sorted(stand_ins))
    sentences = (
        "Shape bias over all conflicts, accuracy and error consistency as means over the datasets below, in the way of the "
        "benchmark of Geirhos et al. (2021).",
        f"SIMULATED: no person took part. {names} stand in for people, so error consistency here is with them and says "
        f"nothing of people.",
        f"By the {table.attrs['rule']}.",
        *(f"{note[0].upper()}{note[1:]}." for note in table.attrs["notes"]),
    )
    return Extra("All datasets together", "summary", sentences, table)


def reconstructions(folder: Path) -> Extra:
    """What `observers reconstruct` wrote into a folder: how well layouts are kept, and its sheets of one draw each."""
    table = read_reconstructions(folder)
    drawings: list[Drawing] = []
    for setting, part in table[table["seed"] == table["seed"].min()].groupby(SETTING_COLUMNS, sort=True):
        strength, steps, guidance = setting
        images = list(dict.fromkeys(part["image"]))[:MAX_IMAGES]
        page = part[part["image"].isin(images)]
        said = f"strength {strength:g}, {count(int(steps), 'step')}, guidance {guidance:g}"
        credits = "; ".join(f"{i}: {c}" for i, c in page[["image", "attribution"]].drop_duplicates().to_numpy() if c)
        drawings.append(Drawing(
            f"reconstructions_{len(drawings) + 1}", partial(draw_sheet, page, Figure()),
            page.drop(columns=["file", "original"]),
            f"{count(len(images), 'image')} restored under prompts by {page['observer'].nunique()} observers, {said}",
            f"Images, and what each observer makes of them under each prompt: {said}, one draw of noise or masks; below "
            f"each its L2 distance to the image, root mean square of the pixels.{f' Images: {credits}.' if credits else ''}",
        ))  # fmt: skip
    n_left_out = table["image"].nunique() - MAX_IMAGES
    sentences = (
        "Layout: correlation of low-passed pictures with their own image (kept: less that with the others); overlap: of "
        "what changed under two prompts (in place: less that between different images).",
        *((f"Of {table['image'].nunique()} images {MAX_IMAGES} are drawn.",) if n_left_out > 0 else ()),
    )
    return Extra("Reconstructions", "reconstructions", sentences, placement(table), tuple(drawings))


def reconstruction(
    observer: str, stimulus: str, shown: np.ndarray, left: np.ndarray, images: np.ndarray, errors: np.ndarray,
    choices: Sequence[str], what: str,
) -> Drawing:  # fmt: skip
    """A trial in pictures: arrays as `draw_reconstructions` has them; `what` says how the image was damaged."""
    best = choices[int(errors.argmin())]
    data = pd.DataFrame({"observer": observer, "stimulus": stimulus, "choice": list(choices), "squared_error": errors})
    caption = (
        f"{observer} looks at {stimulus}: {what}, and restored in one step under each choice. Below each choice its squared "
        f"error; the least, {best}, is framed. This is one draw; an answer is over many."
    )
    draw = partial(draw_reconstructions, shown, left, images, errors, choices)
    return Drawing(
        f"reconstruction_{file_name(observer)}", lambda: draw(Figure()), data,
        f"Reconstructions of {stimulus} by {observer} under {len(choices)} choices; the nearest is that of {best}", caption,
    )  # fmt: skip
