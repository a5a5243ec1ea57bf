"""The finding on robustness: how accurate are observers when images are distorted?

The accuracy of an observer is the mean of its accuracies in D datasets with distortions, each over the conditions that
the benchmark includes. If [l_d, u_d] is the Wilson interval of the accuracy p_d in dataset d, the interval of the mean is
that of MOVER for independent estimates (Zou & Donner 2008, Statistics in Medicine 27(10)):
    low = mean(p) - √(Σ (p_d - l_d)²) / D,    high = mean(p) + √(Σ (u_d - p_d)²) / D.
People are combined into one observer. Their trials are treated as independent.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.io.choices import recorded_n_choices
from analysis.io.columns import as_text
from analysis.io.frame import dataset_order
from analysis.kappa.consistency import select_benchmark_conditions
from analysis.measures.accuracy import PEOPLE, wilson_interval
from analysis.report.findings.finding import (
    MIN_RESPONSES,
    Finding,
    describe_lower,
    describe_range,
    interval_figure,
    with_interval,
)
from analysis.report.sections.parts import count, list_of
from stimuli.published.level_scales import is_parametric


def robustness(frame: pd.DataFrame, out: Path | None = None) -> Finding | None:
    """Return the finding on accuracy under distortions, or None if no dataset has distortions of several levels."""
    datasets = distorted_datasets(frame)
    table = distortion_accuracies(frame, datasets)
    if table.empty:
        return None
    used, n_all = table.attrs["datasets"], table.attrs["n_observers"]
    what = f" on the dataset {used[0]}" if len(used) == 1 else f", averaged over {len(used)} datasets with distortions,"
    n_choices, n_excluded = recorded_n_choices(frame[frame["dataset"].isin(used)]), n_all - len(table)
    chance = 1 / n_choices if n_choices else None
    sentences = _describe(table, what, chance)
    if n_excluded:
        verb = "are" if n_excluded > 1 else "is"
        few = (
            f"with fewer than {MIN_RESPONSES} trials"
            if len(used) == 1
            else "with fewer of these datasets or too few trials"
        )
        sentences.append(f"{count(n_excluded, 'observer')} {few} {verb} not compared.")
    average = (
        f"Mean accuracy over {len(used)} datasets with equal weights"
        if len(used) > 1
        else f"Accuracy on the dataset {used[0]}"
    )
    caption = (
        f"{average}{f' ({list_of(used)})' if len(used) > 1 else ''}. n is the number of trials. Bars are 95 % "
        f"Wilson intervals{', combined over datasets by MOVER' if len(used) > 1 else ''}."
    )
    references = {"chance": chance} if chance else None
    figure = interval_figure(out, "finding_accuracy", table, "Accuracy under distortions", caption, references)
    return Finding("How robust is recognition?", "finding-accuracy", tuple(sentences), figure, len(used) > 1)


def _describe(table: pd.DataFrame, what: str, chance: float | None) -> list[str]:
    """Return sentences about the accuracies of people and of the other observers; `what` says in which datasets."""
    people, others = table[table["kind"] == "human"], table[table["kind"] != "human"]
    sentences = []
    for row in people.to_dict("records"):
        sentences.append(f"The accuracy of people{what} is {with_interval(row)} (n = {row['n']:,} trials).")
    if len(others):
        noun = "other observer" if len(people) else "observer"
        subject = f"the {count(len(others), noun)}" if len(others) > 1 else f"the {noun}"
        sentences.append(describe_range(others, f"The accuracy of {subject}{what}"))
    if len(people) and len(others):
        n_lower = int((others["high"] < people["low"].iloc[0]).sum())
        sentences.append(describe_lower(n_lower, len(others), "are", "less accurate than people"))
    n_near = int((others["low"] <= chance).sum()) if chance else 0
    if chance and n_near:
        subject = f"intervals of {n_near} of them include" if n_near > 1 else "interval of one of them includes"
        subject = "interval includes" if len(others) == 1 else subject
        sentences.append(f"The {subject} chance (1/{round(1 / chance)}).")
    return sentences


def distorted_datasets(frame: pd.DataFrame) -> list[str]:
    """Return the datasets of a frame that have distortions of several levels."""
    n_conditions = frame.groupby(frame["dataset"].astype("str"))["condition"].nunique()
    return [name for name in dataset_order(n_conditions.index) if n_conditions[name] > 1 and is_parametric(name, 2)]


def distortion_accuracies(frame: pd.DataFrame, datasets: list[str]) -> pd.DataFrame:
    """Return the mean accuracy over distortions of the observers that responded to the same datasets.

    Args:
        frame: Trials as returned by `read_trials`.
        datasets: The datasets with distortions. The mean is over those that one observer responded to; the choice of this
            observer makes the number of datasets times the number of observers that responded to all of them largest.

    Returns:
        A table with the columns `label`, `kind`, `n` (trials), `value`, `low` and `high`, with people combined into one row.
        It has only observers with at least MIN_RESPONSES trials that responded to all datasets in `attrs["datasets"]`.
        `attrs["n_observers"]` is the number of all observers.
    """
    columns = ["label", "kind", "n", "value", "low", "high"]
    parts = [select_benchmark_conditions(frame[frame["dataset"] == name], name) for name in datasets]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=columns)
    trials = as_text(pd.concat(parts)[["dataset", "observer", "kind", "correct"]])
    trials.loc[trials["kind"] == "human", "observer"] = PEOPLE
    cells = trials.groupby(["observer", "kind", "dataset"])["correct"].agg(["size", "sum"])
    answered = {key: frozenset(part.index.get_level_values("dataset")) for key, part in cells.groupby(level=[0, 1])}
    sets = list(answered.values())
    used = max(set(sets), key=lambda names: (len(names) * sum(names <= other for other in sets), sorted(names)))
    rows = []
    for key, part in cells.groupby(level=[0, 1]):
        names, part = answered[key], part[part.index.get_level_values("dataset").isin(used)]
        if used <= names and part["size"].sum() >= MIN_RESPONSES:
            low, high = wilson_interval(part["sum"].to_numpy(), part["size"].to_numpy())
            accuracies = (part["sum"] / part["size"]).to_numpy()
            mean, n = float(accuracies.mean()), len(part)
            below, above = np.sqrt(((accuracies - low) ** 2).sum()) / n, np.sqrt(((high - accuracies) ** 2).sum()) / n
            rows.append((*key, int(part["size"].sum()), mean, mean - below, mean + above))
    table = pd.DataFrame(rows, columns=columns)
    table.attrs = {"datasets": dataset_order(used), "n_observers": len(answered)}
    return table
