"""Accuracy: the proportion of trials in which the response equals the category.

Conventions: a trial without a response counts as wrong. The interval is the 95 % interval of Wilson (1927) over the
trials of one observer in one condition. The interval does not generalize to other observers or
images.
"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from analysis.io.check_frame import check_frame
from analysis.io.choices import recorded_n_choices
from analysis.io.columns import as_text
from analysis.io.frame import condition_order, dataset_order, observer_order

COLUMNS = ("dataset", "observer", "kind", "condition", "n", "n_correct", "accuracy", "low", "high")
Z = float(ndtri(0.975))
PEOPLE = "people"  # name of the row that combines all people


def accuracy(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of every observer in every condition, with 95 % Wilson intervals.

    Args:
        frame: Trials as returned by `read_trials`, one row per trial.

    Returns:
        A table with `COLUMNS` and one row per dataset, observer and condition. `n` is the number of trials, `n_correct` the
        number of correct responses, `accuracy` is `n_correct / n` and `low` and `high` are the interval (all proportions
        between 0 and 1). Rows are sorted by dataset, observer (people first) and condition; published datasets and
        conditions have their published order.

    Example:
        >>> table = accuracy(read_trials("logs"))
        >>> table[table["accuracy"] < 0.5]
    """
    frame = check_frame(frame, "kind", "condition", "correct")
    keys = ["dataset", "observer", "kind", "condition"]
    table = as_text(frame.groupby(keys, sort=False)["correct"].agg(n="size", n_correct="sum").reset_index())
    table["accuracy"] = table["n_correct"] / table["n"]
    table["low"], table["high"] = wilson_interval(table["n_correct"].to_numpy(), table["n"].to_numpy())
    observers = {name: i for i, name in enumerate(observer_order(frame)["observer"])}
    order: list[int] = []
    for dataset in dataset_order(table["dataset"].unique()):
        part = table[table["dataset"] == dataset]
        conditions = {name: i for i, name in enumerate(condition_order(dataset, part["condition"].unique()))}
        key = pd.DataFrame({"o": part["observer"].map(observers), "c": part["condition"].map(conditions)})
        order.extend(key.sort_values(["o", "c"]).index)
    return table.loc[order][list(COLUMNS)].reset_index(drop=True)


def wilson_interval(n_correct: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper ends of the 95 % Wilson interval of `n_correct / n`, elementwise; NaN where n is 0.

    The formula of Wilson (1927) stands here because statsmodels, which has it, takes longer to load than most measures run.
    """
    total = np.where(np.asarray(n) > 0, n, np.nan).astype(float)
    share = np.asarray(n_correct, dtype=float) / total
    center = share + Z**2 / (2 * total)
    distance = Z * np.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    low, high = ((center + sign * distance) / (1 + Z**2 / total) for sign in (-1, 1))
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def chance_level(trials: pd.DataFrame) -> float | None:
    """Return the chance level of the trials of one dataset, 1 / number of choices.

    The result is None if the number of choices is not recorded (see `analysis.io.choices`).
    """
    n_choices = recorded_n_choices(trials)
    return None if n_choices is None else 1 / n_choices


def accuracy_by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Summarize the table of `accuracy` over the observers of each kind.

    The result has one row per dataset, kind and condition, in the order of the table. Its columns are the number of
    observers (`n_observers`) and their mean (`accuracy`), lowest (`lowest`) and highest (`highest`) accuracy.
    """
    groups = table.groupby(["dataset", "kind", "condition"], sort=False)["accuracy"]
    return groups.agg(n_observers="count", accuracy="mean", lowest="min", highest="max").reset_index()


def pool_people(table: pd.DataFrame) -> pd.DataFrame:
    """Replace the people in the table of `accuracy` by one row `PEOPLE` per dataset and condition; these rows come first.

    In such a row, `accuracy` is the mean over people, and `low` and `high` are the lowest and highest accuracy of a single
    person, which is a range and not a confidence interval. `n` and `n_correct` are sums over people, and `n_observers` is
    the number of people (1 in all other rows). If a dataset has only one person, the row of that person is kept unchanged.
    """
    keys = ["dataset", "kind", "condition"]
    table = table.assign(n_observers=1)
    n_people = table[table["kind"] == "human"].groupby("dataset")["observer"].nunique()
    is_pooled = (table["kind"] == "human") & table["dataset"].map(n_people).fillna(0).gt(1)
    groups = table[is_pooled].groupby(keys, sort=False)
    pooled = groups.agg(
        n=("n", "sum"), n_correct=("n_correct", "sum"), accuracy=("accuracy", "mean"), low=("accuracy", "min"),
        high=("accuracy", "max"), n_observers=("n_observers", "sum"),
    ).reset_index().assign(observer=PEOPLE)  # fmt: skip
    columns = [*COLUMNS, "n_observers"]
    parts = [pooled[columns], table.loc[~is_pooled, columns]] if len(pooled) else [table[columns]]
    return pd.concat(parts, ignore_index=True)
