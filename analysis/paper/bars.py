"""Figures 3, 4, 9 and 11: bars over datasets, and of every dataset of one condition."""

from collections.abc import Sequence
from functools import partial

import pandas as pd

from analysis.accuracy import PEOPLE
from analysis.benchmark import HUMANS, STAND_INS
from analysis.figures import paper
from analysis.figures.paper.bars import LABELS
from analysis.paper.material import SINGLE, WILSON, Made, Material, no_people, some, who
from stimuli.errors import LogError


def averages(number: int, measures: Sequence[str], material: Material) -> list[Made | str]:
    try:
        found = material.benchmark
    except LogError as error:
        return [str(error)]
    table = found[found["measure"].isin(measures)].copy()
    most = table["n_datasets"].max()
    table["of"] = [f"({n} of {most})" if n < most else "" for n in table["n_datasets"]]
    together = table["observer"].isin([HUMANS, STAND_INS]) & table.index.isin(table.groupby("measure").head(1).index)
    people = table[together & table["value"].notna()]
    if not len(people) and set(measures) == {"error_consistency"} and table["value"].isna().all():
        return [no_people("error consistency")]
    table = table[~together | table["value"].notna()]
    defined = table.groupby("measure")["value"].transform(lambda value: value.notna().any())
    lacking = [LABELS[m] for m in measures if not (defined & (table["measure"] == m)).any()]
    table = table[defined].assign(m=lambda t: t["measure"].map({m: i for i, m in enumerate(measures)}), p=~together)
    table["less"] = table["of"] != ""
    table = table.sort_values(["m", "p", "less"], kind="stable").drop(columns=["m", "p", "less"])
    table = table[["measure", "observer", "kind", "n_datasets", "of", "value", "low", "high"]].reset_index(drop=True)
    if not len(table):
        return [f"{' and '.join(lacking)} are undefined for every observer"]
    what = {
        3: "Out-of-distribution accuracy, the mean over datasets",
        4: "Error consistency with people (kappa per condition, then means over conditions, people and datasets)",
        9: "Benchmark results, means over datasets",
    }[number]
    row = people["observer"].iloc[0] if len(people) else ""
    caption = (
        f"{what}: {who(table)}, {most} dataset{'s' if most > 1 else ''} ({some(_averaged(material, found))}). "
        + (f"The first row, {row}, is all of them together, consistencies and differences with each other; dashed, with its "
           "interval. " if len(people) else "No people. ")
        + f"Error bars: {material.bootstrap}. Best first"
        + ("; pale, behind the others: means over fewer datasets, which cannot be compared. " if (table["of"] != "").any() else ". ")
        + f"By the {found.attrs['rule']}." + "".join(f" {n[0].upper()}{n[1:]}." for n in found.attrs["notes"])
        + material.simulated(table)
    )  # fmt: skip
    drawing = getattr(paper, f"figure_{number}")
    out: list[Made | str] = [Made(number, "", partial(drawing, table), table, caption)]
    if lacking:
        out.append(f"drawn without {', '.join(lacking)}: {no_people('it' if len(lacking) == 1 else 'they')}")
    return out


def _averaged(material: Material, found: pd.DataFrame) -> list[str]:
    left = " ".join(note for note in found.attrs["notes"] if note.startswith("left out, since"))
    gone = {name for part in left.split(": ")[1:] for name in part.replace(" left out, since", "").split(", ")}
    return [name for name in material.datasets if name not in gone]


def single_conditions(material: Material) -> list[Made | str]:
    datasets = [d for d in material.datasets if d not in (*material.parametric, *material.conflicts)]
    if not datasets:
        return [f"no dataset of one condition is here: give logs of {', '.join(SINGLE)}"]
    table = material.accuracies[material.accuracies["dataset"].isin(datasets)].rename(columns={"accuracy": "value"})
    table = table.assign(
        d=table["dataset"].map({d: i for i, d in enumerate(datasets)}), p=table["kind"] != "human", of=""
    )
    table = table.sort_values(["d", "p", "value"], ascending=[True, True, False], kind="stable")
    table = table[
        ["dataset", "observer", "kind", "n_observers", "n", "n_correct", "value", "low", "high", "of"]
    ].reset_index(drop=True)
    people = table[table["observer"] == PEOPLE]
    said = ", ".join(f"{n} on {d}" for d, n in zip(people["dataset"], people["n_observers"], strict=True))
    caption = (
        f"Accuracy on datasets of one condition: {who(table)}, people first, then the best. "
        + (f"People as one, the mean of {said}; their bar is their range, not an interval. " if said else "")
        + f"Error bars: {WILSON}. Dotted: chance, where it is known.{material.simulated(table)}"
    )
    draw = partial(paper.figure_11, table, chance=material.chance(datasets))
    missing = [name for name in SINGLE if name not in datasets]
    out: list[Made | str] = [Made(11, "", draw, table, caption)]
    return out + (
        [f"drawn without published datasets that are not in these logs: {', '.join(missing)}"] if missing else []
    )
