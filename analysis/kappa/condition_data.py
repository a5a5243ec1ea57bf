"""The trials of one dataset and condition as arrays, and the agreement of observers with people.

Notation: O observers (P of them people), I images, C conditions of a dataset, R resamples (1 for the data themselves).
Reference observers are the people, or the observers that the caller names to replace them. Below, "people" means the
reference observers. Averages follow Geirhos et al. (2021): over conditions within a pair of observers, then over
people, then over datasets; each mean excludes undefined values (NaN).
"""

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd
from attrs import frozen

from analysis.io.frame import dataset_order, observer_order
from analysis.io.split_frame import split_datasets
from analysis.kappa.consistency import (
    TRIAL_COLUMNS,
    Rule,
    correct_matrices,
    kappa,
    select_benchmark_conditions,
    weighted_agreement,
)
from analysis.measures.resampling import N_RESAMPLES, nan_mean, resample_weights

MEASURES = ("accuracy_difference", "observed_consistency", "error_consistency")
MAX_VALUES = (
    2**23
)  # largest number of pairs × resamples × conditions that are computed at once; each needs about 100 bytes
ImageWeights = Callable[[int, int], np.ndarray]
"""Function that takes the number of images and the index of the condition, and returns how often each image counts in each
resample, with shape (I, R)."""


@frozen(eq=False)
class ConditionData:
    """The responses to the images of one dataset in one condition.

    Attributes:
        dataset: Name of the dataset.
        condition: Name of the condition, or "" if the dataset is not divided into conditions.
        names: Names of the O observers, people first.
        kinds: Kinds of the O observers.
        is_reference: Whether each observer is a reference observer, with shape (O,).
        correct: 1.0 where the observer was correct and 0.0 elsewhere, with shape (O, I).
        answered: 1.0 where the observer has a trial with the image and 0.0 elsewhere, with shape (O, I).
    """

    dataset: str
    condition: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    is_reference: np.ndarray
    correct: np.ndarray
    answered: np.ndarray


def split_by_condition(
    frame: pd.DataFrame, reference_observers: Collection[str] | None = None, *, every_condition: bool = False
) -> list[ConditionData]:
    """Return the data of every dataset and condition that counts in the benchmark.

    `reference_observers` are the names of observers to use in place of people. `every_condition` adds the conditions
    that do not count in the benchmark. Raises LogError if an observer responded to an image of one condition twice in
    one session.
    """
    conditions = []
    for dataset, all_trials in split_datasets(frame[[name for name in TRIAL_COLUMNS if name in frame]]):
        of_dataset = all_trials if every_condition else select_benchmark_conditions(all_trials, dataset)
        observers = observer_order(of_dataset)
        kind_of = dict(zip(observers["observer"], observers["kind"], strict=True))
        for condition, names, correct, answered in correct_matrices(dataset, of_dataset):
            kinds = tuple(kind_of[name] for name in names)
            is_reference = [
                kind == "human" if reference_observers is None else name in reference_observers
                for name, kind in zip(names, kinds, strict=True)
            ]
            conditions.append(
                ConditionData(dataset, condition, tuple(names), kinds, np.array(is_reference, bool), correct, answered)
            )
    return conditions


def align_observers(conditions: Sequence[ConditionData], names: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return `correct` and `answered` of every condition with one row per observer in `names`, with shape (O, I).

    The rows of an observer without trials in a condition are 0.
    """
    arrays = []
    for condition in conditions:
        # The row is -1 if the observer was not tested in this condition.
        row = pd.Index(condition.names).get_indexer(pd.Index(names))
        correct, answered = (
            np.where(row[:, None] >= 0, array[row], 0.0) for array in (condition.correct, condition.answered)
        )
        arrays.append((correct, answered))
    return arrays


def people_first(conditions: Sequence[ConditionData]) -> list[str]:
    """Return the names of all observers of the conditions, people first."""
    is_person = {name: bool(r) for c in conditions for name, r in zip(c.names, c.is_reference, strict=True)}
    return sorted(is_person, key=lambda name: not is_person[name])


def unit_weights(n_images: int, _: int) -> np.ndarray:
    """Return weights, with shape (I, 1), that count every image once. They give the measures of the data themselves."""
    return np.ones((n_images, 1))


def bootstrap_weights(n_resamples: int, seed: int) -> ImageWeights:
    """Return the image weights of a bootstrap over images.

    Every condition is resampled independently, with a seed that is derived from `seed` and the index of the condition.
    """

    def image_weights(n_images: int, condition_index: int) -> np.ndarray:
        condition_seed = int(np.random.SeedSequence([seed, condition_index]).generate_state(1)[0])
        return resample_weights(n_images, n_resamples, condition_seed)

    return image_weights


@frozen(eq=False)
class PeopleComparison:
    """The agreement of observers with the people of one dataset, averaged over conditions and then over people.

    Attributes:
        dataset: Name of the dataset.
        names: Names of the O - P observers that are not people.
        kinds: Kinds of these O - P observers.
        people: Names of the P people.
        with_people: `MEASURES` of each observer in `names` with people, with shape (3, O - P, R).
        per_person: `MEASURES` of each person with the other people (leave one out), with shape (3, P, R).
        between_people: Mean of `MEASURES` over the pairs of people, with shape (3, R).
        accuracy: Accuracy of each observer in `names` over all trials of the dataset, with shape (O - P, R).
        people_accuracy: Accuracy over all trials of all people, with shape (R,).
    """

    dataset: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    people: tuple[str, ...]
    with_people: np.ndarray
    per_person: np.ndarray
    between_people: np.ndarray
    accuracy: np.ndarray
    people_accuracy: np.ndarray


def compare_with_people(
    conditions: list[ConditionData], rule: Rule, image_weights: ImageWeights = unit_weights, first_index: int = 0
) -> PeopleComparison:
    """Compare the observers of one dataset with the people of that dataset.

    `conditions` are the conditions of that dataset. `first_index` is the position of the first of them among the
    conditions of all datasets, so that every condition of every dataset has its own bootstrap resamples.
    """
    kind_of = {name: kind for c in conditions for name, kind in zip(c.names, c.kinds, strict=True)}
    is_reference = {name: bool(r) for c in conditions for name, r in zip(c.names, c.is_reference, strict=True)}
    people, others = ([name for name in kind_of if is_reference[name] == which] for which in (True, False))
    # The pairs of a person and another observer come first, then the pairs of two people.
    pairs = [(h, o) for h in range(len(people)) for o in range(len(people), len(kind_of))]
    pairs += [(h, g) for h in range(len(people)) for g in range(h + 1, len(people))]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    arrays = []
    for k, (correct, answered) in enumerate(align_observers(conditions, [*people, *others])):
        weight = image_weights(correct.shape[1], first_index + k)
        arrays.append((correct.astype(weight.dtype), answered.astype(weight.dtype), weight))
    n_resamples = arrays[0][2].shape[1]
    n_blocks = max(1, -(-len(pairs) * n_resamples * len(conditions) // MAX_VALUES))
    blocks = [
        _compare_block(
            [(c, a, np.ascontiguousarray(w[:, part])) for c, a, w in arrays], first, second, len(people), rule
        )
        for part in np.array_split(np.arange(n_resamples), n_blocks)
    ]
    measures = (np.concatenate(parts, axis=-1) for parts in zip(*blocks, strict=True))
    kinds = tuple(kind_of[name] for name in others)
    return PeopleComparison(conditions[0].dataset, tuple(others), kinds, tuple(people), *measures)


def _compare_block(
    arrays: list[tuple[np.ndarray, np.ndarray, np.ndarray]], first: np.ndarray, second: np.ndarray, n_people: int,
    rule: Rule,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Return the measures of a `PeopleComparison`, in the order of its attributes, in a block of resamples.

    `arrays` has `correct`, `answered` and `weight` of every condition, with the people in the first rows. The pairs
    (`first`, `second`) of a person and another observer come before those of two people.
    """
    n_others, n_resamples = len(arrays[0][0]) - n_people, arrays[0][2].shape[1]
    n_with_others = n_people * n_others
    values = []
    for correct, answered, weight in arrays:
        p1, p2, expected, observed = weighted_agreement(correct, answered, weight, first, second)
        values.append([np.square(p1 - p2), observed, kappa(observed, expected, rule)])
    n_correct = np.sum([(correct @ weight).astype(float) for correct, _, weight in arrays], axis=0)
    n_answered = np.sum([(answered @ weight).astype(float) for _, answered, weight in arrays], axis=0)
    per_pair = nan_mean(np.array(values), axis=0)  # (3, pairs, R)
    people_pairs = per_pair[:, n_with_others:]
    has_person = [(first[n_with_others:] == h) | (second[n_with_others:] == h) for h in range(n_people)]
    per_person = np.array([nan_mean(people_pairs[:, mask], axis=1) for mask in has_person])
    return (
        nan_mean(per_pair[:, :n_with_others].reshape(3, n_people, n_others, n_resamples), axis=1),
        per_person.reshape(n_people, 3, n_resamples).swapaxes(0, 1),
        nan_mean(people_pairs, axis=1),
        _ratio(n_correct[n_people:], n_answered[n_people:]),
        _ratio(n_correct[:n_people].sum(axis=0), n_answered[:n_people].sum(axis=0)),
    )


@frozen(eq=False)
class ResampledComparison:
    """The agreement of the observers of one dataset with people, in the data and in bootstrap resamples of the images.

    Attributes:
        conditions: The conditions of the dataset that people responded to.
        data: The agreement in the data.
        resampled: The agreement in the resamples.
        rule: Treatment of undefined kappas.
    """

    conditions: list[ConditionData]
    data: PeopleComparison
    resampled: PeopleComparison
    rule: Rule


def resample_comparisons(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> list[ResampledComparison]:
    """Compare the observers of every dataset with the people who responded to conditions of the benchmark.

    Datasets without such people are excluded. Raises LogError if an observer responded to an image of one condition
    twice in one session.
    """
    comparisons = []
    for of_dataset in group_by_dataset(split_by_condition(frame)).values():
        conditions = [condition for condition in of_dataset if condition.is_reference.any()]
        if conditions:
            data = compare_with_people(conditions, rule, unit_weights)
            resampled = compare_with_people(conditions, rule, bootstrap_weights(n_resamples, seed))
            comparisons.append(ResampledComparison(conditions, data, resampled, rule))
    return comparisons


def has_mixed_pairs(conditions: list[ConditionData], names: Collection[str], others: Collection[str]) -> np.ndarray:
    """Return whether the kappa of each observer in `names` with any of `others` is not necessarily 0.

    If one of two observers is always correct or always wrong on the images of a condition that both responded to, kappa is
    0 (or undefined), whatever the responses of the other one. The result has the shape (len(names),) and is True for an
    observer if there is a condition and another observer in `others` for which this does not hold.
    """
    is_mixed = np.zeros(len(names), bool)
    for condition in conditions:
        rows, columns = (pd.Index(condition.names).get_indexer(pd.Index(list(group))) for group in (names, others))
        n_correct, n = condition.correct @ condition.answered.T, condition.answered @ condition.answered.T
        both = (n_correct > 0) & (n_correct < n)  # [o, p]: o is mixed on the images that p responded to
        both &= both.T
        np.fill_diagonal(both, False)
        present = (rows >= 0)[:, None] & (columns >= 0)
        is_mixed |= (both[np.ix_(rows, columns)] & present).any(axis=1)
    return is_mixed


def _ratio(n: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return n / total, elementwise; NaN where the total is 0."""
    return np.asarray(np.divide(n, total, out=np.full(n.shape, np.nan), where=total > 0))


def excluded_datasets_note(frame: pd.DataFrame, used: Collection[str], reason: str) -> list[str]:
    """Return a note that names the datasets of the frame that a measure did not use, or an empty list if it used all."""
    excluded = [dataset for dataset in dataset_order(frame["dataset"].unique()) if dataset not in used]
    return [f"datasets are excluded because {reason}: {', '.join(excluded)}"] if excluded else []


def group_by_dataset(conditions: list[ConditionData]) -> dict[str, list[ConditionData]]:
    """Return the conditions of every dataset, in the order of `conditions`."""
    groups: dict[str, list[ConditionData]] = {}
    for condition in conditions:
        groups.setdefault(condition.dataset, []).append(condition)
    return groups
