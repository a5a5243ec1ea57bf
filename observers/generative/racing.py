"""Schedules of draws: which choices are evaluated at which draws until the best choice is clear.

Notation: K choices, of which M are still in the race, and at most T draws. A race is a generator. It yields a `Request`
for the scores of some choices at some draws, receives these scores by `send` as a float64 array (M, n) with higher
values for better choices, and returns a `RaceResult`. All choices are evaluated at the same draws, so their differences
are paired and most of the noise cancels (common random numbers; Clark & Jaini 2023, arXiv 2303.15233).

The evidence of a choice that is never eliminated is the mean of its scores. A choice is eliminated because it is behind
the leader at that time. The evidence of the eliminated choice is the evidence of this leader, minus the mean difference
between the two over the draws that both have. It is never above the evidence of a choice that was not eliminated. This
module does not need torch.

The choices of a race may be the classes of a model, several of which belong to one choice of the trial. They then form
groups, and a race ends when all remaining ones are in one group. `observers.generative.joining` computes the evidence
of the groups.
"""

from collections.abc import Callable, Generator
from typing import Literal, Protocol

import numpy as np
from attrs import field, frozen
from scipy.special import stdtr

from observers.bounds import bounded
from observers.generative.elimination import ANYTIME_N, level_of_rounds, rivals_behind, rounds_of
from observers.protocol import ObserverError

MAX_DRAWS = 100_000  # per choice; scores are stored until the race ends


@frozen(eq=False)
class Request:
    """A request for the scores of some choices at consecutive draws.

    Attributes:
        choices: Indices of the choices, (M,).
        first: Number of the first draw.
        last: Number of the last draw plus 1, as in a slice.
    """

    choices: np.ndarray
    first: int
    last: int


@frozen(eq=False)
class RaceResult:
    """The result of a race.

    Attributes:
        evidence: Evidence of each choice, (K,), in the unit of the scores.
        n_evaluations: Number of scores that the race requested.
    """

    evidence: np.ndarray
    n_evaluations: int


@frozen(eq=False)
class Groups:
    """The groups that the K choices of a race form.

    Attributes:
        numbers: Number of the group of each choice, (K,).
        margins: Largest amount by which the evidence of a group can be below that of each of its choices, (K,), 0 or more. A
            choice leads if its score minus its margin is highest, and eliminates only choices that are behind by more than
            its margin.
    """

    numbers: np.ndarray
    margins: np.ndarray


Race = Generator[Request, np.ndarray, RaceResult]

# (N,) draws -> (N,) positions in 0..1 along the variable on which scores depend smoothly, such as the noise level.
Positions = Callable[[np.ndarray], np.ndarray]


class Schedule(Protocol):
    """A schedule of draws, which starts the races of trials."""

    def __call__(self, n_choices: int, positions: Positions, groups: Groups | None = None) -> Race:
        """Start a race between `n_choices` choices. `positions` returns the positions of draws.

        A schedule may lack the parameter `groups` if no choice of a trial has more than one class or prompt.
        """
        ...

    def bounds(self, n_choices: int) -> tuple[int, int]:
        """Return the smallest and the largest number of evaluations that a race can take."""
        ...


class _State:
    """The scores so far, the choices that remain, and how far each eliminated choice was behind the leader."""

    def __init__(self, n_choices: int, max_draws: int, groups: Groups | None = None) -> None:
        self.scores = np.full((n_choices, max_draws), np.nan)
        self.remaining = np.arange(n_choices)
        self.groups = groups
        self.n_draws = 0
        self.n_evaluations = 0
        self.eliminated: list[tuple[int, int, float]] = []  # (choice, the leader then, mean difference)

    def draw_up_to(self, n: int) -> Generator[Request, np.ndarray, None]:
        """Request the scores of all remaining choices until each has n draws."""
        if n > self.n_draws:
            scores = yield Request(self.remaining, self.n_draws, n)
            self.scores[self.remaining, self.n_draws : n] = scores
            self.n_evaluations += scores.size
            self.n_draws = n

    def is_decided(self) -> bool:
        """Return whether only one choice remains or, with groups, whether all remaining choices are in one group."""
        if self.groups is None:
            return len(self.remaining) == 1
        numbers = self.groups.numbers[self.remaining]
        return bool((numbers == numbers[0]).all())

    def means(self) -> np.ndarray:
        """Return the mean scores (M,) of the remaining choices."""
        return np.asarray(self.scores[self.remaining, : self.n_draws].mean(axis=1))

    def compare_with_leader(self) -> tuple[int, np.ndarray]:
        """Return the leading choice, and its lead (M, n) over each of the M remaining choices at each of n draws.

        With groups, the lead is reduced by the margin of the leader.
        """
        means = self.means()
        if self.groups is not None:
            means = means - self.groups.margins[self.remaining]
        leader = int(self.remaining[np.argmax(means)])
        with np.errstate(invalid="ignore"):
            lead = self.scores[leader, : self.n_draws] - self.scores[self.remaining, : self.n_draws]
        return leader, np.asarray(lead if self.groups is None else lead - self.groups.margins[leader])

    def keep(self, stays: np.ndarray, leader: int) -> None:
        """Eliminate the remaining choices for which `stays` (M,) is false, and store their distance from the leader."""
        for choice in self.remaining[~stays]:
            with np.errstate(invalid="ignore"):
                lead = float((self.scores[leader, : self.n_draws] - self.scores[choice, : self.n_draws]).mean())
            lead = 0.0 if np.isnan(lead) else lead  # both means are infinite, so neither choice is ahead
            self.eliminated.append((int(choice), leader, max(lead, 0.0)))
        self.remaining = self.remaining[stays]

    def result(self) -> RaceResult:
        """Return the evidence of all choices."""
        evidence = np.full(len(self.scores), np.nan)
        evidence[self.remaining] = self.means()
        lowest = evidence[self.remaining].min()
        for choice, rival, lead in reversed(self.eliminated):  # a rival is eliminated later than the choices it beat
            evidence[choice] = min(evidence[rival] - lead, lowest)
        return RaceResult(evidence, self.n_evaluations)


def _check_probability(instance: object, attribute: object, value: float) -> None:
    if not 0 < value < 1:
        raise ObserverError(f"{getattr(attribute, 'name', '')} must lie between 0 and 1, got {value}")


def _check_stages(instance: object, attribute: object, value: tuple[tuple[int, int], ...]) -> None:
    draws, choices = [n for n, _ in value], [k for _, k in value]
    draws_increase = all(a < b for a, b in zip([0, *draws], draws, strict=False))
    choices_decrease = all(a >= b >= 1 for a, b in zip([*choices[:1], *choices], choices, strict=False))
    if not value or not draws_increase or not choices_decrease or draws[-1] > MAX_DRAWS:
        raise ObserverError(
            f"each stage must have more draws than the one before (up to {MAX_DRAWS}) and at most as many choices (at "
            f"least 1), such as the stages 25x16,250x5, got {','.join(f'{n}x{k}' for n, k in value) or 'no stages'}"
        )


@frozen
class Exhaustive:
    """A schedule that evaluates every choice at every draw.

    Attributes:
        draws: Number of draws per choice.
    """

    draws: int = field(default=500, validator=bounded(1, MAX_DRAWS))

    def __call__(self, n_choices: int, positions: Positions, groups: Groups | None = None) -> Race:
        """Start a race."""
        state = _State(n_choices, self.draws)
        yield from state.draw_up_to(self.draws)
        return state.result()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        """Return the exact number of evaluations, as the lower and as the upper bound."""
        return n_choices * self.draws, n_choices * self.draws


def _check_rate_per(instance: "Racing", attribute: object, value: str) -> None:
    if value not in ("race", "round"):
        raise ObserverError(f"error_rate_per must be race or round, got {value!r}")
    if instance.anytime and value == "round":
        raise ObserverError(
            "a confidence sequence (anytime=true) has its error rate per race: omit error_rate_per=round, or anytime"
        )


@frozen
class Racing:
    """Sequential elimination: a choice is eliminated once it is unlikely to beat the leader after all `draws`.

    After every round of draws, each rival is compared with the leader by a one-sided test on their paired differences
    (see `observers.generative.elimination`). A race makes an error if it eliminates the choice that all draws would
    prefer, that is, if its response differs from that of exhaustive evaluation of the same draws. The probability of an
    error is at most about `error_rate`, even if choices are tied, provided that the rivals have similar noise (the test
    suite and `benchmarks/racing_errors.py` simulate this). If one choice is clearly better, it is far lower.

    Attributes:
        draws: Largest number of draws per choice, T.
        min_draws: Number of draws per choice before the first elimination.
        error_rate: Probability of eliminating the choice that all draws would prefer.
        anytime: Whether the test is a confidence sequence, which does not depend on the number of remaining draws. This
            takes more draws, and eliminations start at ANYTIME_N draws.
        error_rate_per: "race" if `error_rate` applies to all rounds of a race together; "round" if it applies to each
            round. With "round", errors add up: between two or three tied choices to three to five times `error_rate`.
    """

    draws: int = field(default=500, validator=bounded(1, MAX_DRAWS))
    min_draws: int = field(default=4, validator=bounded(1, MAX_DRAWS))
    error_rate: float = field(default=0.05, validator=_check_probability)
    anytime: bool = False
    error_rate_per: Literal["race", "round"] = field(default="race", validator=_check_rate_per)

    def __call__(self, n_choices: int, positions: Positions, groups: Groups | None = None) -> Race:
        """Start a race."""
        state, rounds = _State(n_choices, self.draws, groups), rounds_of(self.draws, self.min_draws)
        u = positions(np.arange(self.draws))
        level = self.error_rate / max(n_choices - 1, 1)
        if self.error_rate_per == "race" and not self.anytime:
            level = level_of_rounds(rounds, level)
        for n in rounds:
            yield from state.draw_up_to(n)
            if n == self.draws or state.is_decided():
                break
            if n > 1 and (n >= ANYTIME_N or not self.anytime):
                leader, lead = state.compare_with_leader()
                is_leader, order = state.remaining == leader, np.argsort(u[:n], kind="stable")
                behind = rivals_behind(lead[:, order], is_leader, self.draws, level, anytime=self.anytime)
                state.keep(is_leader | ~behind, leader)
                if state.is_decided():
                    break
        return state.result()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        """Return the smallest and the largest number of evaluations that a race can take."""
        return n_choices * min(self.min_draws, self.draws), n_choices * self.draws


@frozen
class Staged:
    """The staged elimination of Li et al. (2023, arXiv 2303.16203).

    Attributes:
        stages: Pairs (n, k), one per stage: the k choices that are best so far are evaluated until each has n draws.
            The first stage evaluates all choices and ignores k.
    """

    stages: tuple[tuple[int, int], ...] = field(default=((25, 1000), (250, 5)), validator=_check_stages)

    def __call__(self, n_choices: int, positions: Positions, groups: Groups | None = None) -> Race:
        """Start a race."""
        state = _State(n_choices, self.stages[-1][0], groups)
        for i, (n, _) in enumerate(self.stages):
            yield from state.draw_up_to(n)
            if i + 1 < len(self.stages):
                order = np.argsort(-state.means(), kind="stable")
                stays = np.zeros(len(order), dtype=bool)
                stays[order[: self.stages[i + 1][1]]] = True
                state.keep(stays, int(state.remaining[order[0]]))
                if groups is not None and state.is_decided():
                    break
        return state.result()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        """Return the exact number of evaluations, as the lower and as the upper bound."""
        total, before = 0, 0
        for i, (n, k) in enumerate(self.stages):
            total += (min(k, n_choices) if i else n_choices) * (n - before)
            before = n
        return total, total


@frozen
class ClarkJaini:
    """The race of Clark & Jaini (2023, arXiv 2303.15233).

    After `min_draws` draws and after every further draw, a choice is eliminated if a two-sided paired t-test puts it
    behind the leader with p < `error_rate`.

    Attributes:
        draws: Largest number of draws per choice.
        min_draws: Number of draws per choice before the first elimination.
        error_rate: Significance level of each test.
    """

    draws: int = field(default=2000, validator=bounded(1, MAX_DRAWS))
    min_draws: int = field(default=20, validator=bounded(1, MAX_DRAWS))
    error_rate: float = field(default=2e-3, validator=_check_probability)

    def __call__(self, n_choices: int, positions: Positions, groups: Groups | None = None) -> Race:
        """Start a race."""
        state = _State(n_choices, self.draws, groups)
        for n in range(min(self.min_draws, self.draws), self.draws + 1):
            yield from state.draw_up_to(n)
            if state.is_decided():
                break
            if n > 1:
                leader, lead = state.compare_with_leader()
                with np.errstate(invalid="ignore"):
                    mean, sd = lead.mean(axis=1), lead.std(axis=1, ddof=1)
                t = np.divide(mean * n**0.5, sd, out=np.where(np.isposinf(mean), np.inf, 0.0), where=sd > 0)
                p = 2 * stdtr(n - 1, -np.abs(t))
                state.keep((state.remaining == leader) | (p >= self.error_rate) | (mean < 0), leader)
            if state.is_decided():
                break
        return state.result()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        """Return the smallest and the largest number of evaluations that a race can take."""
        return n_choices * min(self.min_draws, self.draws), n_choices * self.draws
