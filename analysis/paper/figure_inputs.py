"""The inputs of the paper's figures: trials, settings, tables that figures share, and common parts of captions."""

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from typing import Any

import pandas as pd
from attrs import field, frozen
from matplotlib.figure import Figure

from analysis.benchmark.benchmark import HUMANS, SIMULATED_PEOPLE
from analysis.benchmark.by_condition import consistency_by_condition
from analysis.benchmark.by_group import benchmark_by_group
from analysis.benchmark.ranks import benchmark_intervals
from analysis.figures import style
from analysis.io.appearance import Appearance, appearance_of
from analysis.io.frame import dataset_order
from analysis.kappa.condition_data import split_by_condition
from analysis.kappa.consistency import Rule
from analysis.measures.accuracy import PEOPLE, accuracy, chance_level, pool_people
from analysis.measures.by_group import accuracy_by_group, average_groups, shape_bias_by_group
from analysis.measures.resampling import N_RESAMPLES
from analysis.measures.shape_bias import has_cue_conflicts, pooled_shape_bias, shape_bias
from analysis.selection.groups import Groups, group_observers
from core.errors import UnknownName
from stimuli.published.datasets import DATASETS
from stimuli.published.level_scales import is_parametric

PARAMETRIC = tuple(name for name, dataset in DATASETS.items() if len(dataset.conditions) > 1)
SINGLE = ("sketch", "stylized", "edge", "silhouette")  # in the order of the paper
WILSON = "95 % Wilson intervals over trials"


@frozen(eq=False)
class PaperFigure:
    """One figure of the paper, ready to be drawn.

    Attributes:
        number: Number of the figure in Jaini et al. (2024).
        dataset: The dataset that the figure shows, or "" if it shows several.
        draw: Function that draws on an empty matplotlib figure and returns it.
        data: The numbers that the figure shows, which are written as CSV.
        caption: The caption of the figure.
    """

    number: int
    dataset: str
    draw: Callable[[Figure], Figure]
    data: pd.DataFrame
    caption: str


@frozen(eq=False)
class FigureInputs:
    """The trials and settings from which the figures of the paper are made.

    A table that several figures use is computed only once.

    Attributes:
        frame: Trials as returned by `read_trials`.
        observers: Observers that figure 5 shows in addition to people, and that figure 13 emphasizes.
        stand_ins: Observers that replace people (the reference observers of the benchmark), or None to use people.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: Number of bootstrap resamples of the images.
        seed: Random seed of the bootstrap.
        group_by: Column by which observers are grouped; "" to show each observer. Matrices always show each observer.
        datasets: The datasets in the frame, in the published order.

    Raises:
        UnknownName: If a name in `observers` or `stand_ins` is not an observer in the frame.
    """

    frame: pd.DataFrame
    observers: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] | None = None
    rule: Rule = "undefined-is-nan"
    n_resamples: int = N_RESAMPLES
    seed: int = 0
    group_by: str = ""
    datasets: tuple[str, ...] = field(init=False)

    @datasets.default
    def _datasets(self) -> tuple[str, ...]:
        return tuple(dataset_order(self.frame["dataset"].unique()))

    def __attrs_post_init__(self) -> None:
        for name in self.stand_ins or ():
            if name not in set(self.frame["observer"]):
                raise UnknownName("observer in these logs", name, set(self.frame["observer"]))
        known = set(self.frame["observer"]) if self.groups is None else set(self.groups.labels().values())
        for name in self.observers:
            if name not in known:
                raise UnknownName("observer in these logs" if self.groups is None else "group", name, known)

    def trials_of(self, dataset: str) -> pd.DataFrame:
        """Return the trials of one dataset."""
        return self.frame[self.frame["dataset"] == dataset]

    @cached_property
    def groups(self) -> Groups | None:
        """The groups of observers, or None if the figures show each observer."""
        return group_observers(self.frame, self.group_by) if self.group_by else None

    def appearance(self, *, of_observers: bool = False) -> Appearance:
        """Return how the observers are shown, or how their groups are shown unless `of_observers` is true."""
        return appearance_of(self.frame) if self.groups is None or of_observers else self.groups.appearance()

    def shape_bias(self, dataset: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the shape bias of every observer or group, and that of all people pooled, which is empty for groups."""
        trials = self.trials_of(dataset)
        if self.groups is not None:
            table = shape_bias_by_group(trials, self.group_by, n_resamples=self.n_resamples, seed=self.seed)
            table = self.groups.as_observers(table)
            return table, table.iloc[:0]
        table = shape_bias(trials)
        return table, pooled_shape_bias(trials) if (table["kind"] == "human").any() else table.iloc[:0]

    def describe(self, table: pd.DataFrame, datasets: Collection[str]) -> str:
        """Return the number of observers of each kind in a table, or the groups with their numbers of observers.

        The groups are those in the table, with the observers of the datasets; a person counts once for each dataset.
        """
        if self.groups is None:
            return describe_observers(table)
        shown = set(table["observer"])
        members = self.groups.members[self.groups.members["dataset"].isin(list(datasets))]
        is_person = members["kind"] == "human"
        members = pd.concat([members[is_person], members[~is_person].drop_duplicates(["observer", "group"])])
        n = members["group"].value_counts()
        labels = self.groups.labels().items()
        groups = ", ".join(f"{label}: n = {n[name]}" for name, label in labels if label in shown and name in n)
        return f"means over groups of observers by {self.groups.by} ({groups})"

    @property
    def trial_intervals(self) -> str:
        """A description of the intervals of accuracy and shape bias for captions."""
        if self.groups is not None:
            return f"95 % bootstrap intervals over the observers of a group ({self.n_resamples} resamples, seed {self.seed})"
        return WILSON

    @property
    def ranks(self) -> dict[str, int] | None:
        """The position of every observer in the order that the user chose, or None without such an order."""
        appearance = self.appearance()
        return appearance.ranks() if appearance.is_chosen else None

    def order_sentence(self, usual: str) -> str:
        """Return the sentence of a caption about the order of observers; `usual` is it without a chosen order."""
        if self.ranks is None:
            return usual
        return "Groups are in their usual order." if self.group_by else "Observers are in the order of the labels file."

    @cached_property
    def conflict_datasets(self) -> list[str]:
        """The datasets with images whose shape and texture differ."""
        return [name for name in self.datasets if has_cue_conflicts(self.trials_of(name))]

    @cached_property
    def parametric_datasets(self) -> list[str]:
        """The datasets whose conditions are levels of a distortion."""
        return [d for d in self.datasets if is_parametric(d, self.trials_of(d)["condition"].nunique())]

    @cached_property
    def accuracies(self) -> pd.DataFrame:
        """Accuracy of every observer in every condition, with the people of a dataset combined into one row.

        If observers are grouped, it has one row for every group.
        """
        if self.groups is not None:
            table = accuracy_by_group(self.frame, self.group_by, n_resamples=self.n_resamples, seed=self.seed)
            return self.groups.as_observers(table)
        return pool_people(accuracy(self.frame))

    @cached_property
    def averages_every_dataset(self) -> bool:
        """Whether averages include unpublished datasets.

        They do if no observer stands in for people and no person responded to a published dataset.
        """
        conditions = split_by_condition(self.frame[self.frame["dataset"].isin(DATASETS)])
        return self.stand_ins is None and not any(condition.is_reference.any() for condition in conditions)

    @cached_property
    def benchmark(self) -> pd.DataFrame:
        """The benchmark table with intervals, over the datasets that averages include.

        Access to this property raises LogError if the benchmark cannot be computed.
        """
        every = self.averages_every_dataset
        options: dict[str, Any] = {"n_resamples": self.n_resamples, "seed": self.seed}
        arguments = self.rule, self.stand_ins
        if self.groups is not None:
            table = benchmark_by_group(self.frame, self.group_by, *arguments, every_dataset=every, **options)
            table = self.groups.as_observers(table)
        else:
            table = benchmark_intervals(self.frame, *arguments, every_dataset=every, **options)
        others = [d for d in self.datasets if d not in DATASETS]
        if others and not self.averages_every_dataset and self.stand_ins is None:
            table.attrs["notes"].append(f"datasets are excluded because they are not published: {', '.join(others)}")
        return table

    @property
    def excluded_datasets(self) -> set[str]:
        """The datasets that averages exclude."""
        if self.stand_ins is not None:
            included = set(self.frame.loc[self.frame["observer"].isin(self.stand_ins), "dataset"])
            return set(self.datasets) - included
        with_people = set(self.frame.loc[self.frame["kind"] == "human", "dataset"])
        if self.averages_every_dataset:
            return set(self.datasets) - with_people if with_people else set()
        return {name for name in self.datasets if name not in with_people or name not in DATASETS}

    @cached_property
    def consistencies(self) -> pd.DataFrame:
        """Error consistency with people by condition, for the datasets whose conditions are levels of a distortion."""
        trials = self.frame[self.frame["dataset"].isin(self.parametric_datasets)]
        options = {"n_resamples": self.n_resamples, "seed": self.seed}
        table = consistency_by_condition(trials, rule=self.rule, reference_observers=self.stand_ins, **options)
        if self.groups is None:
            return table
        is_people = table["observer"].isin([PEOPLE, SIMULATED_PEOPLE])
        keys = ("dataset", "condition", "n_people", "n_images")
        means = average_groups(table[~is_people], self.groups, keys, "kappa", (), self.n_resamples, self.seed)
        return pd.concat([table[is_people], self.groups.as_observers(means)], ignore_index=True)

    def chance(self, datasets: Collection[str]) -> float | None:
        """Return the chance accuracy of the datasets, or None if it differs between them or is not known."""
        values = {chance_level(self.trials_of(dataset)) for dataset in datasets}
        return values.pop() if len(values) == 1 else None

    @property
    def bootstrap_intervals(self) -> str:
        """A description of the bootstrap intervals for captions."""
        return f"95 % intervals from a paired bootstrap over images ({self.n_resamples} resamples, seed {self.seed})"

    @property
    def kappa_intervals(self) -> str:
        """A description of the intervals of error consistency for captions."""
        return "95 % intervals that combine the score intervals of the pairs of observers (MOVER)"

    @property
    def stand_in_note(self) -> str:
        """A sentence for captions of error consistency that names the stand-ins for people; "" without stand-ins."""
        if self.stand_ins is None:
            return ""
        names = ", ".join(self.stand_ins)
        verb = "stands" if len(self.stand_ins) == 1 else "stand"
        return f" {names} {verb} in for people, so error consistency is measured with them and not with people."

    @property
    def n_averaged_people(self) -> int:
        """Number of people, or of their stand-ins, in averages; a person counts once for each dataset."""
        trials = self.frame[~self.frame["dataset"].isin(self.excluded_datasets)]
        is_person = trials["kind"] == "human" if self.stand_ins is None else trials["observer"].isin(self.stand_ins)
        columns = ["dataset", "observer"] if self.stand_ins is None else ["observer"]
        return len(trials.loc[is_person, columns].drop_duplicates())

    def simulated_note(self, table: pd.DataFrame) -> str:
        """Return a sentence for captions that names the simulated observers in a table; "" if there are none."""
        names = sorted({str(name) for name in table.loc[table["kind"] == "simulated", "observer"]})
        return f" Simulated, not measured: {', '.join(names)}." if names else ""


def describe_observers(table: pd.DataFrame) -> str:
    """Return the number of observers of each kind in a table, as in "n = 2 observers (2 generative) and people".

    Rows that combine several people do not count as observers.
    """
    observers = table[["observer", "kind"]].drop_duplicates()
    is_pooled = observers["observer"].isin([HUMANS, PEOPLE, SIMULATED_PEOPLE])
    n = (~is_pooled).sum()
    counts = observers.loc[~is_pooled, "kind"].value_counts()
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in style.KIND_STYLES if kind in counts)
    if not n:
        return "people only"
    people = "people" if SIMULATED_PEOPLE not in set(observers["observer"]) else SIMULATED_PEOPLE
    also = f" and {people}" if is_pooled.any() else ""
    return f"n = {n} observer{'' if n == 1 else 's'} ({kinds}){also}"


def shorten_list(names: Sequence[str]) -> str:
    """Return all names if there are at most six, and otherwise five of them and the number of the others."""
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} and {len(names) - 5} more"


def no_people_message(subject: str) -> str:
    """Return the message that something cannot be computed without people.

    `subject` is the beginning of the message and ends with a verb, such as "the benchmark needs".
    """
    return (
        f"{subject} responses of people, but no people responded to these datasets: add their logs (humans/DATASET), "
        "or choose observers that stand in for people with --stand-in"
    )
