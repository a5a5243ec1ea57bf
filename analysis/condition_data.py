"""The trials of one dataset and condition as arrays, and what every observer has in common with people there.

Declared once: O observers (P of them people), I images, C conditions of a dataset, R resamples (1 for the data themselves).
A *cell* is a dataset in a condition. Every average over cells is taken as the field takes it (Geirhos et al. 2021): over
conditions within a pair of observers, then over people, then over datasets, each time over what is defined.
"""

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd
from attrs import frozen

from analysis.consistency import Rule, correct_matrix, included, kappa, weighted_agreement
from analysis.frame import condition_order, dataset_order, observer_order
from analysis.resampling import nan_mean, weights

MEASURES = ("accuracy_difference", "observed_consistency", "error_consistency")
Weigh = Callable[[int, int], np.ndarray]  # (n images, number of the cell) -> (I, R) counts of images


@frozen(eq=False)
class ConditionData:
    """One dataset in one condition."""

    dataset: str
    condition: str
    names: tuple[str, ...]  # people first
    kinds: tuple[str, ...]
    is_person: np.ndarray  # (O,)
    right: np.ndarray  # (O, I)
    answered: np.ndarray  # (O, I)


def cells(
    frame: pd.DataFrame, people: Collection[str] | None = None, *, every_condition: bool = False
) -> list[ConditionData]:
    """All cells of a frame whose condition counts. `people` are named observers in place of those of kind human.

    With `every_condition` also those that do not count in the benchmark.

    Raises LogError if an observer answered an image of one condition twice.
    """
    out = []
    frame = frame[["dataset", "observer", "kind", "condition", "stimulus", "correct"]]
    by_name = {str(name): trials for name, trials in frame.groupby("dataset", sort=False)}
    for dataset in dataset_order(by_name):
        of_dataset = by_name[dataset] if every_condition else included(by_name[dataset], dataset)
        who = observer_order(of_dataset)
        kind = dict(zip(who["observer"], who["kind"], strict=True))
        by_condition = {str(c): trials for c, trials in of_dataset.groupby("condition", sort=False)}
        for condition in condition_order(dataset, by_condition):
            trials = by_condition[condition]
            there = set(trials["observer"].unique())
            order = np.array([name for name in kind if name in there], object)
            names, right, answered = correct_matrix(trials, order)
            kinds = tuple(kind[name] for name in names)
            humans = [k == "human" if people is None else n in people for n, k in zip(names, kinds, strict=True)]
            out.append(ConditionData(dataset, condition, tuple(names), kinds, np.array(humans, bool), right, answered))
    return out


def once(n_images: int, _: int) -> np.ndarray:
    """Every image as often as it is there: the data themselves, R = 1."""
    return np.ones((n_images, 1))


def resampling(n_resamples: int, seed: int) -> Weigh:
    """A bootstrap whose cells are drawn apart: cell k from the seed (seed, k)."""

    def weigh(n_images: int, cell: int) -> np.ndarray:
        return weights(n_images, n_resamples, int(np.random.SeedSequence([seed, cell]).generate_state(1)[0]))

    return weigh


@frozen(eq=False)
class PeopleComparison:
    """What the observers of one dataset have in common with its people: means over conditions, then over people."""

    dataset: str
    names: tuple[str, ...]  # of those who are no people
    kinds: tuple[str, ...]
    people: tuple[str, ...]
    others: np.ndarray  # (3, O - P, R): MEASURES of the others
    per_person: np.ndarray  # (3, P, R): MEASURES of every person with the other people (leave one out)
    among_people: np.ndarray  # (3, R): mean over the pairs of people
    accuracy: np.ndarray  # (O - P, R): over all trials of the dataset
    people_accuracy: np.ndarray  # (R,): over all trials of all people


def with_people(of_dataset: list[ConditionData], rule: Rule, weigh: Weigh = once, begin: int = 0) -> PeopleComparison:
    """From the cells of one dataset; `begin` is the number of its first cell among all."""
    kind = {name: k for cell in of_dataset for name, k in zip(cell.names, cell.kinds, strict=True)}
    person = {name: bool(p) for cell in of_dataset for name, p in zip(cell.names, cell.is_person, strict=True)}
    people, others = ([name for name in kind if person[name] == which] for which in (True, False))
    pairs = [(h, o) for h in range(len(people)) for o in range(len(people), len(kind))]
    pairs += [(h, g) for h in range(len(people)) for g in range(h + 1, len(people))]
    names, n_with_others = [*people, *others], len(people) * len(others)
    first, second = np.array(pairs, int).reshape(-1, 2).T
    values, n_right, n_answered = [], [], []
    for k, cell in enumerate(of_dataset):
        weight = weigh(cell.right.shape[1], begin + k)
        place = pd.Index(cell.names).get_indexer(pd.Index(names))
        there = np.where(place[:, None] >= 0, cell.answered[place], 0.0).astype(weight.dtype)
        right = np.where(place[:, None] >= 0, cell.right[place], 0.0).astype(weight.dtype)
        p1, p2, expected, observed = weighted_agreement(right, there, weight, first, second)
        values.append([np.square(p1 - p2), observed, kappa(observed, expected, rule)])
        n_right.append((right @ weight).astype(float))
        n_answered.append((there @ weight).astype(float))
    per_pair = nan_mean(np.array(values), axis=0)  # (3, pairs, R)
    n_right_all, n_all, n_people = np.sum(n_right, axis=0), np.sum(n_answered, axis=0), len(people)
    n_resamples = n_all.shape[1]
    among = per_pair[:, n_with_others:]
    own = [(first[n_with_others:] == h) | (second[n_with_others:] == h) for h in range(n_people)]
    return PeopleComparison(
        of_dataset[0].dataset, tuple(others), tuple(kind[name] for name in others), tuple(people),
        nan_mean(per_pair[:, :n_with_others].reshape(3, n_people, len(others), n_resamples), axis=1),
        np.array([nan_mean(among[:, mine], axis=1) for mine in own]).reshape(n_people, 3, n_resamples).swapaxes(0, 1),
        nan_mean(among, axis=1),
        _share(n_right_all[n_people:], n_all[n_people:]),
        _share(n_right_all[:n_people].sum(axis=0), n_all[:n_people].sum(axis=0)),
    )  # fmt: skip


def _share(n: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(n, total, out=np.full(n.shape, np.nan), where=total > 0))


def notes_on(frame: pd.DataFrame, kept: Collection[str], why: str) -> list[str]:
    """A sentence on the datasets of the frame that a measure did not keep; none where it kept all."""
    others = [dataset for dataset in dataset_order(frame["dataset"].unique()) if dataset not in kept]
    return [f"left out, since {why}: {', '.join(others)}"] if others else []


def by_dataset(found: list[ConditionData]) -> dict[str, list[ConditionData]]:
    """Dataset -> its cells, in the order in which they came."""
    out: dict[str, list[ConditionData]] = {}
    for cell in found:
        out.setdefault(cell.dataset, []).append(cell)
    return out
