"""Figures 5 and 10: accuracy and error consistency over levels."""

from functools import partial

import pandas as pd

from analysis.accuracy import PEOPLE
from analysis.consistency import RULES
from analysis.figures import paper
from analysis.paper.material import PARAMETRIC, WILSON, Made, Material, no_people, span, who


def curves(number: int, material: Material) -> list[Made | str]:
    datasets = material.parametric
    if not datasets:
        return [
            "no dataset here has levels: give logs of " + " or ".join(PARAMETRIC[:3]) + " or another with conditions"
        ]
    table = material.accuracies[material.accuracies["dataset"].isin(datasets)]
    table = table.rename(columns={"accuracy": "value"}).assign(measure="accuracy")
    if number == 5:
        kinds = set(table["kind"]) - {"human"}
        default = "generative" if "generative" in kinds else ""
        chosen = table["observer"].isin(list(material.observers)) if material.observers else table["kind"] == default
        table = table[(table["kind"] == "human") | (chosen if material.observers or default else True)]
        whom = ("chosen observers" if material.observers else "generative observers" if default else
                "all observers, since none is generative")  # fmt: skip
    else:
        kappas = material.consistencies.rename(columns={"kappa": "value", "n_images": "n"}).assign(measure="kappa")
        table, whom = pd.concat([table, kappas], ignore_index=True), "all observers"
    if not len(table):
        return ["none of the chosen observers answered a dataset with levels: name others with --observer"]
    columns = [
        "dataset",
        "condition",
        "observer",
        "kind",
        "measure",
        "n",
        "n_observers",
        "n_people",
        "value",
        "low",
        "high",
    ]
    table = table[[c for c in columns if c in table]].reset_index(drop=True)
    n_people = table.loc[table["observer"] == PEOPLE, "n_observers"].dropna().astype(int)
    many = span(n_people) if len(n_people) else ""
    caption = (
        f"Accuracy{' (left) and error consistency with people (right)' if number == 10 else ''} by condition in "
        f"{len(datasets)} dataset{'s' if len(datasets) > 1 else ''} with levels: people and {whom}, {who(table)}. "
        + (f"People as one: mean of {many}, band: their range, not an interval. " if many else "")
        + f"Error bars of accuracy: {WILSON}. "
        + (f"Kappa is the mean over people, of people that with each other; bars and the band of people: {material.bootstrap}. By "
           f"the {RULES[material.rule]}. " if number == 10 else "")
        + "Of kinds with more than 6 observers only lines are drawn; intervals are in the CSV. Dotted: chance, where it is known"
        + (", and kappa 0. " if number == 10 else ". ") + "Gray labels: conditions that do not count in the benchmark."
        + material.simulated(table)
    )  # fmt: skip
    drawing = paper.figure_5 if number == 5 else paper.figure_10
    draw = partial(drawing, table, chance=material.chance(datasets))
    out: list[Made | str] = [Made(number, "", draw, table, caption)]
    missing = [name for name in PARAMETRIC if name not in datasets]
    if missing:
        out.append(f"drawn without published datasets that are not in these logs: {', '.join(missing)}")
    if number == 10:
        alone = [d for d in datasets if d not in set(material.consistencies["dataset"])]
        out += [f"drawn without the error consistency of {', '.join(alone)}: {no_people('it')}"] if alone else []
    return out
