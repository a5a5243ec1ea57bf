"""The section on the illusion of a dataset: images with two percepts, hidden objects, or geometric illusions."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.illusions.lines import draw_lines
from analysis.illusions import bistability, geometric, pareidolia
from analysis.illusions.kinds import illusion_kind
from analysis.illusions.summary import illusion_table
from analysis.io.number_format import format_range
from analysis.measures.accuracy import wilson_interval
from analysis.report.sections.figures import format_spread, write_figure
from analysis.report.sections.parts import Part, ReportFigure, Table, count, table_of
from analysis.report.sections.section_inputs import Section, SectionInputs
from core.errors import LogError

FIGURE_SIZE = (4.4, 2.8)  # inches
INTRODUCTIONS = {
    "percepts": (
        "Every image can be seen as either of two things, except control images, which can be seen in only one way. "
        "An observer that perceives the ambiguity gives both of these responses and no others, and its evidence for "
        "ambiguous images lies between its evidence for the two kinds of control images.",
    ),
    "hidden": ("Some images contain a hidden object at varying strength, and the other images contain none.",),
    "geometric": (
        "Observers compare two objects that differ by varying amounts, while the surroundings favor one of them. The "
        "effect is the physical difference that cancels the illusion; it is 0 for an observer without the illusion.",
    ),
}


def illusions_section(inputs: SectionInputs) -> Part | None:
    """Show measures and figures of the illusion in a dataset. Return None if the dataset contains no illusion."""
    kind = illusion_kind(inputs.all_trials)
    if kind is None:
        return None
    title, anchor = "Illusion", f"illusion-{inputs.anchor}"
    n_missing = int((inputs.all_trials["response"] == "").sum())
    excluded = f"{count(n_missing, 'trial')} without a response {'is' if n_missing == 1 else 'are'} excluded here."
    try:
        table = illusion_table(inputs.all_trials, **inputs.bootstrap.options)
        draw = {"percepts": _percept_figures, "hidden": _hidden_figures, "geometric": _geometric_figures}[kind]
        figures, data = draw(inputs)
    except LogError as error:
        return Part(title, anchor, (f"The illusion cannot be measured: {error}.",))
    sentences = (*INTRODUCTIONS[kind], *((excluded,) if n_missing else ()))
    return Part(title, anchor, sentences, figures, (_table(table, inputs),), {"illusions": table, **data})


def _table(table: pd.DataFrame, inputs: SectionInputs) -> Table:
    description = inputs.bootstrap.description
    others = f"; all other intervals come from a {description}" if description else ""
    caption = (
        "All intervals are 95 % intervals. Proportions have Wilson intervals, points of subjective equality (PSE) and "
        f"thresholds have profile-likelihood intervals, and effects have intervals after Zou and Donner (2008){others}."
    )
    return table_of(table.drop(columns="dataset"), caption, (("value", "low", "high"),), "illusions")


def _percept_figures(inputs: SectionInputs) -> tuple[tuple[ReportFigure, ...], dict[str, pd.DataFrame]]:
    curves, figures = bistability.curves(inputs.all_trials), []
    names = inputs.all_trials["percept_a"].unique()
    y_label = f"Proportion seen as {names[0]}" if len(names) == 1 else "Proportion seen as the first percept"
    note = "The proportion is over responses with either percept. Error bars show 95 % Wilson intervals."
    for along, x_label in ((bistability.LEVEL, "Level"), (bistability.TURN, "Clockwise rotation [degrees]")):
        part = curves[(curves["along"] == along) & (curves["n"] > 0)]
        if len(part):
            points = part.rename(columns={"share_a": "y"})[["observer", "kind", "x", "y", "low", "high", "n"]]
            figures.append(_line_figure(inputs, f"illusion-{along}", points, x_label, y_label, 0.5, note))
    return tuple(figures), {"illusion-curves": curves}


def _hidden_figures(inputs: SectionInputs) -> tuple[tuple[ReportFigure, ...], dict[str, pd.DataFrame]]:
    curves = pareidolia.curves(inputs.all_trials)
    low, high = wilson_interval(curves["k"].to_numpy(float), curves["n"].to_numpy(float))
    curves = curves.assign(y=curves["k"] / curves["n"], low=low, high=high)
    category = pareidolia.hidden_category(inputs.all_trials)
    note = f"At strength 0 no {category} is hidden. Error bars show 95 % Wilson intervals."
    points = curves[["observer", "kind", "x", "y", "low", "high", "n"]]
    x_label, y_label = f"Strength of the hidden {category}", f"Proportion of “{category}” responses"
    return (_line_figure(inputs, "illusion-hidden", points, x_label, y_label, None, note),), {}


def _geometric_figures(inputs: SectionInputs) -> tuple[tuple[ReportFigure, ...], dict[str, pd.DataFrame]]:
    table = geometric.pse_table(inputs.all_trials)
    points = table.rename(columns={"strength": "x", "pse": "y"})[["observer", "kind", "x", "y", "low", "high", "n"]]
    note = (
        "Without an illusion the point is the same at every strength. Error bars show 95 % profile-likelihood intervals; "
        "open ends are not drawn."
    )
    figure = _line_figure(
        inputs, "illusion-pse", points, "Strength of the illusion", "Point of subjective equality", 0.0, note
    )
    return ((figure,) if points["y"].notna().any() else ()), {"illusion-equalities": table}


def _line_figure(
    inputs: SectionInputs, name: str, points: pd.DataFrame, x_label: str, y_label: str, reference: float | None, note:
        str
) -> ReportFigure:  # fmt: skip
    n = points["observer"].nunique()

    def draw() -> Figure:
        figure = Figure(figsize=FIGURE_SIZE)
        draw_lines(points, figure.add_subplot(), x_label=x_label, y_label=y_label, reference=reference)
        return figure

    title = f"{y_label} as a function of {x_label[0].lower()}{x_label[1:]}"
    caption = (
        f"{title}: n = {count(n, 'observer')}, {format_range(points['n'].astype(int))} responses per point. {note}"
    )
    values = points["y"].dropna()
    spread = format_spread(values) if len(values) else "undefined"
    return write_figure(inputs.out, f"{name}_{inputs.anchor}", draw, points, f"{title}, {spread}", caption)


SECTIONS: dict[str, Section] = {"illusion": illusions_section}
