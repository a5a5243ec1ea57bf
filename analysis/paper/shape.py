"""Figures 1, 12 and 13: shape bias. Each of them is made once for every dataset with cue conflicts."""

from functools import partial

import pandas as pd

from analysis.figures import paper
from analysis.figures.shape_bias import arrange
from analysis.io.number_format import format_range
from analysis.measures.shape_bias import shape_bias_spread
from analysis.measures.totals import ALL
from analysis.paper.figure_inputs import FigureInputs, PaperFigure


def make_shape_bias(inputs: FigureInputs) -> list[PaperFigure | str]:
    """Make figure 1: shape bias by category."""
    results: list[PaperFigure | str] = []
    for dataset in inputs.conflict_datasets:
        table, caption = _shape_bias_rows(inputs, dataset)
        results.append(PaperFigure(1, dataset, partial(paper.figure_1, table), table, caption))
    return results or [_no_conflicts_message("cue-conflict")]


def _no_conflicts_message(dataset: str) -> str:
    return (
        "the logs contain no trial in which shape and texture differ: add logs of "
        f"{dataset} or of another cue-conflict experiment"
    )


def _shape_bias_rows(inputs: FigureInputs, dataset: str) -> tuple[pd.DataFrame, str]:
    """Return the rows of figures 1 and 13 in drawing order, and their caption."""
    table, pooled = inputs.shape_bias(dataset)
    has_people = bool(len(pooled))
    rows = arrange(table, pooled)
    n_people = table.loc[table["kind"] == "human", "observer"].nunique()
    are_pooled = rows["observer"].nunique() < table["observer"].nunique()
    people = ", without people"
    if are_pooled:
        people = f", with the {n_people} people pooled"
    elif inputs.group_by:
        people = ""
    elif n_people:
        people = f", with {n_people} {'person' if n_people == 1 else 'people'} shown individually"
    n = format_range(table.loc[table["category"] == ALL, "n_conflict"])
    unit, intervals = "observer", "95 % Wilson intervals over shape and texture decisions"
    if inputs.group_by:
        unit, intervals = "group", inputs.trial_intervals
    caption = (
        f"Shape bias on {dataset} by the category of the shape, shape / (shape + texture) decisions: "
        f"{inputs.describe(table, [dataset])}{people}; {n} cue-conflict images for each {unit}. Vertical lines and the "
        f"last row show the shape bias over all cue conflicts. Bars in the last row show {intervals}; the "
        "intervals of the categories are in the CSV file. Rows are sorted by the "
        f"shape bias of {'pooled people' if has_people else 'the mean over observers'}.{inputs.simulated_note(table)}"
    )
    return rows, caption


def make_marked_shape_bias(inputs: FigureInputs) -> list[PaperFigure | str]:
    """Make figure 13: figure 1 with the chosen observers emphasized."""
    results: list[PaperFigure | str] = []
    for dataset in inputs.conflict_datasets:
        table, caption = _shape_bias_rows(inputs, dataset)
        marked = [name for name in inputs.observers if name in set(table["observer"])]
        if marked:
            caption += f" Large, dark markers show {', '.join(marked)}; all other observers are faint."
            draw = partial(paper.figure_13, table, marked=marked)
            data = table.assign(marked=table["observer"].isin(marked))
            results.append(PaperFigure(13, dataset, draw, data, caption))
        elif inputs.observers:
            results.append(
                f"the figure of {dataset} does not show {', '.join(inputs.observers)} individually: choose other "
                "observers with --highlight"
            )
        else:
            results.append(
                "the figure compares the observers that you choose with --highlight, for example "
                "--highlight BEFORE --highlight AFTER"
            )
            break
    return results or [_no_conflicts_message("cue-conflict")]


def make_shape_bias_boxes(inputs: FigureInputs) -> list[PaperFigure | str]:
    """Make figure 12: box plots of shape bias over categories."""
    results: list[PaperFigure | str] = []
    for dataset in inputs.conflict_datasets:
        table = shape_bias_spread(inputs.shape_bias(dataset)[0])
        sort_keys = pd.DataFrame({"is_machine": table["kind"] != "human", "negative_bias": -table["shape_bias"]})
        order = sort_keys.astype({"is_machine": int}).sort_values(["is_machine", "negative_bias"])
        table, ranks = table.loc[order.index].reset_index(drop=True), inputs.ranks
        order_sentence = inputs.order_sentence("Observers are sorted by shape bias.")
        if ranks is not None:
            table = table.iloc[table["observer"].map(ranks).fillna(len(ranks)).argsort(kind="stable")]
        elif (table["kind"] == "human").any():
            order_sentence = "People are shown individually and come first; observers are sorted by shape bias."
        caption = (
            f"Spread of shape bias on {dataset} over the categories of the shape: {inputs.describe(table, [dataset])}. "
            f"{order_sentence} Lines show the median, boxes the quartiles, whiskers the lowest and the highest "
            "category, and markers the shape bias over all cue conflicts. The whiskers are not error bars; figure 1 "
            f"shows the intervals.{inputs.simulated_note(table)}"
        )
        results.append(PaperFigure(12, dataset, partial(paper.figure_12, table), table, caption))
    return results or [_no_conflicts_message("cue-conflict")]
