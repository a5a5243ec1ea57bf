"""Join the scores of several conditions of a choice, such as the classes of a category, to the evidence of the choice.

Notation: K choices; C conditions, each of which belongs to one choice; `groups` (C,) is the index of the choice of each
condition. Let e_c be the mean score of condition c, and n the number of conditions of a choice. The evidence of the
choice is
- mean: the mean of e_c. The conditions of a choice are always evaluated together, and the choices race;
- max: the largest e_c. The conditions race until all that remain belong to one choice;
- log-mean-exp: log (Σ exp(e_c) / n). The conditions race with the scores e_c − log n, because the evidence is the
  logarithm of Σ exp(e_c − log n). It is the log-likelihood of a mixture of the conditions if scores are
  log-likelihoods, and depends on the unit of the scores.

With one condition per choice, the rules are the same. `benchmarks/joining_rules.py` compares them. This module does not
need torch.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from attrs import frozen

from observers.generative.racing import Positions, Race, RaceResult, Request, Schedule, Staged

Join = Literal["mean", "max", "log-mean-exp"]


def join_evidence(evidence: np.ndarray, groups: np.ndarray, join: Join) -> np.ndarray:
    """Return the evidence of K choices from the evidence of their conditions.

    Args:
        evidence: Evidence of each condition, (C,), finite.
        groups: Index of the choice of each condition, (C,). Every index below K occurs.
        join: The rule.

    Returns:
        The evidence of each choice, (K,).
    """
    n = np.bincount(groups)
    if join == "mean":
        return np.asarray(np.bincount(groups, evidence) / n)
    highest = np.full(len(n), -np.inf)
    np.maximum.at(highest, groups, evidence)
    if join == "max":
        return highest
    return np.asarray(highest + np.log(np.bincount(groups, np.exp(evidence - highest[groups])) / n))


@frozen
class JoinedSchedule:
    """A schedule for choices with several conditions, which uses another schedule for the race.

    Attributes:
        schedule: The schedule of the race between choices (with the rule mean) or between conditions.
        join: The rule that joins the evidence of the conditions of a choice.
    """

    schedule: Schedule
    join: Join

    def __call__(self, n_choices: int, positions: Positions, groups: np.ndarray | None = None) -> Race:
        """Start a race between `n_choices` conditions. Its result has the evidence of the choices, (K,)."""
        groups = np.arange(n_choices) if groups is None else groups
        if self.join == "mean":
            return _race_between_means(self.schedule(int(groups.max()) + 1, positions), groups)
        return _race_between_conditions(self.schedule(n_choices, positions, groups), groups, self.join)

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


def _race_between_means(race: Race, groups: np.ndarray) -> Race:
    """Run a race between choices, the scores of which are the means of the scores of their conditions."""
    members = [np.flatnonzero(groups == choice) for choice in range(int(groups.max()) + 1)]
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


def _race_between_conditions(race: Race, groups: np.ndarray, join: Join) -> Race:
    """Run a race between conditions and join their evidence."""
    n = np.bincount(groups)
    log_n = np.log(n)[groups] if join == "log-mean-exp" else np.zeros(len(groups))
    scores = None
    while True:
        try:
            request = next(race) if scores is None else race.send(scores)
        except StopIteration as end:
            evidence = join_evidence(end.value.evidence + log_n, groups, join)
            return RaceResult(evidence, end.value.n_evaluations)
        rows = yield request
        scores = rows - log_n[request.choices][:, None]
