"""What the figures of the paper are made from, and what all their captions say alike."""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property

import pandas as pd
from attrs import field, frozen
from matplotlib.figure import Figure

from analysis.accuracy import PEOPLE, accuracy, chance_of, people_as_one
from analysis.benchmark import HUMANS, STAND_INS
from analysis.by_condition import consistency_by_condition
from analysis.condition_data import cells
from analysis.consistency import Rule
from analysis.figures import style
from analysis.frame import dataset_order
from analysis.ranks import benchmark_intervals
from analysis.resampling import N_RESAMPLES
from analysis.shape_bias import has_conflicts
from stimuli.datasets import DATASETS
from stimuli.errors import UnknownName
from stimuli.level_scales import is_parametric

PARAMETRIC = tuple(name for name, dataset in DATASETS.items() if len(dataset.conditions) > 1)
SINGLE = ("sketch", "stylized", "edge", "silhouette")  # in the order of the paper
WILSON = "Wilson, 95 %, over trials"


@frozen(eq=False)
class PaperFigure:
    number: int
    dataset: str  # "" where the figure is over several
    draw: Callable[[Figure], Figure]
    data: pd.DataFrame
    caption: str


@frozen(eq=False)
class FigureInputs:
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
    def every_dataset(self) -> bool:
        """Are averages over unpublished datasets, too? Where neither people nor stand-ins answered published ones."""
        found = cells(self.frame[self.frame["dataset"].isin(DATASETS)])
        return self.stand_ins is None and not any(cell.is_person.any() for cell in found)

    @cached_property
    def benchmark(self) -> pd.DataFrame:
        """Measures of published datasets that people answered, or as `every_dataset` says. Raises LogError."""
        every, options = self.every_dataset, {"n_resamples": self.n_resamples, "seed": self.seed}
        table = benchmark_intervals(self.frame, self.rule, self.stand_ins, every_dataset=every, **options)
        others = [d for d in self.datasets if d not in DATASETS]
        if others and not self.every_dataset and self.stand_ins is None:
            table.attrs["notes"].append(f"left out, since they are none of the published datasets: {', '.join(others)}")
        return table

    @property
    def not_averaged(self) -> set[str]:
        """Datasets that the averages leave out."""
        if self.stand_ins is not None:
            stood = set(self.frame.loc[self.frame["observer"].isin(self.stand_ins), "dataset"])
            return set(self.datasets) - stood
        seen = set(self.frame.loc[self.frame["kind"] == "human", "dataset"])
        if self.every_dataset:
            return set(self.datasets) - seen if seen else set()
        return {name for name in self.datasets if name not in seen or name not in DATASETS}

    @cached_property
    def consistencies(self) -> pd.DataFrame:
        """In parametric datasets, by condition."""
        trials = self.frame[self.frame["dataset"].isin(self.parametric)]
        options = {"n_resamples": self.n_resamples, "seed": self.seed}
        return consistency_by_condition(trials, rule=self.rule, stand_ins=self.stand_ins, **options)

    def chance(self, datasets: Collection[str]) -> float | None:
        """The one that all of these datasets have; None if they differ, or where it is not known."""
        found = {chance_of(self.of(dataset)) for dataset in datasets}
        return found.pop() if len(found) == 1 else None

    @property
    def bootstrap(self) -> str:
        return f"paired bootstrap over images, 95 %, {self.n_resamples} resamples, seed {self.seed}"

    @property
    def stood_in(self) -> str:
        """That no people are meant, for captions of error consistency."""
        if self.stand_ins is None:
            return ""
        names = ", ".join(self.stand_ins)
        return f" {names} stand in for people, so that consistency is with them and says nothing of people."

    @property
    def n_averaged_people(self) -> int:
        """People in averages, or those who stand in for them; people of two datasets are two."""
        trials = self.frame[~self.frame["dataset"].isin(self.not_averaged)]
        stood = trials["kind"] == "human" if self.stand_ins is None else trials["observer"].isin(self.stand_ins)
        columns = ["dataset", "observer"] if self.stand_ins is None else ["observer"]
        return len(trials.loc[stood, columns].drop_duplicates())

    def simulated(self, table: pd.DataFrame) -> str:
        names = sorted({str(name) for name in table.loc[table["kind"] == "simulated", "observer"]})
        return f" Simulated, not measured: {', '.join(names)}." if names else ""


def who(table: pd.DataFrame) -> str:
    """How many observers of which kind, in the order of kinds; not those rows that stand for several people."""
    everyone = table[["observer", "kind"]].drop_duplicates()
    together = everyone["observer"].isin([HUMANS, PEOPLE, STAND_INS])
    n = (~together).sum()
    counts = everyone.loc[~together, "kind"].value_counts()
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in style.KIND_STYLES if kind in counts)
    if not n:
        return "people alone"
    people = "people" if STAND_INS not in set(everyone["observer"]) else STAND_INS
    beside = f" beside the {people}" if together.any() else ""
    return f"n = {n} observer{'' if n == 1 else 's'} ({kinds}){beside}"


def some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} and {len(names) - 5} more"


def no_people(what: str) -> str:
    return (
        f"{what} would be with people, and no person answered these datasets: give their logs (humans/DATASET), or name "
        "observers who stand in for them with --stand-in"
    )
