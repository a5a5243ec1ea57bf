"""Draws the figures of a report and saves each with its data, its caption and its alternative text."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.accuracy import draw_accuracy
from analysis.figures.consistency import draw_consistency
from analysis.figures.shape_bias import arrange, draw_shape_bias
from analysis.io.tables import format_range, format_value, to_csv
from analysis.kappa.clustering import Clustering
from analysis.kappa.consistency import select_benchmark_conditions
from analysis.measures.accuracy import chance_level
from analysis.measures.shape_bias import ALL, overall_shape_bias, pooled_shape_bias
from analysis.report.parts import ReportFigure, count
from analysis.report.plots import bias_data, curves_data, matrix_data
from analysis.report.scripts import write_data
from stimuli.published.datasets import DATASETS

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
        plot: Name and data of the script that draws the interactive version, or None if there is no such version.
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


def accuracy_figure(out: Path, anchor: str, trials: pd.DataFrame, table: pd.DataFrame) -> ReportFigure:
    """Write the figure of accuracy, with lines over conditions or with bars if there is a single condition."""
    chance, n_conditions, n_observers = chance_level(trials), table["condition"].nunique(), table["observer"].nunique()

    def draw() -> Figure:
        figure = Figure(figsize=(4.4, 2.8) if n_conditions > 1 else (3.6, 0.4 + 0.16 * n_observers))
        draw_accuracy(table, figure.add_subplot(), chance=chance)
        return figure

    title = "Accuracy by condition" if n_conditions > 1 else "Accuracy, with observers sorted from best to worst"
    people = ", with people shown individually" if (table["kind"] == "human").any() else ""
    n_trials = f"{format_range(table['n'])} trials per {'observer and condition' if n_conditions > 1 else 'observer'}"
    chance_sentence = (
        f"The dotted line marks chance (1/{round(1 / chance)})."
        if chance
        else "Chance is not shown because the log does not contain the number of choices."
    )
    caption = (
        f"{title}: n = {count(n_observers, 'observer')}{people}; {n_trials}. A missing "
        f"response counts as wrong. Error bars show 95 % Wilson intervals over trials. {chance_sentence}"
    )
    alt = f"{title}: {count(n_observers, 'observer')}, {_range(table['accuracy'])}"
    plot = ("curves", curves_data(str(table["dataset"].iloc[0]), table, chance)) if n_conditions > 1 else None
    return write_figure(out, f"accuracy_{anchor}", draw, table, alt, caption, plot)


def shape_bias_figure(out: Path, anchor: str, trials: pd.DataFrame, table: pd.DataFrame) -> ReportFigure:
    """Write the figure of shape bias by category."""
    has_people = bool((table["kind"] == "human").any())
    rows = arrange(table, pooled_shape_bias(trials) if has_people else table.iloc[:0])

    def draw() -> Figure:
        figure = Figure(figsize=(4.2, 0.4 + 0.25 * rows["category"].nunique()))
        draw_shape_bias(rows, figure.add_subplot())
        return figure

    totals, n_people = overall_shape_bias(table), table.loc[table["kind"] == "human", "observer"].nunique()
    pooled = f", with the {n_people} people pooled" if rows["observer"].nunique() < len(totals) else ""
    caption = (
        f"Shape bias by the category of the shape: n = {count(len(totals), 'observer')}{pooled}; "
        f"{format_range(totals['n_conflict'])} cue-conflict images per observer. Markers show shape / (shape + texture) "
        "decisions in a category, and vertical lines show them over all cue conflicts. Rows are sorted by the shape "
        f"bias of {'pooled people' if has_people else 'the mean over observers'}. Bars in the last row show 95 % "
        "Wilson intervals over shape and texture decisions; the intervals of the categories are in the CSV file."
    )
    alt = f"Shape bias by category: {count(len(totals), 'observer')}, over all conflicts {_range(totals['shape_bias'])}"
    plot = "shape-bias", bias_data(rows, table, ALL)
    return write_figure(out, f"shape-bias_{anchor}", draw, rows, alt, caption, plot)


def consistency_figure(
    out: Path, anchor: str, matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering, pairs: pd.DataFrame,
    contingency: pd.DataFrame, bootstrap: str,
) -> ReportFigure:  # fmt: skip
    """Write the matrix of error consistency.

    `bootstrap` describes the intervals in `pairs`; it is "" without intervals.
    """
    order = list(tree.order)
    data = matrix.loc[order, order].rename_axis("observer").reset_index(allow_duplicates=True)
    dataset = str(pairs["dataset"].iloc[0])
    condition = "condition that the benchmark includes" if dataset in DATASETS else "condition"
    people = ", with people shown individually" if "human" in kinds.values() else ""
    intervals = f"The 95 % intervals of all pairs and conditions ({bootstrap}) are in tables/consistency.csv."
    caption = (
        f"Error consistency (κ) of all pairs of n = {len(order)} observers{people}, over "
        f"{format_range(select_benchmark_conditions(pairs, dataset)['n'])} images per {condition}. "
        "κ is computed for each condition and then averaged. Observers are ordered by average-linkage clustering on 1 − κ, "
        "and the tree is shown at the side. Gray cells are undefined, and a minus sign marks values below 0. "
        f"{intervals if bootstrap else 'No intervals were computed.'}"
    )
    alt = f"Matrix of error consistency between {len(order)} observers in the order {', '.join(order)}"
    return write_figure(
        out, f"consistency_{anchor}", lambda: draw_consistency(matrix, kinds, tree, Figure()), data, alt, caption,
        ("matrix", matrix_data(dataset, anchor, matrix, kinds, tree, pairs, contingency)),
    )  # fmt: skip


def _range(values: pd.Series) -> str:
    return f"from {format_value(float(values.min()))} to {format_value(float(values.max()))}"
