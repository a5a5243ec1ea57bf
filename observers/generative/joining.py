"""Join the scores of several conditions of a choice, such as the classes of a category, to the evidence of the choice.

Notation: K choices; C conditions, each of which belongs to one choice; `choice_of` (C,) is the index of the choice of
each condition. Let e_c be the mean score of condition c, and n the number of conditions of a choice. The evidence of the
choice is
- mean: the mean of e_c. The conditions of a choice are always evaluated together, and the choices race;
- max: the largest e_c. The conditions race until all that remain belong to one choice;
- log-mean-exp: log (Σ exp(e_c) / n). The conditions race as with max, but a condition of a choice with n conditions
  eliminates only those that are behind by more than log n: the evidence of its choice is at least e_c − log n, and the
  evidence of another choice is at most that of its best condition. If scores are log-likelihoods, this evidence is the
  log-likelihood of a mixture of the conditions with equal weights; in another unit, it is nearer to the mean if the
  scores differ by less than 1, and to the maximum if they differ by more.

With one condition per choice, the rules are the same. `benchmarks/joining_rules.py` compares them. This module does not
need torch.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from attrs import frozen

from observers.generative.racing import Groups, Positions, Race, RaceResult, Request, Schedule, Staged

Join = Literal["log-mean-exp", "mean", "max"]


def join_evidence(evidence: np.ndarray, choice_of: np.ndarray, join: Join) -> np.ndarray:
    """Return the evidence of K choices from the evidence of their conditions.

    Args:
        evidence: Evidence of each condition, (C,), finite.
        choice_of: Index of the choice of each condition, (C,). Every index below K occurs.
        join: The rule.

    Returns:
        The evidence of each choice, (K,).
    """
    n = np.bincount(choice_of)
    if join == "mean":
        return np.asarray(np.bincount(choice_of, evidence) / n)
    highest = np.full(len(n), -np.inf)
    np.maximum.at(highest, choice_of, evidence)
    if join == "max":
        return highest
    return np.asarray(highest + np.log(np.bincount(choice_of, np.exp(evidence - highest[choice_of])) / n))


@frozen
class JoinedSchedule:
    """A schedule for choices with several conditions, which uses another schedule for the race.

    Attributes:
        schedule: The schedule of the race between choices (with the rule mean) or between conditions.
        join: The rule that joins the evidence of the conditions of a choice.
    """

    schedule: Schedule
    join: Join

    def __call__(self, n_choices: int, positions: Positions, groups: Groups | None = None) -> Race:
        """Start a race between `n_choices` conditions. Its result has the evidence of the choices, (K,)."""
        choice_of = np.arange(n_choices) if groups is None else groups.numbers
        n = np.bincount(choice_of)
        if self.join == "mean":
            return _race_between_means(self.schedule(len(n), positions), choice_of)
        margins = np.log(n)[choice_of] if self.join == "log-mean-exp" else np.zeros(n_choices)
        return _join_result(self.schedule(n_choices, positions, Groups(choice_of, margins)), choice_of, self.join)

    def bounds(self, n_choices: int) -> tuple[int, int]:
        """Return the bounds of `bounds_of` for choices with one condition each."""
        return self.bounds_of([1] * n_choices)

    def bounds_of(self, sizes: Sequence[int]) -> tuple[int, int]:
        """Return the smallest and the largest number of evaluations that a race can take.

        Args:
            sizes: Number of conditions of each choice, (K,).
        """
        n = sum(sizes)
        if not isinstance(self.schedule, Staged):  # all conditions have the same smallest and largest number of draws
            return self.schedule.bounds(n)
        stages, ordered = self.schedule.stages, sorted(sizes)
        lowest = highest = n * stages[0][0]
        if self.join != "mean":
            return lowest, self.schedule.bounds(n)[1]
        for (before, _), (draws, n_best) in pairwise(stages):
            lowest += sum(ordered[:n_best]) * (draws - before)
            highest += sum(ordered[-n_best:]) * (draws - before)
        return lowest, highest


def _race_between_means(race: Race, choice_of: np.ndarray) -> Race:
    """Run a race between choices, the scores of which are the means of the scores of their conditions."""
    members = [np.flatnonzero(choice_of == choice) for choice in range(int(choice_of.max()) + 1)]
    n_evaluations, scores = 0, None
    while True:
        try:
            request = next(race) if scores is None else race.send(scores)
        except StopIteration as end:
            return RaceResult(end.value.evidence, n_evaluations)
        conditions = [members[choice] for choice in request.choices]
        rows = yield Request(np.concatenate(conditions), request.first, request.last)
        n_evaluations += rows.size
        firsts = np.cumsum([0, *(len(part) for part in conditions[:-1])])
        sizes = np.array([len(part) for part in conditions])
        scores = np.add.reduceat(rows, firsts, axis=0) / sizes[:, None]


def _join_result(race: Race, choice_of: np.ndarray, join: Join) -> Race:
    """Run a race between conditions and join their evidence."""
    result = yield from race
    return RaceResult(join_evidence(result.evidence, choice_of, join), result.n_evaluations)
