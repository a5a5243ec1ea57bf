"""The finding on error consistency: which observers make errors on the same images?"""

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.figures.style import MIXED
from analysis.io.frame import condition_order, observer_order
from analysis.kappa.consistency import correct_matrix, select_benchmark_conditions
from analysis.kappa.mean_intervals import mean_intervals, mean_weights, pair_intervals
from analysis.report.findings.finding import (
    MIN_RESPONSES,
    Finding,
    describe_lower,
    describe_range,
    interval_figure,
    share_of,
    with_interval,
)
from analysis.report.findings.shape_or_texture import conflict_dataset

MAX_PAIRS = 5000  # with more pairs, the intervals would take too long
AMONG_PEOPLE = "people with one another"
N_EXTREMES = 10  # the number of pairs with the lowest kappa, and of those with the highest, in a figure of many pairs


def compared_dataset(frame: pd.DataFrame) -> str:
    """Return the dataset with cue conflicts if there is one, and otherwise that with the most observers and images."""
    dataset = conflict_dataset(frame)
    if dataset is not None:
        return dataset
    groups = frame.groupby(frame["dataset"].astype("str"))[["observer", "stimulus"]].nunique()
    sizes = {str(name): (-n_observers, -n_images) for name, n_observers, n_images in groups.itertuples()}
    return min(sizes, key=lambda name: (sizes[name], name))


def error_similarity(frame: pd.DataFrame, out: Path | None = None) -> Finding | None:
    """Return the finding on error consistency, or None if no two observers responded to enough images."""
    dataset = compared_dataset(frame)
    trials = select_benchmark_conditions(frame[frame["dataset"] == dataset], dataset)
    n_people = int(trials.loc[trials["kind"] == "human", "observer"].nunique())
    is_with_people = n_people > 1 and bool((trials["kind"] != "human").any())
    table = similarity_table(trials, is_with_people=is_with_people)
    if table.empty:
        return None
    sentences = _describe_with_people(table, n_people, dataset) if is_with_people else _describe_pairs(table, dataset)
    n_images = len(trials[["stimulus", "condition"]].drop_duplicates())
    caption = (
        f"Error consistency (κ) on the {n_images:,} images of {dataset}. κ is 0 if two observers make errors on the same "
        "images as often as expected from their accuracies, and 1 if they always do. Bars are 95 % score intervals"
    )
    if is_with_people:
        caption += f" of the mean κ of an observer with the {n_people} people (MOVER). n is the number of images."
    else:
        caption += " of the κ of each pair. n is the number of images to which both observers responded."
    shown, references = table, {"chance": 0.0}
    if not is_with_people and len(table) > 2 * N_EXTREMES + 1:
        ordered = table.sort_values("value", kind="stable")
        shown = pd.concat([ordered.head(N_EXTREMES), ordered.tail(N_EXTREMES)])
        caption += f" The figure shows the {N_EXTREMES} lowest and the {N_EXTREMES} highest of {len(table)} pairs."
    label = "Mean error consistency with people (κ)" if is_with_people else "Error consistency (κ)"
    figure = interval_figure(out, "finding_consistency", shown, label, caption, references)
    return Finding("Who makes the same errors?", "finding-consistency", tuple(sentences), figure)


def similarity_table(trials: pd.DataFrame, *, is_with_people: bool) -> pd.DataFrame:
    """Return the kappa of all pairs of observers, or the mean kappa of every observer with people.

    Args:
        trials: The trials of one dataset. Kappa is computed for each condition and then averaged.
        is_with_people: Compare every observer with people, instead of all pairs. The first row then is the mean kappa over
            the pairs of people, with the label AMONG_PEOPLE.

    Returns:
        The rows whose kappa is defined, with the columns `label`, `kind`, `n` (the smallest number of common images of a
        pair), `value`, `low` and `high`. Pairs with fewer than MIN_RESPONSES common images are excluded. The table is empty
        if there are more than MAX_PAIRS pairs.
    """
    observers = observer_order(trials)
    names, kinds = observers["observer"].to_numpy(object), observers["kind"].to_numpy(object)
    first, second = np.triu_indices(len(names), k=1)
    if is_with_people:
        has_person = (kinds[first] == "human") | (kinds[second] == "human")
        first, second = first[has_person], second[has_person]
    empty = pd.DataFrame(columns=["label", "kind", "n", "value", "low", "high"])
    if not len(first) or len(first) > MAX_PAIRS:
        return empty
    dataset = str(trials["dataset"].iloc[0])
    conditions = condition_order(dataset, trials["condition"].unique())
    arrays = [correct_matrix(trials[trials["condition"] == condition], names)[1:] for condition in conditions]
    n = sum((answered @ answered.T)[first, second] for _, answered in arrays)
    is_large = n >= MIN_RESPONSES
    first, second, n = first[is_large], second[is_large], n[is_large]
    if not len(first):
        return empty
    pairs = pair_intervals(arrays, first, second, "undefined-is-nan")
    groups, labels, row_kinds = _groups(names, kinds, first, second, is_with_people=is_with_people)
    weights = mean_weights(pairs, groups)
    is_defined = ~np.isnan(pairs.kappas)
    sums, counts = np.where(is_defined, pairs.kappas, 0.0).sum(axis=0), is_defined.sum(axis=0)
    values = weights @ (sums / np.maximum(counts, 1))
    ends = mean_intervals(values, pairs, weights)
    table = pd.DataFrame({
        "label": labels, "kind": row_kinds, "n": [int(n[group].min()) if len(group) else 0 for group in groups],
        "value": values, "low": ends.low, "high": ends.high,
    })  # fmt: skip
    return table[np.asarray(weights.sum(axis=1)).ravel() > 0].reset_index(drop=True)


def _groups(
    names: np.ndarray, kinds: np.ndarray, first: np.ndarray, second: np.ndarray, *, is_with_people: bool
) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Return the positions of the pairs of every row of the table, and the labels and the kinds of the rows."""
    if not is_with_people:
        labels = [f"{names[i]} – {names[j]}" for i, j in zip(first, second, strict=True)]
        both = [str(kinds[i]) if kinds[i] == kinds[j] else MIXED for i, j in zip(first, second, strict=True)]
        return [np.array([k]) for k in range(len(first))], labels, both
    is_human = kinds == "human"
    groups = [np.flatnonzero(is_human[first] & is_human[second])]
    others = np.flatnonzero(~is_human)
    groups += [np.flatnonzero((first == k) | (second == k)) for k in others]
    return groups, [AMONG_PEOPLE, *names[others]], ["human", *kinds[others]]


def _describe_pairs(table: pd.DataFrame, dataset: str) -> list[str]:
    """Return sentences about the kappas of all pairs in a dataset."""
    n, n_above, n_below = len(table), int((table["low"] > 0).sum()), int((table["high"] < 0).sum())
    if not n_above and not n_below:
        subject = f"intervals of κ of all {n} pairs of observers include" if n > 1 else "interval of κ includes"
        first = (
            f"the 95 % {subject} 0, so it is uncertain whether {'they' if n > 1 else 'the two observers'} make errors on "
            f"the same images of {dataset} more often than expected by chance."
        )
    else:
        n_first, more, above = (n_above, "more", "above") if n_above else (n_below, "less", "below")
        first = (
            f"{share_of(n_first, n, 'pair')} of observers make{'s' if n_first == 1 else ''} errors on the same images of "
            f"{dataset} {more} often than expected by chance (95 % interval of κ {above} 0)"
        )
        first += f", and {n_below} less often (below 0)." if n_above and n_below else "."
    return [first[0].upper() + first[1:], describe_range(table, "Error consistency (κ)")]


def _describe_with_people(table: pd.DataFrame, n_people: int, dataset: str) -> list[str]:
    """Return sentences about the mean kappas of the observers with people in a dataset."""
    among, others = table[table["label"] == AMONG_PEOPLE], table[table["label"] != AMONG_PEOPLE]
    sentences = []
    for row in among.to_dict("records"):
        sentences.append(
            f"The mean error consistency (κ) of the {n_people} people with one another on {dataset} is "
            f"{with_interval(row)} (n = {row['n']:,} images)."
        )
    if len(others):
        if len(among):
            n_lower = int((others["high"] < among["low"].iloc[0]).sum())
            comparison = "less with people than people do with one another"
            sentences.append(describe_lower(n_lower, len(others), "agree", comparison))
        subject = "the other observers" if len(others) > 1 else "the other observer"
        sentences.append(describe_range(others, f"The mean κ of {subject} with people"))
    return sentences
