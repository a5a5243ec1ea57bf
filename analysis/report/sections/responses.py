"""The sections on the responses of single observers: accuracy, thresholds, and the responses themselves."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import style
from analysis.figures.accuracy import draw_accuracy_figure
from analysis.figures.confusion import MAX_SIZE, draw_confusion
from analysis.illusions.kinds import illusion_kind
from analysis.io.number_format import format_range, format_value
from analysis.measures.accuracy import chance_level
from analysis.measures.confusion import confusion_panels, confusion_table, frequent_errors, response_entropy
from analysis.measures.minimums import describe_excluded, describe_missing, minimum
from analysis.measures.psychometric import thresholds
from analysis.report.sections.figures import format_spread, write_figure
from analysis.report.sections.parts import Part, ReportFigure, Table, TableCell, count, list_of, table_of
from analysis.report.sections.plots import condition_labels, curves_data
from analysis.report.sections.section_inputs import Section, SectionInputs
from core.errors import LogError
from stimuli.published.datasets import DATASETS
from stimuli.published.level_scales import numeric_level


def accuracy_section(inputs: SectionInputs) -> Part:
    """Show the accuracy, and name the observers that gave no response."""
    responding = set(inputs.trials.loc[inputs.trials["response"] != "", "observer"])
    silent = [name for name in inputs.trials["observer"].unique() if name not in responding]
    sentences: tuple[str, ...] = (
        (f"These observers gave no response to any image: {list_of(silent)}.",) if silent else ()
    )
    figures = write_accuracy_figure(inputs.out, inputs.anchor, inputs.trials, inputs.accuracies)
    if not figures:
        n = int(inputs.accuracies["n"].max())
        sentences += (describe_missing("Accuracy is not drawn as a curve", n, "trials_per_level"),)
    tables = (_accuracy_table(inputs.accuracies, inputs.dataset),)
    return Part("Accuracy", f"accuracy-{inputs.anchor}", sentences, figures, tables)


def _accuracy_table(table: pd.DataFrame, dataset: str) -> Table:
    """Return a table with one row for each observer and one column for each condition; * marks excluded conditions."""
    conditions = list(dict.fromkeys(table["condition"]))
    rows = []
    for (observer, kind), part in table.groupby(["observer", "kind"], sort=False):
        columns = (part[name].tolist() for name in ("condition", "accuracy", "low", "high"))
        cells = {condition: TableCell(*values) for condition, *values in zip(*columns, strict=True)}
        values = (cells.get(c, TableCell(float("nan"))) for c in conditions)
        rows.append((TableCell(str(observer)), TableCell(str(kind)), *values, TableCell(int(part["n"].sum()))))
    published = DATASETS.get(dataset)
    excluded = set(conditions) - set(published.included()) if published else set()
    labels = [(published.label(c) if published else c) or "accuracy" for c in conditions]
    marked_labels = (label + "*" * (c in excluded) for c, label in zip(conditions, labels, strict=True))
    caption = "Accuracy with 95 % Wilson intervals; n is the number of trials."
    if excluded:
        caption += " The benchmark and the κ values of this report exclude conditions marked with *."
    return Table(caption, ("observer", "kind", *marked_labels, "n"), tuple(rows), "accuracy")


def write_accuracy_figure(
    out: Path, anchor: str, trials: pd.DataFrame, table: pd.DataFrame
) -> tuple[ReportFigure, ...]:
    """Write the figure of accuracy, with lines over conditions or with bars if there is a single condition.

    Lines are drawn at conditions with enough trials; the tuple is empty if no observer has enough trials in a condition.
    """
    everything, excluded = table, ""
    if table["condition"].nunique() > 1:
        is_drawn = table["n"] >= minimum("trials_per_level")
        conditions = list(dict.fromkeys(table.loc[~is_drawn, "condition"]))
        excluded = describe_excluded(condition_labels(str(table["dataset"].iloc[0]), conditions), "trials_per_level")
        table = table[is_drawn]
        if table.empty:
            return ()
    chance, n_conditions, n_observers = chance_level(trials), table["condition"].nunique(), table["observer"].nunique()

    def draw() -> Figure:
        return draw_accuracy_figure(table, Figure(), chance=chance)

    title = "Accuracy by condition" if n_conditions > 1 else "Accuracy, with observers sorted from best to worst"
    people = ", with people shown individually" if (table["kind"] == "human").any() else ""
    bars = "Error bars show 95 % Wilson intervals over trials."
    if n_observers > style.MAX_SHOWN and n_conditions > 1:
        people, bars = "", "Lines show the mean over the observers of a kind, and bands show their range."
    elif n_observers > style.MAX_SHOWN:
        title, people = "Accuracy by kind of observer", ""
        bars = "Each marker is an observer, and black lines show the mean of each kind."
    n_trials = f"{format_range(table['n'])} trials per {'observer and condition' if n_conditions > 1 else 'observer'}"
    chance_sentence = (
        f"The dotted line marks chance (1/{round(1 / chance)})."
        if chance
        else "Chance is not shown because the log does not contain the number of choices."
    )
    caption = (
        f"{title}: n = {count(n_observers, 'observer')}{people}; {n_trials}. A missing "
        f"response counts as wrong. {bars} {chance_sentence}{' ' if excluded else ''}{excluded}"
    )
    alt = f"{title}: {count(n_observers, 'observer')}, {format_spread(table['accuracy'])}"
    plot = ("curves", curves_data(str(table["dataset"].iloc[0]), table, chance)) if n_conditions > 1 else None
    return (write_figure(out, f"accuracy_{anchor}", draw, everything, alt, caption, plot),)


def thresholds_section(inputs: SectionInputs) -> Part | None:
    """Show the thresholds of a distortion. Return None if the conditions are not levels or belong to an illusion."""
    levels = {numeric_level(inputs.dataset, c) for c in inputs.trials["condition"].unique()} - {None}
    if len(levels) < 2 or illusion_kind(inputs.all_trials) is not None:
        return None
    title, anchor = "Thresholds", f"thresholds-{inputs.anchor}"
    try:
        table = thresholds(inputs.trials)
    except LogError as error:
        return Part(title, anchor, (f"Thresholds cannot be computed: {error}.",))
    n = int(table["threshold"].notna().sum())
    result = (
        f"{n} of {count(len(table), 'observer')} {'has' if n == 1 else 'have'} a threshold within the levels shown."
    )
    names = ("observer", "kind", "threshold", "low", "high", "accuracy_at_threshold", "width", "lapse_rate", "reason")
    shown = pd.DataFrame({name: table[name] for name in names}).rename(columns={"reason": "reason if undefined"})
    scale = "log10" if table["scale"].iloc[0] == "log10" else "linear"
    caption = (
        "The threshold is the level at which accuracy is halfway between the guess rate "
        f"(1/{round(1 / table['guess_rate'].iloc[0])}) and 1 − lapse rate, for a logistic function of the level "
        f"({scale} scale) that is fitted by maximum likelihood. The width is the distance on that scale between 5 % "
        "and 95 % of the way from the guess rate to 1 − lapse rate. The 95 % intervals are profile-likelihood "
        "intervals; an end outside the levels shown is open."
    )
    tables = (table_of(shown, caption, (("threshold", "low", "high"),), "thresholds"),)
    return Part(title, anchor, (result,), (), tables, {"thresholds": table})


def responses_section(inputs: SectionInputs) -> Part:
    """Show the entropy of the responses of each observer, and its most frequent error."""
    table, entropies = confusion_table(inputs.trials), response_entropy(inputs.trials, **inputs.bootstrap.options)
    worst = frequent_errors(table, 1).set_index("observer")
    errors = {name: f"{row.category} → {row.response}, {row.n} of {row.n_shown}" for name, row in worst.iterrows()}
    shown = entropies[["observer", "kind", "n", "n_no_answer", "entropy", "low", "high"]]
    shown = shown.rename(columns={"n_no_answer": "n without response"})
    shown["most frequent error"] = [errors.get(name, "none") for name in shown["observer"]]
    highest = entropies["highest"].iloc[0]
    caption = (
        "Entropy of the responses in bits, corrected for its bias (Miller 1955): 0 if all responses are the same, "
        f"{format_value(float(highest))} if all choices are equally frequent. The most frequent error is shown as category "
        f"→ response, with the number of images of the category that received it.{inputs.bootstrap.caption()}"
    )
    tables = (table_of(shown, caption, (("entropy", "low", "high"),), "entropy"),)
    data = {"confusion": table, "entropy": entropies}
    figures = _confusion_figure(inputs, table)
    return Part("Responses", f"answers-{inputs.anchor}", (), figures, tables, data)


def _confusion_figure(inputs: SectionInputs, table: pd.DataFrame) -> tuple[ReportFigure, ...]:
    """Write the figure of the confusion matrices; an empty tuple if they are too large to be readable."""
    panels = confusion_panels(table, inputs.dataset)
    n_categories, n_responses = next(iter(panels.values())).shape
    if max(n_categories, n_responses) > MAX_SIZE:
        return ()
    pooled = table["observer"].nunique() > len(panels)
    caption = (
        f"Confusion matrices: the share of the images of a category (rows) that received each response (columns), for n = "
        f"{count(table['observer'].nunique(), 'observer')}"
        f"{', with the trials of all observers of a kind pooled' if pooled else ''}. A frame marks the correct response. "
        "tables/confusion.csv has the counts of every observer, with their intervals."
    )
    alt = f"Confusion matrices of {len(panels)} {'kinds of observers' if pooled else 'observers'}, {n_categories} categories"
    data = pd.concat(
        [
            matrix.reset_index().melt("category", value_name="share", var_name="response").assign(panel=title)
            for title, matrix in panels.items()
        ]
    )
    figure = write_figure(
        inputs.out, f"confusion_{inputs.anchor}", lambda: draw_confusion(panels, Figure()),
        data[["panel", "category", "response", "share"]], alt, caption,
    )  # fmt: skip
    return (figure,)


SECTIONS: dict[str, Section] = {
    "accuracy": accuracy_section,
    "thresholds": thresholds_section,
    "responses": responses_section,
}
