"""Figures 3, 4, 9 and 11: bars over datasets, and of every dataset of one condition."""

from collections.abc import Sequence
from functools import partial

import pandas as pd

from analysis.accuracy import PEOPLE
from analysis.benchmark import HUMANS, STAND_INS
from analysis.figures import paper
from analysis.figures.paper.bars import LABELS
from analysis.paper.figure_inputs import SINGLE, WILSON, FigureInputs, PaperFigure, no_people, some, who
from stimuli.errors import LogError

WHAT = {
    3: "Out-of-distribution accuracy, the mean over datasets",
    4: "Error consistency with people (kappa per condition, then means over conditions, people and datasets)",
    9: "Benchmark results, means over datasets",
}
COLUMNS = ["measure", "observer", "kind", "n_datasets", "of", "value", "low", "high"]


def averages(number: int, measures: Sequence[str], material: FigureInputs) -> list[PaperFigure | str]:
    """Figures 3, 4 and 9, of their measures."""
    try:
        found = material.benchmark
    except LogError as error:
        return [str(error)]
    table, most = _in_order(found, measures)
    lacking = [LABELS[measure] for measure in measures if measure not in set(table["measure"])]
    said = [no_people(" and ".join(lacking).lower())] if lacking else []
    if not len(table):
        return [*said]
    draw = partial(getattr(paper, f"figure_{number}"), table)
    made = PaperFigure(number, "", draw, table, _caption(number, table, most, material, found))
    return [made, *(f"drawn without a part: {sentence}" for sentence in said)]


def _in_order(found: pd.DataFrame, measures: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """Measure by measure what is drawn, people together first, and over how many datasets the most are.

    Behind them those who answered as many datasets, then the others, each in the order of the table. A measure that is
    undefined for everyone is left out, and so is an undefined row of people.
    """
    table, most = found[found["measure"].isin(measures)].copy(), int(found["n_datasets"].max())
    table["of"] = [f"({n} of {most})" if n < most else "" for n in table["n_datasets"]]
    together = _together(table)
    defined = table["value"].notna().groupby(table["measure"]).transform("any")
    table = table.assign(
        m=table["measure"].map({measure: i for i, measure in enumerate(measures)}), p=~together, less=table["of"] != ""
    )
    table = table[defined & (~together | table["value"].notna())]
    return table.sort_values(["m", "p", "less"], kind="stable")[COLUMNS].reset_index(drop=True), most


def _together(table: pd.DataFrame) -> pd.Series:
    """Is it the row of all people? It is the first of its measure."""
    return table["observer"].isin([HUMANS, STAND_INS]) & ~table["measure"].duplicated()


def _caption(number: int, table: pd.DataFrame, most: int, material: FigureInputs, found: pd.DataFrame) -> str:
    datasets = [name for name in material.datasets if name not in material.not_averaged]
    together = table[_together(table)]
    parts = [
        f"{WHAT[number]}: {who(table)}, {most} dataset{'' if most == 1 else 's'} ({some(datasets)}).",
        "No people.",
        "Best first.",
        f"Error bars: {material.bootstrap}.",
    ]
    if len(together):
        n = material.n_averaged_people
        other = "" if number == 3 else ", in consistency and difference each with the others"
        parts[1] = (
            f"First row and dashed line with its interval: {together['observer'].iloc[0]}, all {n} as one{other}."
        )
    if (table["of"] != "").any():
        parts[2] = "Best first; pale and behind the others: means over fewer datasets, which cannot be compared."
    notes = [note for note in found.attrs["notes"] if not note.startswith("ranks")]
    rule = [] if number == 3 else [f"By the {found.attrs['rule']}."]
    if "accuracy_difference" in set(table["measure"]):
        rule.append("A squared difference grows with noise, so that its error bars lie somewhat high.")
    return (
        " ".join([*parts, *rule, *(f"{note[0].upper()}{note[1:]}." for note in notes)])
        + material.stood_in
        + material.simulated(table)
    )


def single_conditions(material: FigureInputs) -> list[PaperFigure | str]:
    """Figure 11."""
    here = [d for d in material.datasets if d not in (*material.parametric, *material.conflicts)]
    if not here:
        return [f"no dataset of one condition is here: give logs of {', '.join(SINGLE)}"]
    datasets = [d for d in SINGLE if d in here] + [d for d in here if d not in SINGLE]
    table = material.accuracies[material.accuracies["dataset"].isin(datasets)].rename(columns={"accuracy": "value"})
    table = table.assign(d=table["dataset"].map({d: i for i, d in enumerate(datasets)}), p=table["kind"] != "human")
    table = table.sort_values(["d", "p", "value"], ascending=[True, True, False], kind="stable").assign(of="")
    columns = ["dataset", "observer", "kind", "n_observers", "n", "n_correct", "of", "value", "low", "high"]
    table = table[columns].reset_index(drop=True)
    people = table[table["observer"] == PEOPLE]
    n_people = ", ".join(f"{n} on {d}" for d, n in zip(people["dataset"], people["n_observers"], strict=True))
    caption = (
        f"Accuracy on datasets of one condition: {who(table)}, people first, then the best. "
        + (f"People as one, the mean of {n_people}; their bar is their range, no interval. " if n_people else "")
        + f"Error bars: {WILSON}. Dotted: chance, where it is known.{material.simulated(table)}"
    )
    made = PaperFigure(11, "", partial(paper.figure_11, table, chance=material.chance(datasets)), table, caption)
    missing = [name for name in SINGLE if name not in datasets]
    return [made, *([f"drawn without {', '.join(missing)}: they are not in these logs"] if missing else [])]
