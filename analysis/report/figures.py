"""The figures of a report: each drawn, written with the data behind it, and put into a caption and an alternative text."""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.accuracy import chance_of
from analysis.clustering import Clustering
from analysis.consistency import included
from analysis.figures import style
from analysis.figures.accuracy import draw_accuracy
from analysis.figures.consistency import draw_consistency
from analysis.figures.shape_bias import arrange, draw_shape_bias
from analysis.report.parts import ReportFigure, count
from analysis.report.plots import bias_data, curves_data, matrix_data
from analysis.report.scripts import write_data
from analysis.shape_bias import ALL, overall, pooled_shape_bias
from analysis.tables import cell, span, to_csv
from stimuli.datasets import DATASETS

ENLARGED = 1.25  # print size times this on the page


def picture(
    out: Path, stem: str, draw: Callable[[], Figure], data: pd.DataFrame, alt: str, caption: str,
    plot: tuple[str, Mapping[str, Any]] | None = None,
) -> ReportFigure:  # fmt: skip
    """Draw a figure, write it and its CSV, and what its `plot`, a script's name and data, is drawn from."""
    (out / "figures").mkdir(parents=True, exist_ok=True)
    with style.publication():
        paths = style.save(draw(), out / "figures" / stem)
    to_csv(data, out / "figures" / f"{stem}.csv")
    if plot is not None:
        write_data(out, stem, plot[1])
    png = next(path for path in paths if path.suffix == ".png").read_bytes()
    width, height = (round(n * ENLARGED * 96 / style.RC["savefig.dpi"]) for n in struct.unpack(">II", png[16:24]))
    return ReportFigure(stem, alt, caption, width, height, "" if plot is None else plot[0])


def accuracy_picture(out: Path, name: str, trials: pd.DataFrame, table: pd.DataFrame) -> ReportFigure:
    chance, n_conditions, n_observers = chance_of(trials), table["condition"].nunique(), table["observer"].nunique()

    def draw() -> Figure:
        figure = Figure(figsize=(4.4, 2.8) if n_conditions > 1 else (3.6, 0.4 + 0.16 * n_observers))
        draw_accuracy(table, figure.add_subplot(), chance=chance)
        return figure

    by = "by condition" if n_conditions > 1 else "of every observer, best first"
    caption = (
        f"Accuracy {by}: n = {count(n_observers, 'observer')}, people one by one, {span(table['n'])} trials each"
        f"{' in a condition' if n_conditions > 1 else ''}. No answer counts as wrong. "
        "Error bars: Wilson, 95 %, over trials. "
        + (f"Dotted: chance, 1/{round(1 / chance)}." if chance else "Chance is not drawn: the log does not tell it.")
    )
    alt = f"Accuracy {by}, {count(n_observers, 'observer')}, {_span(table['accuracy'])}"
    plot = ("curves", curves_data(str(table["dataset"].iloc[0]), table, chance)) if n_conditions > 1 else None
    return picture(out, f"accuracy_{name}", draw, table, alt, caption, plot)


def shape_bias_picture(out: Path, name: str, trials: pd.DataFrame, table: pd.DataFrame) -> ReportFigure:
    has_people = bool((table["kind"] == "human").any())
    shown = arrange(table, pooled_shape_bias(trials) if has_people else table.iloc[:0])

    def draw() -> Figure:
        figure = Figure(figsize=(4.2, 0.4 + 0.25 * shown["category"].nunique()))
        draw_shape_bias(shown, figure.add_subplot())
        return figure

    rows, n_people = overall(table), table.loc[table["kind"] == "human", "observer"].nunique()
    pooled = f", the {n_people} people pooled as one" if shown["observer"].nunique() < len(rows) else ""
    order = "the people pooled" if has_people else "the mean over observers"
    caption = (
        f"Shape bias by category of the shape: n = {count(len(rows), 'observer')}{pooled}, {span(rows['n_conflict'])} "
        "images in conflict each. A marker is shape / (shape + texture) decisions of an observer in a category, a vertical "
        f"line is over all conflicts; rows in the order of {order}. "
        "Bars in the last row: Wilson, 95 %, over shape and texture decisions; those of the categories are in the CSV."
    )
    alt = f"Shape bias by category, {count(len(rows), 'observer')}, over all conflicts {_span(rows['shape_bias'])}"
    return picture(out, f"shape-bias_{name}", draw, shown, alt, caption, ("shape-bias", bias_data(shown, table, ALL)))


def consistency_picture(
    out: Path, name: str, matrix: pd.DataFrame, kinds: Mapping[str, str], tree: Clustering, pairs: pd.DataFrame,
    counts: pd.DataFrame, bootstrap: str,
) -> ReportFigure:  # fmt: skip
    order = list(tree.order)
    ordered = matrix.loc[order, order].rename_axis("observer").reset_index(allow_duplicates=True)
    where = f"Intervals of every pair and condition ({bootstrap}) are in tables/consistency.csv."
    dataset = str(pairs["dataset"].iloc[0])
    which = "condition that counts in the benchmark" if dataset in DATASETS else "condition"
    caption = (
        f"Error consistency kappa of every two of n = {len(order)} observers, people one by one, over "
        f"{span(included(pairs, dataset)['n'])} images in a {which}, computed per condition, then averaged; ordered by "
        "average linkage on 1 − kappa, whose tree is at the side. Gray: undefined; a minus: below 0. "
        f"{where if bootstrap else 'Computed without intervals.'}"
    )
    alt = f"Matrix of error consistency between {len(order)} observers in the order {', '.join(order)}"
    return picture(
        out, f"consistency_{name}", lambda: draw_consistency(matrix, kinds, tree, Figure()), ordered, alt, caption,
        ("matrix", matrix_data(dataset, name, matrix, kinds, tree, pairs, counts)),
    )  # fmt: skip


def _span(values: pd.Series) -> str:
    return f"from {cell(float(values.min()))} to {cell(float(values.max()))}"
