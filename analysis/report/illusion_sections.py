"""Sections on illusions: what is seen in images that can be seen in two ways, hidden things, geometric illusions."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.accuracy import wilson
from analysis.figures.illusions.lines import draw_lines
from analysis.illusions import bistability, geometric, pareidolia
from analysis.illusions.kinds import illusion_kind
from analysis.illusions.summary import illusions
from analysis.report.figures import picture
from analysis.report.parts import Part, ReportFigure, Table, table_of
from analysis.report.section_inputs import SectionInputs
from analysis.tables import span
from stimuli.errors import LogError

WIDE = (4.4, 2.8)  # inches


def illusions_section(m: SectionInputs) -> Part | None:
    """Of a dataset with an illusion, whatever its kind; None where it shows none."""
    kind = illusion_kind(m.asked)
    if kind is None:
        return None
    title, anchor = "Illusion", f"illusion-{m.anchor}"
    n_unanswered = int((m.asked["response"] == "").sum())
    said = (f"{n_unanswered} trials without an answer are left out here.",) if n_unanswered else ()
    try:
        table = illusions(m.asked, **m.bootstrap.options)
        pictures, data = {"percepts": _percepts, "hidden": _hidden, "geometric": _geometric}[kind](m)
    except LogError as error:
        return Part(title, anchor, (f"It cannot be measured: {error}.",))
    return Part(title, anchor, (*SAID[kind], *said), pictures, (_table(table, m),), {"illusions": table, **data})


SAID = {
    "percepts": (
        "Every image can be seen as either of two things; some are controls that can be seen in one way only. An observer "
        "that sees the ambiguity gives either answer and no other, and its evidence lies between that of the controls.",
    ),
    "hidden": ("Something is hidden in the images at graded strength; in some there is nothing.",),
    "geometric": (
        "Two things are compared that differ by graded amounts, in surroundings that speak for one of them. The effect is "
        "the difference that makes up for the illusion: 0 for an observer whom it does not fool.",
    ),
}


def _table(table: pd.DataFrame, m: SectionInputs) -> Table:
    caption = (
        "Intervals, 95 %: Wilson for shares, profile likelihood for points of subjective equality (PSE) and thresholds, "
        f"after Zou and Donner (2008) for effects{', else ' + m.bootstrap.said if m.bootstrap.said else ''}."
    )
    return table_of(table.drop(columns="dataset"), caption, (("value", "low", "high"),))


def _percepts(m: SectionInputs) -> tuple[tuple[ReportFigure, ...], dict[str, pd.DataFrame]]:
    curve, pictures = bistability.curves(m.asked), []
    names = m.asked["percept_a"].unique()
    seen = f"Seen as {names[0]}, of either" if len(names) == 1 else "Seen as the first, of either"
    for along, x_label in ((bistability.LEVEL, "Level"), (bistability.TURN, "Turn clockwise [degrees]")):
        part = curve[(curve["along"] == along) & (curve["n"] > 0)]
        if len(part):
            shown = part.rename(columns={"share_a": "y"})[["observer", "kind", "x", "y", "low", "high", "n"]]
            pictures.append(_lines(m, f"illusion-{along}", shown, x_label, seen, 0.5, "Error bars: Wilson, 95 %."))
    return tuple(pictures), {"illusion-curves": curve}


def _hidden(m: SectionInputs) -> tuple[tuple[ReportFigure, ...], dict[str, pd.DataFrame]]:
    curve = pareidolia.curves(m.asked)
    low, high = wilson(curve["k"].to_numpy(float), curve["n"].to_numpy(float))
    curve = curve.assign(y=curve["k"] / curve["n"], low=low, high=high)
    thing = pareidolia.hidden_category(m.asked)
    how = "At 0 nothing is hidden. Error bars: Wilson, 95 %."
    shown = curve[["observer", "kind", "x", "y", "low", "high", "n"]]
    return (_lines(m, "illusion-hidden", shown, "Strength of what is hidden", f"Said to be a {thing}", None, how),), {}


def _geometric(m: SectionInputs) -> tuple[tuple[ReportFigure, ...], dict[str, pd.DataFrame]]:
    table = geometric.pse_table(m.asked)
    shown = table.rename(columns={"strength": "x", "pse": "y"})[["observer", "kind", "x", "y", "low", "high", "n"]]
    how = (
        "Without the illusion it is the same at every strength. Error bars: profile likelihood, 95 %, none where open."
    )
    pictures = (
        _lines(m, "illusion-pse", shown, "Strength of the illusion", "Difference that looks like none", 0.0, how),
    )
    return (pictures if shown["y"].notna().any() else ()), {"illusion-equalities": table}


def _lines(
    m: SectionInputs, what: str, shown: pd.DataFrame, x_label: str, y_label: str, even: float | None, how: str
) -> ReportFigure:
    n = shown["observer"].nunique()

    def draw() -> Figure:
        figure = Figure(figsize=WIDE)
        draw_lines(shown, figure.add_subplot(), x_label=x_label, y_label=y_label, reference=even)
        return figure

    counts = shown["n"].astype(int)
    caption = f"{y_label}, over {x_label.lower()}: n = {n} observers, {span(counts)} answers a point. {how}"
    values = shown["y"].dropna()
    spread = f"from {values.min():.3f} to {values.max():.3f}" if len(values) else "undefined"
    return picture(m.out, f"{what}_{m.anchor}", draw, shown, f"{y_label} over {x_label.lower()}, {spread}", caption)
