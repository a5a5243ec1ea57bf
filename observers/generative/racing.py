"""Which draws to spend on which choices, until it is clear which choice is best. No torch here: a race is fed with numbers.

K choices, M of them still in the race, T draws. A schedule is a generator: it yields a Request for scores of some choices at
some draws, is sent them, (M, n) float64, higher is better, and returns a Verdict. All choices meet the same draws, so their
differences are paired and most of the noise cancels (common random numbers, Clark & Jaini 2023, arXiv 2303.15233).

The evidence of a choice that goes all the way is the mean of its scores. The evidence of an eliminated choice is that of
its rival, the leader at that moment, minus their mean difference over the draws that both had; it is never above that of a
choice that was not eliminated.
"""

from collections.abc import Generator
from typing import Protocol

import numpy as np
from attrs import field, frozen
from scipy.special import stdtr

from observers.protocol import ObserverError


@frozen(eq=False)
class Request:
    choices: np.ndarray  # (M,) indices
    first: int  # draw
    last: int  # draw, not included


@frozen(eq=False)
class Verdict:
    evidence: np.ndarray  # (K,)
    n_evaluations: int


Race = Generator[Request, np.ndarray, Verdict]


class Schedule(Protocol):
    def __call__(self, n_choices: int) -> Race: ...

    def bounds(self, n_choices: int) -> tuple[int, int]: ...  # the fewest and the most evaluations of a race


class _State:
    """Scores so far, who is in, and what the others are behind whom."""

    def __init__(self, n_choices: int, max_draws: int) -> None:
        self.scores = np.full((n_choices, max_draws), np.nan)
        self.alive = np.arange(n_choices)
        self.n_draws = 0
        self.n_evaluations = 0
        self.behind: list[tuple[int, int, float]] = []  # (choice, its rival, mean difference)

    def draw(self, n: int) -> Generator[Request, np.ndarray, None]:
        """Have scores of all that are in at draws up to n."""
        if n > self.n_draws:
            found = yield Request(self.alive, self.n_draws, n)
            self.scores[self.alive, self.n_draws : n] = found
            self.n_evaluations += found.size
            self.n_draws = n

    def means(self) -> np.ndarray:
        return np.asarray(self.scores[self.alive, : self.n_draws].mean(axis=1))

    def keep(self, kept: np.ndarray, leader: int) -> None:
        """`kept`: (M,) of those that are in, which stay."""
        for choice in self.alive[~kept]:
            lead = self.scores[leader, : self.n_draws] - self.scores[choice, : self.n_draws]
            self.behind.append((int(choice), leader, float(max(lead.mean(), 0.0))))
        self.alive = self.alive[kept]

    def verdict(self) -> Verdict:
        evidence = np.full(len(self.scores), np.nan)
        evidence[self.alive] = self.means()
        lowest = evidence[self.alive].min()
        for choice, rival, lead in reversed(self.behind):  # a rival leaves the race later than whom it beat
            evidence[choice] = min(evidence[rival] - lead, lowest)
        return Verdict(evidence, self.n_evaluations)


def _counted(instance: object, attribute: object, value: int) -> None:
    if value < 1:
        raise ObserverError(f"{getattr(attribute, 'name', '')} counts from 1, got {value}")


def _share(instance: object, attribute: object, value: float) -> None:
    if not 0 < value < 1:
        raise ObserverError(f"{getattr(attribute, 'name', '')} must lie between 0 and 1, got {value}")


@frozen
class Exhaustive:
    """Every choice at every draw."""

    draws: int = field(default=500, validator=_counted)

    def __call__(self, n_choices: int) -> Race:
        state = _State(n_choices, self.draws)
        yield from state.draw(self.draws)
        return state.verdict()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        return n_choices * self.draws, n_choices * self.draws


@frozen
class Racing:
    """A choice leaves once it is improbable that all `draws` would put it above the leader."""

    draws: int = field(default=500, validator=_counted)
    min_draws: int = field(default=4, validator=_counted)
    error_rate: float = field(default=0.01, validator=_share)
    anytime: bool = False

    def __call__(self, n_choices: int) -> Race:
        state = _State(n_choices, self.draws)
        n = min(self.min_draws, self.draws)
        while True:
            yield from state.draw(n)
            if n == self.draws or len(state.alive) == 1:
                return state.verdict()
            leader = int(state.alive[np.argmax(state.means())])
            ahead = state.scores[leader, :n] - state.scores[state.alive, :n]
            sd = ahead.std(axis=1, ddof=1) if n > 1 else np.full(len(ahead), np.inf)
            t = np.divide(ahead.mean(axis=1) * n**0.5, sd, out=np.zeros(len(ahead)), where=sd > 0)
            state.keep((state.alive == leader) | (stdtr(max(n - 1, 1), -t) >= self.error_rate / 100), leader)
            n = min(self.draws, n + max(2, n // 4))

    def bounds(self, n_choices: int) -> tuple[int, int]:
        return n_choices * min(self.min_draws, self.draws), n_choices * self.draws


@frozen
class Staged:
    """Li et al.'s stages (2023, arXiv 2303.16203): up to n draws, then only the best go on; (n, how many went into it)."""

    stages: tuple[tuple[int, int], ...] = ((25, 1000), (250, 5))

    def __call__(self, n_choices: int) -> Race:
        state = _State(n_choices, self.stages[-1][0])
        for i, (n, _) in enumerate(self.stages):
            yield from state.draw(n)
            if i + 1 < len(self.stages):
                order = np.argsort(-state.means(), kind="stable")
                kept = np.zeros(len(order), dtype=bool)
                kept[order[: self.stages[i + 1][1]]] = True
                state.keep(kept, int(state.alive[order[0]]))
        return state.verdict()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        total, before = 0, 0
        for n, k in self.stages:
            total += min(k, n_choices) * (n - before)
            before = n
        return total, total


@frozen
class ClarkJaini:
    """Clark & Jaini's race (2023, arXiv 2303.15233): from `min_draws` on, after every draw, a choice leaves that a paired
    t-test, two-sided, puts behind the leader with p < `p`."""

    draws: int = field(default=2000, validator=_counted)
    min_draws: int = field(default=20, validator=_counted)
    p: float = field(default=2e-3, validator=_share)

    def __call__(self, n_choices: int) -> Race:
        state = _State(n_choices, self.draws)
        for n in range(min(self.min_draws, self.draws), self.draws + 1):
            yield from state.draw(n)
            if len(state.alive) == 1:
                break
            leader = int(state.alive[np.argmax(state.means())])
            ahead = state.scores[leader, :n] - state.scores[state.alive, :n]
            sd = ahead.std(axis=1, ddof=1) if n > 1 else np.full(len(ahead), np.inf)
            t = np.divide(ahead.mean(axis=1) * n**0.5, sd, out=np.zeros(len(ahead)), where=sd > 0)
            state.keep((state.alive == leader) | (2 * stdtr(max(n - 1, 1), -np.abs(t)) >= self.p), leader)
            if len(state.alive) == 1:
                break
        return state.verdict()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        return n_choices * min(self.min_draws, self.draws), n_choices * self.draws
