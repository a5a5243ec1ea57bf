"""The intervals of the mean kappas of observers with the people of one dataset, see `analysis.kappa.mean_intervals`."""

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from analysis.kappa.condition_data import ConditionData, PeopleComparison, align_observers
from analysis.kappa.consistency import Rule
from analysis.kappa.mean_intervals import MeanIntervals, mean_intervals, mean_weights, pair_intervals


@frozen(eq=False)
class PeopleIntervals:
    """The intervals of the kappas of a `PeopleComparison` of O observers, of whom P are people.

    Attributes:
        with_people: Of each observer that is not a person with people, of length O - P.
        per_person: Of each person with the other people, of length P.
        between_people: Of the mean over the pairs of people, of length 1.
    """

    with_people: MeanIntervals
    per_person: MeanIntervals
    between_people: MeanIntervals


def people_intervals(conditions: Sequence[ConditionData], data: PeopleComparison, rule: Rule) -> PeopleIntervals:
    """Return the intervals of the kappas in `data`, which is the comparison of the conditions of one dataset."""
    n_people, n_others = len(data.people), len(data.names)
    arrays = align_observers(conditions, [*data.people, *data.names])
    person, other = np.divmod(np.arange(n_people * n_others), max(n_others, 1))
    h, g = np.triu_indices(n_people, k=1)
    pairs = pair_intervals(arrays, np.concatenate([person, h]), np.concatenate([n_people + other, g]), rule)
    of_people = len(person) + np.arange(len(h))
    groups = [np.arange(n_people) * n_others + k for k in range(n_others)]
    groups += [of_people[(h == k) | (g == k)] for k in range(n_people)]
    kappas = [data.with_people[2, :, 0], data.per_person[2, :, 0], data.between_people[2, :1]]
    means = mean_intervals(np.concatenate(kappas), pairs, mean_weights(pairs, [*groups, of_people]))
    parts = slice(0, n_others), slice(n_others, n_others + n_people), slice(n_others + n_people, None)
    return PeopleIntervals(*(means.part(rows) for rows in parts))
