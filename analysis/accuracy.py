"""Accuracy: the share of trials whose response is the category.

Conventions: no answer is wrong. The interval is Wilson's (1927), 95 %, over the trials of one observer in one condition;
it says nothing about other observers or images. Source of the interval: statsmodels.
"""

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from analysis.frame import condition_order, dataset_order, observer_order
from experiments.log import EVIDENCE
from stimuli.datasets import DATASETS

COLUMNS = ("dataset", "observer", "kind", "condition", "n", "n_correct", "accuracy", "low", "high")
PEOPLE = "people"


def accuracy(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for every dataset, observer and condition, with COLUMNS; sorted as published, people first."""
    keys = ["dataset", "observer", "kind", "condition"]
    table = frame.groupby(keys, sort=False)["correct"].agg(n="size", n_correct="sum").reset_index()
    table["accuracy"] = table["n_correct"] / table["n"]
    table["low"], table["high"] = wilson(table["n_correct"].to_numpy(), table["n"].to_numpy())
    observers = {name: i for i, name in enumerate(observer_order(frame)["observer"])}
    order: list[int] = []
    for dataset in dataset_order(table["dataset"].unique()):
        part = table[table["dataset"] == dataset]
        conditions = {name: i for i, name in enumerate(condition_order(dataset, part["condition"].unique()))}
        key = pd.DataFrame({"o": part["observer"].map(observers), "c": part["condition"].map(conditions)})
        order.extend(key.sort_values(["o", "c"]).index)
    return table.loc[order][list(COLUMNS)].reset_index(drop=True)


def wilson(n_right: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % Wilson interval of a proportion, elementwise; NaN where n is 0."""
    n_right, n = np.asarray(n_right, dtype=float), np.asarray(n, dtype=float)
    low, high = proportion_confint(n_right, np.where(n > 0, n, np.nan), alpha=0.05, method="wilson")
    return np.asarray(low), np.asarray(high)


def chance_of(trials: pd.DataFrame) -> float | None:
    """1 / number of choices of one dataset: 16 if published, else those that there is evidence for; None without."""
    if trials["dataset"].iloc[0] in DATASETS:
        return 1 / 16
    n_choices = sum(trials[c].notna().any() for c in trials.columns if c.startswith(EVIDENCE))
    return 1 / n_choices if n_choices else None


def by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """From that table: mean, lowest and highest accuracy of the observers of a kind, `n_observers`, in its order."""
    groups = table.groupby(["dataset", "kind", "condition"], sort=False)["accuracy"]
    return groups.agg(n_observers="count", accuracy="mean", lowest="min", highest="max").reset_index()


def people_as_one(table: pd.DataFrame) -> pd.DataFrame:
    """From that table: the people of every dataset and condition in one row PEOPLE, first; everyone else as they are.

    Its accuracy is the mean over the people, `low` and `high` are the lowest and the highest of them: the range, and no
    interval. `n` and `n_correct` are of all of them, `n_observers` how many there are (1 in the rows of everyone else).
    A person who is alone stays as they are, with their own interval.
    """
    keys = ["dataset", "kind", "condition"]
    table = table.assign(n_observers=1)
    n_people = table[table["kind"] == "human"].groupby("dataset")["observer"].nunique()
    several = (table["kind"] == "human") & table["dataset"].map(n_people).fillna(0).gt(1)
    groups = table[several].groupby(keys, sort=False)
    one = groups.agg(
        n=("n", "sum"), n_correct=("n_correct", "sum"), accuracy=("accuracy", "mean"), low=("accuracy", "min"),
        high=("accuracy", "max"), n_observers=("n_observers", "sum"),
    ).reset_index().assign(observer=PEOPLE)  # fmt: skip
    columns = [*COLUMNS, "n_observers"]
    return pd.concat([one[columns], table.loc[~several, columns]] if len(one) else [table[columns]], ignore_index=True)
