"""The benchmark of Geirhos et al. (2021): four measures and two ranks for every observer, averaged over datasets.

Notation: d is a dataset, C_d are the conditions of d that count in the benchmark, and H_d are the people who responded
to d. The measures are those of Tables 1 to 3 of Jaini et al. (2024):
- Out-of-distribution (OOD) accuracy: the proportion of correct responses in all trials of C_d, averaged over d. The row
  "humans" pools the trials of all people.
- Accuracy difference (squared), observed consistency and error consistency with people: the value for each condition c and
  person h, averaged over c in C_d, then over h in H_d, then over d. The row "humans" averages over the unordered pairs of
  people instead of over h.
- Mean rank: mean of the ranks by accuracy difference (smallest first), observed consistency and error consistency (largest
  first).
- OOD rank: rank by OOD accuracy (largest first). Observers whose values differ by at most 1e-9 are tied and share their
  mean rank; people are not ranked.
The means of an observer include only the datasets that it responded to; `n_datasets` is their number. Means over different
datasets cannot be compared. Ranks are therefore given only to observers that responded to the same conditions, namely to the
largest set of conditions that any observer responded to; the ranks of all other observers are NaN. A dataset is excluded for
all observers if no person responded to any of its benchmark conditions.

Reference observers are the people, or the observers named in `reference_observers`, which then replace the people.
`attrs["notes"]` of the table lists what was excluded; `attrs["rule"]` describes how undefined kappas were treated.
"""

import re
from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd
from attrs import frozen
from scipy.stats import rankdata

from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import (
    ConditionData,
    ImageWeights,
    PeopleComparison,
    compare_with_people,
    group_by_dataset,
    split_by_condition,
    unit_weights,
)
from analysis.kappa.consistency import RULES, Rule
from analysis.measures.resampling import nan_mean
from analysis.measures.ties import join_ties
from core.errors import LogError
from core.names import abbreviate
from stimuli.published.datasets import DATASETS

COLUMNS = (
    "observer", "kind", "n_datasets", "ood_accuracy", "accuracy_difference", "observed_consistency", "error_consistency",
    "mean_rank", "ood_rank",
)  # fmt: skip
MEASURES = COLUMNS[3:]
HUMANS = "humans"  # name of the row that combines all people
TESTED = "tested"  # attribute of the tables with the conditions that each observer responded to
# Stands for the conditions of a group whose observers responded to different conditions.
DIFFERENT: tuple[tuple[str, str], ...] = ()
# A name in the published recordings; --by may add the part of the trials in parentheses.
PUBLISHED_PERSON = re.compile(r"subject-\d+( \(.*\))?")
SIMULATED_PEOPLE = "simulated people"  # name of the row that combines the reference observers, if they replace people


@frozen(eq=False)
class BenchmarkScores:
    """The benchmark measures of N observers in R resamples; the first observer stands for all people together.

    Attributes:
        names: Names of the N observers.
        kinds: Kinds of the N observers.
        n_datasets: Number of datasets that each observer responded to, with shape (N,).
        values: The measures in the order of `MEASURES`, with shape (6, N, R).
        comparisons: The conditions of every dataset and their comparison with people.
        notes: Sentences about exclusions.
        rank_note: The sentence in `notes` about observers without a rank; "" if every observer has a rank.
        tested: The pairs of dataset and condition that each observer responded to, by its name and kind.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    n_datasets: np.ndarray
    values: np.ndarray
    comparisons: tuple[tuple[list[ConditionData], PeopleComparison], ...]
    notes: tuple[str, ...]
    rank_note: str
    tested: dict[tuple[str, str], tuple[tuple[str, str], ...]]


def benchmark_table(
    frame: pd.DataFrame, rule: Rule = "undefined-is-nan", reference_observers: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the benchmark table: one row for all people together and one for every other observer.

    Args:
        frame: Trials as returned by `read_trials`, of people and of the observers to compare with them.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`. `model-vs-human` reproduces the
            published numbers.
        reference_observers: Names of observers to use in place of people. The people are then excluded, unpublished
            datasets are included, and the first row is named `SIMULATED_PEOPLE`.

    Returns:
        A table with `COLUMNS`. The people are first, the other observers follow by decreasing error consistency.
        `attrs["notes"]` lists exclusions, `attrs["rule"]` describes the rule, and `attrs["tested"]` has the conditions that
        each observer responded to.

    Raises:
        LogError: If no person (or no reference observer) responded to a benchmark condition, or if an observer responded
            to an image of one condition twice in one session.

    Example:
        >>> table = benchmark_table(read_trials("humans", "logs"), rule="model-vs-human")
        >>> table[["observer", "ood_accuracy", "error_consistency"]]
    """
    frame = check_frame(frame)
    scores = benchmark_scores(frame, rule, reference_observers)
    table = pd.DataFrame({"observer": scores.names, "kind": scores.kinds, "n_datasets": scores.n_datasets})
    for name, values in zip(MEASURES, scores.values, strict=True):
        table[name] = values[:, 0]
    # The first row (the people) stays first.
    sort_key = join_ties(-table["error_consistency"].where(table.index > 0, np.inf).to_numpy(float))
    order = np.argsort(sort_key, kind="stable")
    table = table.iloc[order][list(COLUMNS)].reset_index(drop=True)
    add_notes(table, scores.notes)
    table.attrs |= {"rule": RULES[rule], TESTED: scores.tested}
    return table


def benchmark_scores(
    frame: pd.DataFrame,
    rule: Rule,
    reference_observers: Collection[str] | None = None,
    image_weights: ImageWeights = unit_weights,
    *,
    every_dataset: bool = False,
) -> BenchmarkScores:
    """Return the measures of `benchmark_table` in every resample that `image_weights` defines.

    With `every_dataset`, unpublished datasets are included. If no person responded to any dataset, all datasets are
    included nevertheless. Then only OOD accuracy and its rank are defined, and the row of the people is NaN. Raises
    LogError in the same cases as `benchmark_table`.
    """
    notes, reference_row = [], (HUMANS, "human")
    published_only = reference_observers is None and not every_dataset
    if published_only:
        frame = frame[frame["dataset"].isin(DATASETS)]
    elif reference_observers is not None:
        frame, reference_row, exclusions = _replace_people(frame, set(reference_observers))
        notes += exclusions
    conditions = split_by_condition(frame, None if reference_observers is None else set(reference_observers))
    has_reference = any(condition.is_reference.any() for condition in conditions)
    without_people = every_dataset and reference_observers is None and not has_reference
    used: list[ConditionData] = []
    for of_dataset in group_by_dataset(conditions).values():
        used += [condition for condition in of_dataset if without_people or condition.is_reference.any()]
    used_datasets = {condition.dataset for condition in used}
    excluded = [dataset for dataset in frame["dataset"].unique() if dataset not in used_datasets]
    if excluded:
        group = "person" if reference_observers is None else "reference observer"
        notes.append(f"datasets are excluded because no {group} responded to them: {', '.join(excluded)}")
    if not used and reference_observers is not None:
        raise LogError(
            "the logs of the reference observers contain no condition of the benchmark; add their logs of other conditions"
        )
    if not used:
        raise LogError(
            "the benchmark compares observers with people, but no person responded to a benchmark condition of a published "
            "dataset; add the logs of recorded people"
        )
    if published_only:
        notes.insert(0, f"the benchmark uses {len(used_datasets)} of the {len(DATASETS)} published datasets")
        notes += _own_people_note(used)
    return _average_over_datasets(used, rule, reference_row, notes, image_weights)


def _replace_people(frame: pd.DataFrame, names: set[str]) -> tuple[pd.DataFrame, tuple[str, str], list[str]]:
    """Replace people by the observers in `names`.

    Return the remaining trials, the name and kind of the reference row, and a note about the excluded people.
    """
    is_reference = frame["observer"].isin(names)
    if not is_reference.any():
        raise LogError(f"the logs contain none of the reference observers: {', '.join(sorted(names))}")
    is_person = (frame["kind"] == "human") & ~is_reference
    people = sorted(set(frame.loc[is_person, "observer"]))
    notes = [f"people are excluded because reference observers replace them: {', '.join(people)}"] if people else []
    return frame[~is_person], (SIMULATED_PEOPLE, str(frame.loc[is_reference, "kind"].iloc[0])), notes


def _average_over_datasets(
    conditions: list[ConditionData],
    rule: Rule,
    reference_row: tuple[str, str],
    notes: list[str],
    image_weights: ImageWeights,
) -> BenchmarkScores:
    """Compute the measures per dataset, average them over datasets and rank the observers."""
    n_done, parts, datasets = 0, [], list(group_by_dataset(conditions).values())
    for of_dataset in datasets:
        parts.append(compare_with_people(of_dataset, rule, image_weights, n_done))
        n_done += len(of_dataset)
    # An observer is identified by name and kind: the same name may occur with different kinds in different datasets.
    keys = [reference_row, *dict.fromkeys(key for part in parts for key in zip(part.names, part.kinds, strict=True))]
    values = np.full((4, len(keys), len(parts), parts[0].between_people.shape[-1]), np.nan)
    for d, part in enumerate(parts):
        values[0, 0, d], values[1:, 0, d] = part.people_accuracy, part.between_people
        rows = [keys.index(key) for key in zip(part.names, part.kinds, strict=True)]
        values[0, rows, d], values[1:, rows, d] = part.accuracy, part.with_people
    answered = {key: [(c.dataset, c.condition) for c in conditions if _contains(c, key)] for key in keys[1:]}
    n_datasets = [len(parts), *(len({dataset for dataset, _ in answered[key]}) for key in keys[1:])]
    ranked, rank_note = _select_comparable(answered)
    notes += (
        ([rank_note] if rank_note else [])
        + _single_person_notes(parts, reference_row[0])
        + _partial_images_notes(conditions)
    )
    means = nan_mean(values, axis=2)  # (4, N, R)
    ranks = np.full((2, *means.shape[1:]), np.nan)
    rows = [keys.index(key) for key in ranked]
    if rows:
        by_measure = [
            rankdata(join_ties(sign * means[k, rows]), axis=0, nan_policy="omit")
            for k, sign in ((1, 1), (2, -1), (3, -1))
        ]
        ranks[0, rows] = np.mean(by_measure, axis=0)
        ranks[1, rows] = rankdata(join_ties(-means[0, rows]), axis=0, nan_policy="omit")
    names, kinds = zip(*keys, strict=True)
    return BenchmarkScores(
        names,
        kinds,
        np.array(n_datasets),
        np.concatenate([means, ranks]),
        tuple(zip(datasets, parts, strict=True)),
        tuple(notes),
        rank_note,
        {key: tuple(conditions) for key, conditions in answered.items()},
    )


def _contains(condition: ConditionData, key: tuple[str, str]) -> bool:
    """Return whether the observer with this name and kind has trials in the condition."""
    return key in set(zip(condition.names, condition.kinds, strict=True))


def _select_comparable(
    answered: dict[tuple[str, str], list[tuple[str, str]]],
) -> tuple[list[tuple[str, str]], str]:
    """Return the observers that can be ranked together, and a note about the others ("" without others).

    These observers responded to the same conditions, namely to the largest set of conditions that any observer responded to.
    If several sets are equally large, the set that most observers responded to is used.
    """
    n_observers = Counter(tuple(conditions) for conditions in answered.values())
    if not n_observers:
        return [], ""
    most, _ = max(n_observers.items(), key=lambda item: (len(item[0]), item[1]))
    others = [key for key, conditions in answered.items() if tuple(conditions) != most]
    if not others:
        return list(answered), ""
    n = len({dataset for dataset, _ in most})
    note = (
        f"ranks compare only the observers that responded to the same {len(most)} conditions of {n} "
        f"dataset{'s' if n > 1 else ''}; without a rank: {abbreviate([name for name, _ in others])}"
    )
    return [key for key in answered if key not in others], note


def _own_people_note(conditions: list[ConditionData]) -> list[str]:
    """Return a note that names the people in the row HUMANS whose names do not occur in the published recordings."""
    people = {name for c in conditions for name, is_person in zip(c.names, c.is_reference, strict=True) if is_person}
    own = sorted(name for name in people if not PUBLISHED_PERSON.fullmatch(name))
    if not own:
        return []
    are_named = "person whose name is" if len(own) == 1 else "people whose names are"
    return [
        f"the row {HUMANS} combines all people in the logs, including {len(own)} {are_named} not in the published "
        f"recordings (subject-01 and so on): {abbreviate(own)}; --exclude leaves them out"
    ]


def _single_person_notes(parts: list[PeopleComparison], row: str) -> list[str]:
    datasets = [part.dataset for part in parts if len(part.people) == 1]
    if not datasets:
        return []
    return [
        f"the row {row} includes {', '.join(datasets)} only in its OOD accuracy, because the other measures need at least "
        "two people per dataset"
    ]


def _partial_images_notes(conditions: list[ConditionData]) -> list[str]:
    """Return a note that names the observers that responded to fewer images of a condition than other observers did."""
    names = {
        name
        for condition in conditions
        for name, n in zip(condition.names, condition.answered.sum(axis=1), strict=True)
        if n < condition.answered.shape[1]
    }
    return (
        [f"some observers responded to only part of the images of a condition: {abbreviate(sorted(names))}"]
        if names
        else []
    )
