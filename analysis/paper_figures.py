"""The figures of Jaini et al. (2024) from any set of trial logs: which table each draws, its caption, and what it lacks.

A figure is a `Made`, several where several datasets have it, or a sentence that says what is missing for it. The measures are
those of `analysis`; here their tables are put in order, not computed.
"""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property, partial

import pandas as pd
from attrs import field, frozen
from matplotlib.figure import Figure

from analysis.accuracy import PEOPLE, accuracy, people_as_one
from analysis.benchmark import HUMANS, MEASURES, STAND_INS
from analysis.by_condition import consistency_by_condition
from analysis.cells import cells
from analysis.clustering import cluster
from analysis.consistency import RULES, Rule, included
from analysis.figures import paper
from analysis.figures.shape_bias import arrange
from analysis.frame import dataset_order
from analysis.pairs import pairs
from analysis.ranks import benchmark_intervals
from analysis.resampling import N_RESAMPLES
from analysis.shape_bias import has_conflicts, overall, pooled_shape_bias, shape_bias, spread
from experiments.log import EVIDENCE
from stimuli.datasets import DATASETS
from stimuli.errors import LogError, UnknownName
from stimuli.level_scales import is_parametric, published_name

MATRICES = {6: "cue-conflict", 14: "sketch", 15: "stylized", 16: "edge", 17: "silhouette"}
PARAMETRIC = tuple(name for name, dataset in DATASETS.items() if len(dataset.conditions) > 1)
ALONE = tuple(name for name in ("sketch", "stylized", "edge", "silhouette"))
WILSON = "Wilson, 95 %, over trials"


@frozen(eq=False)
class Made:
    number: int
    dataset: str  # "" where the figure is over several
    draw: Callable[[Figure], Figure]
    data: pd.DataFrame
    caption: str


@frozen(eq=False)
class Material:
    """The trials, and how they are looked at; what several figures draw is computed once.

    `observers` are drawn in figure 5 beside the people, and marked in figure 13. `stand_ins` take the place of people.
    """

    frame: pd.DataFrame
    observers: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] | None = None
    rule: Rule = "undefined-is-nan"
    n_resamples: int = N_RESAMPLES
    seed: int = 0
    datasets: tuple[str, ...] = field(init=False)

    @datasets.default
    def _datasets(self) -> tuple[str, ...]:
        return tuple(dataset_order(self.frame["dataset"].unique()))

    def __attrs_post_init__(self) -> None:
        for name in (*self.observers, *(self.stand_ins or ())):
            if name not in set(self.frame["observer"]):
                raise UnknownName("observer in these logs", name, set(self.frame["observer"]))

    def of(self, dataset: str) -> pd.DataFrame:
        return self.frame[self.frame["dataset"] == dataset]

    @cached_property
    def conflicts(self) -> list[str]:
        return [name for name in self.datasets if has_conflicts(self.of(name))]

    @cached_property
    def parametric(self) -> list[str]:
        return [d for d in self.datasets if is_parametric(d, self.of(d)["condition"].nunique())]

    @cached_property
    def accuracies(self) -> pd.DataFrame:
        return people_as_one(accuracy(self.frame))

    @cached_property
    def benchmark(self) -> pd.DataFrame:
        """Published datasets that people answered, as the field has it; without them every dataset. Raises LogError."""
        every = self.stand_ins is None and not any(
            cell.is_person.any() for cell in cells(self.frame[self.frame["dataset"].isin(DATASETS)])
        )
        options = {"n_resamples": self.n_resamples, "seed": self.seed, "every_dataset": every}
        table = benchmark_intervals(self.frame, self.rule, self.stand_ins, **options)
        others = [d for d in self.datasets if d not in DATASETS]
        if others and not every and self.stand_ins is None:
            table.attrs["notes"].append(f"left out, since they are none of the published datasets: {', '.join(others)}")
        return table

    @cached_property
    def consistencies(self) -> pd.DataFrame:
        """In parametric datasets, by condition."""
        trials = self.frame[self.frame["dataset"].isin(self.parametric)]
        options = {"n_resamples": self.n_resamples, "seed": self.seed}
        return consistency_by_condition(trials, rule=self.rule, stand_ins=self.stand_ins, **options)

    def chance(self, datasets: Collection[str]) -> float | None:
        """1/16 in the published datasets, else from the choices that evidence is for; None if they differ."""
        found = set()
        for dataset in datasets:
            trials = self.of(dataset)
            n = sum(trials[c].notna().any() for c in trials.columns if c.startswith(EVIDENCE))
            found.add(16 if dataset in DATASETS else n)
        return 1 / n if len(found) == 1 and (n := found.pop()) else None

    @property
    def bootstrap(self) -> str:
        return f"paired bootstrap over images, 95 %, {self.n_resamples} resamples, seed {self.seed}"

    def simulated(self, table: pd.DataFrame) -> str:
        names = sorted({str(name) for name in table.loc[table["kind"] == "simulated", "observer"]})
        return f" Simulated, not measured: {', '.join(names)}." if names else ""


def make(material: Material, number: int) -> list[Made | str]:
    """One figure: all that the logs give of it, and sentences on what they do not. Raises UnknownName."""
    if number not in FIGURES:
        raise UnknownName("figure of the paper that trial logs give", str(number), map(str, FIGURES))
    return FIGURES[number](material)


def _n(table: pd.DataFrame) -> str:
    """How many observers of which kind, those who are drawn as one as such."""
    who = table[["observer", "kind"]].drop_duplicates()
    together = who["observer"].isin([HUMANS, PEOPLE, STAND_INS])
    n = (~together).sum()
    counts = who[~together].groupby("kind", sort=False).size()
    kinds = ", ".join(f"{k} {kind}" for kind, k in counts.items())
    return f"n = {n} observer{'' if n == 1 else 's'}{f' ({kinds})' if n else ''}"


def _range(n: pd.Series) -> str:
    return f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"


def _bias(material: Material) -> list[Made | str]:
    out: list[Made | str] = []
    for dataset in material.conflicts:
        shown, caption = _shape(material, dataset)
        out.append(Made(1, dataset, partial(paper.figure_1, shown), shown, caption))
    return out or [_no_conflicts("cue-conflict")]


def _no_conflicts(dataset: str) -> str:
    return f"no trial has a shape and a texture that differ: give logs of {dataset} or of another cue-conflict experiment"


def _shape(material: Material, dataset: str) -> tuple[pd.DataFrame, str]:
    trials = material.of(dataset)
    table = shape_bias(trials)
    has_people = bool((table["kind"] == "human").any())
    shown = arrange(table, pooled_shape_bias(trials) if has_people else table.iloc[:0])
    n_people = table.loc[table["kind"] == "human", "observer"].nunique()
    pooled = shown["observer"].nunique() < table["observer"].nunique()
    people = (
        f"the {n_people} people pooled as one" if pooled else f"{n_people} people, one by one" if n_people else "no people"
    )
    n = _range(overall(table)["n_conflict"])
    caption = (
        f"Shape bias on {dataset} by category of the shape, shape / (shape + texture) decisions: {_n(table)}, {people}; {n} "
        "images in conflict each. Vertical lines and last row: all conflicts. Bars in the last row: Wilson, 95 %, over shape "
        "and texture decisions; intervals of the categories are in the CSV. Rows in the order of "
        f"{'the people pooled' if has_people else 'the mean over observers'}.{material.simulated(table)}"
    )
    return shown, caption


def _before_and_after(material: Material) -> list[Made | str]:
    out: list[Made | str] = []
    for dataset in material.conflicts:
        shown, caption = _shape(material, dataset)
        there = [name for name in material.observers if name in set(shown["observer"])]
        if there:
            said = f" Large and dark: {', '.join(there)}; everyone else is faint."
            draw = partial(paper.figure_13, shown, marked=there)
            out.append(Made(13, dataset, draw, shown.assign(marked=shown["observer"].isin(there)), caption + said))
        elif material.observers:
            out.append(f"none of {', '.join(material.observers)} is drawn by itself on {dataset}: name others")
        else:
            out.append("it compares observers that are chosen: name them, --observer BEFORE --observer AFTER")
            break
    return out or [_no_conflicts("cue-conflict")]


def _boxes(material: Material) -> list[Made | str]:
    out: list[Made | str] = []
    for dataset in material.conflicts:
        table = spread(shape_bias(material.of(dataset)))
        order = (table["kind"] != "human").astype(int).to_frame("k").assign(b=-table["shape_bias"]).sort_values(["k", "b"])
        table = table.loc[order.index].reset_index(drop=True)
        caption = (
            f"Spread of shape bias on {dataset} over categories of the shape: {_n(table)}, people one by one and first, then "
            "by shape bias. Line: median, box: quartiles, whiskers: lowest and highest category; marker: over all "
            f"conflicts. Not error bars: intervals are those of figure 1.{material.simulated(table)}"
        )
        out.append(Made(12, dataset, partial(paper.figure_12, table), table, caption))
    return out or [_no_conflicts("cue-conflict")]


def _bars(number: int, measures: Sequence[str], material: Material) -> list[Made | str]:
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
        return [_no_people("error consistency")]
    table = table[~together | table["value"].notna()]
    defined = table.groupby("measure")["value"].transform(lambda value: value.notna().any())
    lacking = [paper.bars.LABELS[m] for m in measures if not (defined & (table["measure"] == m)).any()]
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
        f"{what}: {_n(table)}, {most} dataset{'s' if most > 1 else ''} ({_some(_averaged(material, found))}). "
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
        out.append(f"drawn without {', '.join(lacking)}: {_no_people('it' if len(lacking) == 1 else 'they')}")
    return out


def _averaged(material: Material, found: pd.DataFrame) -> list[str]:
    left = " ".join(note for note in found.attrs["notes"] if note.startswith("left out, since"))
    gone = {name for part in left.split(": ")[1:] for name in part.replace(" left out, since", "").split(", ")}
    return [name for name in material.datasets if name not in gone]


def _no_people(what: str) -> str:
    return (
        f"{what} would be with people, and no person answered these datasets: give their logs (humans/DATASET), or name "
        "observers who stand in for them with --stand-in"
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} and {len(names) - 5} more"


def _curves(number: int, material: Material) -> list[Made | str]:
    datasets = material.parametric
    if not datasets:
        return ["no dataset here has levels: give logs of " + " or ".join(PARAMETRIC[:3]) + " or another with conditions"]
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
    columns = ["dataset", "condition", "observer", "kind", "measure", "n", "n_observers", "n_people", "value", "low", "high"]
    table = table[[c for c in columns if c in table]].reset_index(drop=True)
    n_people = table.loc[table["observer"] == PEOPLE, "n_observers"].dropna().astype(int)
    many = _range(n_people) if len(n_people) else ""
    caption = (
        f"Accuracy{' (left) and error consistency with people (right)' if number == 10 else ''} by condition in "
        f"{len(datasets)} dataset{'s' if len(datasets) > 1 else ''} with levels: people and {whom}, {_n(table)}. "
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
        out += [f"drawn without the error consistency of {', '.join(alone)}: {_no_people('it')}"] if alone else []
    return out


def _single_conditions(material: Material) -> list[Made | str]:
    datasets = [d for d in material.datasets if d not in (*material.parametric, *material.conflicts)]
    if not datasets:
        return [f"no dataset of one condition is here: give logs of {', '.join(ALONE)}"]
    table = material.accuracies[material.accuracies["dataset"].isin(datasets)].rename(columns={"accuracy": "value"})
    table = table.assign(d=table["dataset"].map({d: i for i, d in enumerate(datasets)}), p=table["kind"] != "human", of="")
    table = table.sort_values(["d", "p", "value"], ascending=[True, True, False], kind="stable")
    table = table[
        ["dataset", "observer", "kind", "n_observers", "n", "n_correct", "value", "low", "high", "of"]
    ].reset_index(drop=True)
    people = table[table["observer"] == PEOPLE]
    said = ", ".join(f"{n} on {d}" for d, n in zip(people["dataset"], people["n_observers"], strict=True))
    caption = (
        f"Accuracy on datasets of one condition: {_n(table)}, people first, then the best. "
        + (f"People as one, the mean of {said}; their bar is their range, not an interval. " if said else "")
        + f"Error bars: {WILSON}. Dotted: chance, where it is known.{material.simulated(table)}"
    )
    draw = partial(paper.figure_11, table, chance=material.chance(datasets))
    missing = [name for name in ALONE if name not in datasets]
    out: list[Made | str] = [Made(11, "", draw, table, caption)]
    return out + (
        [f"drawn without published datasets that are not in these logs: {', '.join(missing)}"] if missing else []
    )


def _matrix(number: int, material: Material) -> list[Made | str]:
    name = MATRICES[number]
    datasets = [d for d in material.datasets if published_name(d) == name]
    out: list[Made | str] = []
    for dataset in datasets:
        trials = material.of(dataset)
        found = pairs(trials, material.rule)
        if len(found.names) < 2:
            out.append(f"{found.names[0]} is the only observer of {dataset}: a matrix needs two or more")
            continue
        matrix, kinds = found.matrix(), dict(zip(found.names, found.kinds, strict=True))
        tree = cluster(matrix)
        order = list(tree.order)
        data = matrix.loc[order, order].rename_axis("observer").reset_index(allow_duplicates=True)
        who = pd.DataFrame({"observer": order, "kind": [kinds[name] for name in order]})
        caption = (
            f"Error consistency kappa of every two observers on {dataset}: {_n(who)}, people one by one; "
            f"{included(trials, dataset)[['stimulus', 'condition']].drop_duplicates().shape[0]} images. Ordered by average "
            "linkage on 1 − kappa, whose tree is at the side. Red: above 0, blue: below, which a minus sign says as well; "
            "gray: undefined. Without error bars: intervals are those of `observers analyze consistency`. By the "
            f"{RULES[material.rule]}.{material.simulated(who)}"
        )
        draw = partial(getattr(paper, f"figure_{number}"), matrix, kinds, tree)
        out.append(Made(number, dataset, draw, data, caption))
    return out or [f"there are no trials of {name}: give logs of it"]


FIGURES: dict[int, Callable[[Material], list[Made | str]]] = {
    1: _bias,
    3: partial(_bars, 3, ("ood_accuracy",)),
    4: partial(_bars, 4, ("error_consistency",)),
    5: partial(_curves, 5),
    6: partial(_matrix, 6),
    9: partial(_bars, 9, MEASURES[:4]),
    10: partial(_curves, 10),
    11: _single_conditions,
    12: _boxes,
    13: _before_and_after,
    **{number: partial(_matrix, number) for number in MATRICES if number != 6},
}
