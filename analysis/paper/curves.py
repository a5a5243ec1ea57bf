"""Figures 5 and 10: accuracy and error consistency over levels."""

from functools import partial

import pandas as pd

from analysis.accuracy import PEOPLE
from analysis.consistency import RULES
from analysis.figures import paper
from analysis.figures.style import N_NAMED
from analysis.paper.figure_inputs import PARAMETRIC, WILSON, FigureInputs, PaperFigure, no_people, who
from analysis.tables import span

COLUMNS = [
    "dataset", "condition", "observer", "kind", "measure", "n", "n_observers", "n_people", "value", "low", "high",
]  # fmt: skip


def accuracies(material: FigureInputs) -> list[PaperFigure | str]:
    """Figure 5: people, and beside them the observers that are chosen, without a choice the generative ones."""
    table = _accuracies(material)
    if not len(table):
        return [_no_levels()]
    generative = (table["kind"] == "generative").any()
    if material.observers:
        beside, whom = table["observer"].isin(material.observers), "chosen observers"
    elif generative:
        beside, whom = table["kind"] == "generative", "generative observers"
    else:
        beside, whom = table["kind"] != "human", "all others, since none is generative"
    absent = [name for name in material.observers if name not in set(table["observer"])]
    said = [f"drawn without {', '.join(absent)}: no dataset with levels was answered"] if absent else []
    left = table.loc[~beside & (table["kind"] != "human"), "observer"].nunique()
    table = table[beside | (table["kind"] == "human")].reset_index(drop=True)
    if not len(table):
        return ["none of the chosen observers answered a dataset with levels: name others with --observer"]
    datasets = list(dict.fromkeys(table["dataset"]))
    caption = (
        f"Accuracy by condition in {_count(datasets)}: people and {whom}, {who(table)}"
        + (f"; {left} more in these logs are in figure 10. " if left else ". ")
        + f"{_people(table)}{_bars(material, table)}"
    )
    draw = partial(paper.figure_5, table, chance=material.chance(datasets))
    return [PaperFigure(5, "", draw, table, caption), *said, *_missing(datasets)]


def with_consistency(material: FigureInputs) -> list[PaperFigure | str]:
    """Figure 10: everyone."""
    table = _accuracies(material)
    if not len(table):
        return [_no_levels()]
    kappas = material.consistencies.rename(columns={"kappa": "value", "n_images": "n"}).assign(measure="kappa")
    table = pd.concat([table, kappas] if len(kappas) else [table], ignore_index=True)
    table = table[[column for column in COLUMNS if column in table]]
    datasets = list(dict.fromkeys(table["dataset"]))
    caption = (
        f"Accuracy (left) and error consistency with people (right) by condition in {_count(datasets)}: {who(table)}. "
        f"{_people(table)}Kappa is the mean over people, that of people is with each other; its bars and band: "
        f"{material.bootstrap}. By the {RULES[material.rule]}. {_bars(material, table)}{material.stood_in}"
    )
    draw = partial(paper.figure_10, table, chance=material.chance(datasets))
    alone = [d for d in datasets if d not in set(kappas["dataset"])]
    said = [f"drawn without a part, {', '.join(alone)}: {no_people('error consistency')}"] if alone else []
    return [PaperFigure(10, "", draw, table, caption), *_missing(datasets), *said]


def _accuracies(material: FigureInputs) -> pd.DataFrame:
    table = material.accuracies[material.accuracies["dataset"].isin(material.parametric)]
    table = table.rename(columns={"accuracy": "value"}).assign(measure="accuracy")
    return table[[column for column in COLUMNS if column in table]].reset_index(drop=True)


def _count(datasets: list[str]) -> str:
    return f"{len(datasets)} dataset{'' if len(datasets) == 1 else 's'} with levels"


def _people(table: pd.DataFrame) -> str:
    n = table.loc[(table["observer"] == PEOPLE) & (table["measure"] == "accuracy"), "n_observers"]
    return f"People as one: mean accuracy of {span(n.astype(int))}, band: their range, no interval. " if len(n) else ""


def _bars(material: FigureInputs, table: pd.DataFrame) -> str:
    zero = ", and kappa 0" if (table["measure"] == "kappa").any() else ""
    return (
        f"Error bars of accuracy: {WILSON}. Of kinds with more than {N_NAMED} observers only lines are drawn; the intervals "
        f"are in the CSV. Dotted: chance, where it is known{zero}. Gray labels: conditions that do not count in the "
        f"benchmark.{material.simulated(table)}"
    )


def _missing(datasets: list[str]) -> list[str]:
    missing = [name for name in PARAMETRIC if name not in datasets]
    return [f"drawn without {', '.join(missing)}: they are not in these logs"] if missing else []


def _no_levels() -> str:
    return f"no dataset here has levels: give logs of {', '.join(PARAMETRIC[:3])} or another with several conditions"
