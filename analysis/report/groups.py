"""Sections at the start of a report about groups of observers: accuracy, shape bias and error consistency."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.accuracy import draw_accuracy_figure
from analysis.figures.shape_bias import arrange, draw_shape_bias_figure
from analysis.io.answerable import exclude_unanswerable
from analysis.io.frame import dataset_order
from analysis.kappa.by_group import kappa_by_group
from analysis.kappa.consistency import RULES
from analysis.measures.accuracy import chance_level
from analysis.measures.by_group import accuracy_by_group, shape_bias_by_group
from analysis.measures.shape_bias import has_cue_conflicts
from analysis.measures.totals import ALL
from analysis.report.extras import Drawing, Extra
from analysis.report.sections.parts import as_sentence
from analysis.selection.groups import Groups, group_observers
from experiments.log import file_name

MEANS = (
    "Every value is the mean over the observers of a group, each of which counts equally. The column pooled is the same "
    "measure over all trials of the group together."
)
INTERVALS = (
    " The intervals are 95 % bootstrap intervals over observers; they are undefined for a group with one observer, and too "
    "narrow for one with few observers."
)


def group_sections(frame: pd.DataFrame, by: str, *, n_resamples: int, seed: int) -> list[Extra]:
    """Return the sections on groups of observers.

    Args:
        frame: Trials as returned by `read_trials`.
        by: Column whose values are the groups, see `analysis.selection.groups`.
        n_resamples: Number of bootstrap resamples (0: no intervals).
        seed: Random seed of the bootstrap.

    Raises:
        UnknownName: If the frame does not have the column.
        LogError: If the column is empty or has too many values, or if no image has a correct response.
    """
    frame = exclude_unanswerable(frame)
    groups = group_observers(frame, by)
    options: dict[str, Any] = {"n_resamples": n_resamples, "seed": seed}
    accuracies = accuracy_by_group(frame, by, **options)
    conflicts = [d for d in dataset_order(frame["dataset"].unique()) if has_cue_conflicts(frame[frame["dataset"] == d])]
    n = groups.members.groupby("group")["observer"].size()
    sizes = ", ".join(f"{name} ({n[name]})" for name in groups.names)
    about = f"Observers are grouped by {groups.by}; the numbers of observers are: {sizes}. "
    about += "An observer counts once for each dataset."
    notes = tuple(as_sentence(note) for note in groups.notes)
    has_intervals = n_resamples > 0
    means = MEANS + INTERVALS if has_intervals else MEANS
    by_dataset = accuracies.groupby("dataset", sort=False)
    drawings = [_accuracy_drawing(frame, dataset, rows, groups, has_intervals) for dataset, rows in by_dataset]
    sections = [
        Extra(
            f"Accuracy by {groups.by}", "groups-accuracy", (about, *notes, means), accuracies.drop(columns="kind"),
            tuple(drawings), is_averaged=False,
        )
    ]  # fmt: skip
    biases = [
        shape_bias_by_group(frame[frame["dataset"] == dataset], by, **options).assign(dataset=dataset)
        for dataset in conflicts
    ]
    if biases:
        drawings = [_bias_drawing(table, groups, has_intervals) for table in biases]
        table = pd.concat(biases, ignore_index=True)
        shown = table[table["category"] == ALL].drop(columns=["category", "kind"])
        shown = shown[["dataset", *shown.columns.drop("dataset")]]
        sections.append(
            Extra(
                f"Shape bias by {groups.by}", "groups-shape-bias", (means,), shown, tuple(drawings), is_averaged=False
            )
        )
    kappas = kappa_by_group(frame, by, **options)
    if len(kappas):
        sentences = (
            "Mean κ within and between groups, averaged over conditions within a pair of observers and then over pairs."
            + (" The intervals resample images, not observers." if has_intervals else ""),
            as_sentence(RULES["undefined-is-nan"]),
        )
        sections.append(
            Extra(f"Error consistency by {groups.by}", "groups-consistency", sentences, kappas, is_averaged=False)
        )
    return sections


def _accuracy_drawing(
    frame: pd.DataFrame, dataset: object, rows: pd.DataFrame, groups: Groups, has_intervals: bool
) -> Drawing:
    table = groups.as_observers(rows)
    chance = chance_level(frame[frame["dataset"] == dataset])
    caption = (
        f"Accuracy on {dataset}, averaged over the observers of each group."
        f"{' Error bars show 95 % bootstrap intervals over observers.' if has_intervals else ''}"
        f"{' The dotted line marks chance.' if chance else ''}"
    )
    draw = partial(draw_accuracy_figure, table, chance=chance)
    alt = f"Accuracy on {dataset} of {rows['group'].nunique()} groups of observers"
    return _drawing(f"groups-accuracy_{file_name(str(dataset))}", draw, rows, alt, caption, groups)


def _bias_drawing(table: pd.DataFrame, groups: Groups, has_intervals: bool) -> Drawing:
    dataset, rows = str(table["dataset"].iloc[0]), groups.as_observers(table)
    caption = (
        f"Shape bias on {dataset} by the category of the shape, averaged over the observers of each group. "
        f"{'Bars in the last row show 95 % bootstrap intervals over observers. ' if has_intervals else ''}"
        "Rows are sorted by the mean over groups."
    )
    draw = partial(draw_shape_bias_figure, arrange(rows, rows.iloc[:0]))
    alt = f"Shape bias on {dataset} of {table['group'].nunique()} groups of observers"
    return _drawing(f"groups-shape-bias_{file_name(dataset)}", draw, table, alt, caption, groups)


def _drawing(
    stem: str, draw: Callable[[Figure], Figure], data: pd.DataFrame, alt: str, caption: str, groups: Groups
) -> Drawing:
    """Return a figure whose groups have their own colors."""

    def draw_with_colors() -> Figure:
        with style.showing(groups.appearance()):
            return draw(Figure())

    return Drawing(stem, draw_with_colors, data, alt, caption)
