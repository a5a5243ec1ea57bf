"""Figures 1, 12 and 13: shape bias, one of each for every dataset with cue conflicts."""

from functools import partial

import pandas as pd

from analysis.figures import paper
from analysis.figures.shape_bias import arrange
from analysis.paper.figure_inputs import FigureInputs, PaperFigure, who
from analysis.shape_bias import overall, pooled_shape_bias, shape_bias, spread
from analysis.tables import span


def points(material: FigureInputs) -> list[PaperFigure | str]:
    out: list[PaperFigure | str] = []
    for dataset in material.conflicts:
        shown, caption = _shape(material, dataset)
        out.append(PaperFigure(1, dataset, partial(paper.figure_1, shown), shown, caption))
    return out or [_no_conflicts("cue-conflict")]


def _no_conflicts(dataset: str) -> str:
    return (
        f"no trial has a shape and a texture that differ: give logs of {dataset} or of another cue-conflict experiment"
    )


def _shape(material: FigureInputs, dataset: str) -> tuple[pd.DataFrame, str]:
    trials = material.of(dataset)
    table = shape_bias(trials)
    has_people = bool((table["kind"] == "human").any())
    shown = arrange(table, pooled_shape_bias(trials) if has_people else table.iloc[:0])
    n_people = table.loc[table["kind"] == "human", "observer"].nunique()
    pooled = shown["observer"].nunique() < table["observer"].nunique()
    people = (
        f"the {n_people} people pooled as one"
        if pooled
        else f"{n_people} people, one by one"
        if n_people
        else "no people"
    )
    n = span(overall(table)["n_conflict"])
    caption = (
        f"Shape bias on {dataset} by category of the shape, shape / (shape + texture) decisions: {who(table)}, "
        f"{people}; {n} images in conflict each. Vertical lines and last row: all conflicts. Bars in the last row: Wilson, "
        "95 %, over shape and texture decisions; intervals of the categories are in the CSV. Rows in the order of "
        f"{'the people pooled' if has_people else 'the mean over observers'}.{material.simulated(table)}"
    )
    return shown, caption


def before_and_after(material: FigureInputs) -> list[PaperFigure | str]:
    out: list[PaperFigure | str] = []
    for dataset in material.conflicts:
        shown, caption = _shape(material, dataset)
        there = [name for name in material.observers if name in set(shown["observer"])]
        if there:
            said = f" Large and dark: {', '.join(there)}; everyone else is faint."
            draw = partial(paper.figure_13, shown, marked=there)
            out.append(
                PaperFigure(13, dataset, draw, shown.assign(marked=shown["observer"].isin(there)), caption + said)
            )
        elif material.observers:
            out.append(f"none of {', '.join(material.observers)} is drawn by itself on {dataset}: name others")
        else:
            out.append("it compares observers that are chosen: name them, --observer BEFORE --observer AFTER")
            break
    return out or [_no_conflicts("cue-conflict")]


def boxes(material: FigureInputs) -> list[PaperFigure | str]:
    out: list[PaperFigure | str] = []
    for dataset in material.conflicts:
        table = spread(shape_bias(material.of(dataset)))
        order = (
            (table["kind"] != "human").astype(int).to_frame("k").assign(b=-table["shape_bias"]).sort_values(["k", "b"])
        )
        table = table.loc[order.index].reset_index(drop=True)
        caption = (
            f"Spread of shape bias on {dataset} over categories of the shape: {who(table)}, people one by one "
            "and first, then by shape bias. Line: median, box: quartiles, whiskers: lowest and highest category; marker: "
            f"over all conflicts. Not error bars: intervals are those of figure 1.{material.simulated(table)}"
        )
        out.append(PaperFigure(12, dataset, partial(paper.figure_12, table), table, caption))
    return out or [_no_conflicts("cue-conflict")]
