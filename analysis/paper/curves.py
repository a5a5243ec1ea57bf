"""Figures 5 and 10: accuracy and error consistency over the levels of datasets with several conditions."""

from functools import partial

import pandas as pd

from analysis.figures import paper
from analysis.figures.style import MAX_NAMED
from analysis.io.number_format import format_range
from analysis.kappa.consistency import RULES
from analysis.measures.accuracy import PEOPLE
from analysis.paper.figure_inputs import (
    PARAMETRIC,
    FigureInputs,
    PaperFigure,
    no_people_message,
)

COLUMNS = [
    "dataset", "condition", "observer", "kind", "measure", "n", "n_observers", "n_people", "value", "low", "high",
]  # fmt: skip


def make_accuracy_curves(inputs: FigureInputs) -> list[PaperFigure | str]:
    """Make figure 5: accuracy of people and of the chosen observers (by default, the generative observers)."""
    table = _accuracy_rows(inputs)
    if not len(table):
        return [_no_levels_message()]
    has_generative = (table["kind"] == "generative").any()
    if inputs.observers:
        is_chosen, group = table["observer"].isin(inputs.observers), "the chosen observers"
    elif inputs.group_by:
        is_chosen, group = table["kind"].notna(), "groups"
    elif has_generative:
        is_chosen, group = table["kind"] == "generative", "the generative observers"
    else:
        is_chosen, group = table["kind"] != "human", "all other observers, because none of them is generative"
    absent = [name for name in inputs.observers if name not in set(table["observer"])]
    messages = []
    if absent:
        names = ", ".join(absent)
        messages.append(f"observers without responses to a dataset with several conditions are not shown: {names}")
    n_others = table.loc[~is_chosen & (table["kind"] != "human"), "observer"].nunique()
    table = table[is_chosen | (table["kind"] == "human")].reset_index(drop=True)
    if not len(table):
        return [
            "none of the chosen observers responded to a dataset with several conditions: choose others with --highlight"
        ]
    datasets = list(dict.fromkeys(table["dataset"]))
    others = f" Figure 10 shows the other {n_others} observers in these logs." if n_others > 1 else ""
    others = " Figure 10 shows the one other observer in these logs." if n_others == 1 else others
    shown = "" if inputs.group_by else f" of people and {group}"
    caption = (
        f"Accuracy by condition in {_count(datasets)}{shown}: {inputs.describe(table, datasets)}.{others} "
        f"{_people_sentence(table)}{_error_bar_sentences(inputs, table)}"
    )
    draw = partial(paper.figure_5, table, chance=inputs.chance(datasets))
    return [PaperFigure(5, "", draw, table, caption), *messages, *_missing_message(datasets)]


def make_consistency_curves(inputs: FigureInputs) -> list[PaperFigure | str]:
    """Make figure 10: accuracy of all observers, and their error consistency with people."""
    table = _accuracy_rows(inputs)
    if not len(table):
        return [_no_levels_message()]
    kappas = inputs.consistencies.rename(columns={"kappa": "value", "n_images": "n"}).assign(measure="kappa")
    table = pd.concat([table, kappas] if len(kappas) else [table], ignore_index=True)
    table = table[[column for column in COLUMNS if column in table]]
    datasets = list(dict.fromkeys(table["dataset"]))
    rule = RULES[inputs.rule]
    of_groups = " for people, and a bootstrap over observers for groups" if inputs.group_by else ""
    caption = (
        f"Accuracy (left) and error consistency with people (right) by condition in {_count(datasets)}: "
        f"{inputs.describe(table, datasets)}. {_people_sentence(table)}κ is the mean over people; κ of people is that of "
        f"people with each other. Its error bars and bands show {inputs.kappa_intervals}{of_groups}. "
        f"{rule[0].upper()}{rule[1:]}. {_error_bar_sentences(inputs, table)}{inputs.stand_in_note}"
    )
    draw = partial(paper.figure_10, table, chance=inputs.chance(datasets))
    without_people = [d for d in datasets if d not in set(kappas["dataset"])]
    messages = []
    if without_people:
        reason = no_people_message("error consistency needs")
        messages.append(f"error consistency is not shown for {', '.join(without_people)}: {reason}")
    return [PaperFigure(10, "", draw, table, caption), *_missing_message(datasets), *messages]


def _accuracy_rows(inputs: FigureInputs) -> pd.DataFrame:
    table = inputs.accuracies[inputs.accuracies["dataset"].isin(inputs.parametric_datasets)]
    table = table.rename(columns={"accuracy": "value"}).assign(measure="accuracy")
    return table[[column for column in COLUMNS if column in table]].reset_index(drop=True)


def _count(datasets: list[str]) -> str:
    return f"{len(datasets)} dataset{'' if len(datasets) == 1 else 's'} with several conditions"


def _people_sentence(table: pd.DataFrame) -> str:
    n = table.loc[(table["observer"] == PEOPLE) & (table["measure"] == "accuracy"), "n_observers"]
    if not len(n):
        return ""
    return (
        f"People are combined into the mean accuracy of {format_range(n.astype(int))} people, and the band shows their "
        "range, not an interval. "
    )


def _error_bar_sentences(inputs: FigureInputs, table: pd.DataFrame) -> str:
    zero = " and κ = 0" if (table["measure"] == "kappa").any() else ""
    kinds = f"Kinds with more than {MAX_NAMED} observers have lines without error bars; "
    kinds += "their intervals are in the CSV file. "
    return (
        f"Error bars of accuracy show {inputs.trial_intervals}. {'' if inputs.group_by else kinds}"
        f"Dotted lines mark chance, where it is known{zero}. "
        f"Gray labels mark conditions that the benchmark excludes.{inputs.simulated_note(table)}"
    )


def _missing_message(datasets: list[str]) -> list[str]:
    missing = [name for name in PARAMETRIC if name not in datasets]
    return [f"these datasets are not shown because they are not in the logs: {', '.join(missing)}"] if missing else []


def _no_levels_message() -> str:
    return (
        f"the logs contain no dataset with several conditions: add logs of {', '.join(PARAMETRIC[:3])} or of another "
        "dataset with several conditions"
    )
