"""Which draws to spend on which choices, until it is clear which choice is best. No torch here: a race is fed with numbers.

K choices, M of them still in the race, T draws. A schedule is a generator: it yields a Request for scores of some choices at
some draws, is sent them, (M, n) float64, higher is better, and returns a Verdict. All choices meet the same draws, so their
differences are paired and most of the noise cancels (common random numbers, Clark & Jaini 2023, arXiv 2303.15233).

The evidence of a choice that goes all the way is the mean of its scores. The evidence of an eliminated choice is that of
its rival, the leader at that moment, minus their mean difference over the draws that both had; it is never above that of a
choice that was not eliminated.
"""

from collections.abc import Callable, Generator
from typing import Protocol

import numpy as np
from attrs import field, frozen
from scipy.special import stdtr

from observers.bounds import bounded
from observers.protocol import ObserverError

MAX_DRAWS = 100_000  # of a choice; scores are kept until a race ends
PRIOR_DF = 8.0
ROUND = 8  # draws are added by an eighth
ANYTIME_N = 16  # draws at which the confidence sequence is tightest


@frozen(eq=False)
class Request:
    choices: np.ndarray  # (M,) indices
    first: int  # draw
    last: int  # draw, not included


@frozen(eq=False)
class RaceResult:
    evidence: np.ndarray  # (K,)
    n_evaluations: int


Race = Generator[Request, np.ndarray, RaceResult]


# Draws -> where they lie, in 0..1, in what their scores vary with smoothly, such as the noise level.
Place = Callable[[np.ndarray], np.ndarray]


class Schedule(Protocol):
    def __call__(self, n_choices: int, place: Place) -> Race: ...

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

    def lead(self) -> tuple[int, np.ndarray]:
        """The choice that leads, and (M, n) how far it is ahead of each that is in at each draw."""
        leader = int(self.alive[np.argmax(self.means())])
        with np.errstate(invalid="ignore"):
            ahead = self.scores[leader, : self.n_draws] - self.scores[self.alive, : self.n_draws]
        return leader, np.asarray(ahead)

    def keep(self, kept: np.ndarray, leader: int) -> None:
        """`kept`: (M,) of those that are in, which stay."""
        for choice in self.alive[~kept]:
            with np.errstate(invalid="ignore"):
                lead = float((self.scores[leader, : self.n_draws] - self.scores[choice, : self.n_draws]).mean())
            lead = 0.0 if np.isnan(lead) else lead  # both infinite: none is ahead
            self.behind.append((int(choice), leader, max(lead, 0.0)))
        self.alive = self.alive[kept]

    def verdict(self) -> RaceResult:
        evidence = np.full(len(self.scores), np.nan)
        evidence[self.alive] = self.means()
        lowest = evidence[self.alive].min()
        for choice, rival, lead in reversed(self.behind):  # a rival leaves the race later than whom it beat
            evidence[choice] = min(evidence[rival] - lead, lowest)
        return RaceResult(evidence, self.n_evaluations)


def _share(instance: object, attribute: object, value: float) -> None:
    if not 0 < value < 1:
        raise ObserverError(f"{getattr(attribute, 'name', '')} must lie between 0 and 1, got {value}")


def _staged(instance: object, attribute: object, value: tuple[tuple[int, int], ...]) -> None:
    draws, choices = [n for n, _ in value], [k for _, k in value]
    grows = all(a < b for a, b in zip([0, *draws], draws, strict=False))
    falls = all(a >= b >= 1 for a, b in zip([*choices[:1], *choices], choices, strict=False))
    if not value or not grows or not falls or draws[-1] > MAX_DRAWS:
        raise ObserverError(
            f"stages need more draws for fewer choices each time, such as 25x16,250x5, got "
            f"{','.join(f'{n}x{k}' for n, k in value) or 'none'}"
        )


@frozen
class Exhaustive:
    """Every choice at every draw."""

    draws: int = field(default=500, validator=bounded(1, MAX_DRAWS))

    def __call__(self, n_choices: int, place: Place) -> Race:
        state = _State(n_choices, self.draws)
        yield from state.draw(self.draws)
        return state.verdict()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        return n_choices * self.draws, n_choices * self.draws


@frozen
class Racing:
    """Sequential elimination: a choice leaves once all `draws` would hardly put it above the leader.

    Each rival is tested against the leader after every round of draws, one-sided, on their paired differences δ:
    t = mean / √(v (1/n − 1/T)), where 1/T is the finite population's, since the verdict to be foretold is that of the same T
    draws. v is the variance between neighbors in the order of noise levels, Σ (δ_(i+1) − δ_(i))² / 2(n − 1) (von Neumann
    1941; Wolter 1984 for systematic samples): the draws cover the levels evenly, so what δ does along them is no error of
    its mean. It has about 2(n − 1)/3 degrees of freedom, and is drawn towards the mean m of the other rivals' as if that had
    up to PRIOR_DF (m/(m + 2) of it for m others; Smyth 2004), so that few draws suffice. A rival leaves if
    p < error_rate / (K − 1): by Bonferroni the choice that all draws would prefer is lost at one look with about the error
    rate at most (where rivals' noise is alike; the simulations in the tests). Over all looks of a race between nearly
    equal choices that adds up to a few times as much; where one choice is better, to less.

    `anytime` keeps the error rate over all looks of a race, by a confidence sequence (Robbins' normal mixture, asymptotic as
    in Waudby-Smith et al. 2024, arXiv 2103.06476), for more draws. It looks from ANYTIME_N draws on. A round adds a
    ROUND-th of the draws so far.
    """

    draws: int = field(default=500, validator=bounded(1, MAX_DRAWS))
    min_draws: int = field(default=4, validator=bounded(1, MAX_DRAWS))
    error_rate: float = field(default=0.05, validator=_share)
    anytime: bool = False

    def __call__(self, n_choices: int, place: Place) -> Race:
        state, n = _State(n_choices, self.draws), min(self.min_draws, self.draws)
        places = place(np.arange(self.draws))
        alpha = self.error_rate / max(n_choices - 1, 1)
        while True:
            yield from state.draw(n)
            if n == self.draws or len(state.alive) == 1:
                return state.verdict()
            if n > 1 and (n >= ANYTIME_N or not self.anytime):
                leader, lead = state.lead()
                order = np.argsort(places[:n], kind="stable")
                state.keep(
                    (state.alive == leader) | ~self._is_behind(lead[:, order], state.alive == leader, alpha), leader
                )
                if len(state.alive) == 1:
                    return state.verdict()
            n = min(self.draws, n + max(1, n // ROUND))

    def _is_behind(self, lead: np.ndarray, is_leader: np.ndarray, alpha: float) -> np.ndarray:
        """(M, n) leads of the leader at draws in order of their place -> (M,) which rivals are out."""
        n = lead.shape[1]
        with np.errstate(invalid="ignore"):
            variance = np.square(np.diff(lead, axis=1)).sum(axis=1) / (2 * (n - 1))
            mean = lead.mean(axis=1)
        hopeless = np.isposinf(mean)
        known = np.isfinite(variance) & ~is_leader
        df = 2 * (n - 1) / 3
        # Towards the mean of the other rivals, with the more weight the more of them: one rival stands for itself.
        n_others = np.maximum(known.sum() - 1, 0)
        prior_df = PRIOR_DF * n_others / (n_others + 2)
        if n_others:
            others = (variance[known].sum() - np.where(known, variance, 0.0)) / n_others
            variance = (df * variance + prior_df * others) / (df + prior_df)
        if self.anytime:
            rho = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha)) + 1) / (ANYTIME_N + 1)
            bound = np.sqrt(
                variance * (n * rho + 1) / (n * n * rho) * 2 * np.log(np.sqrt(n * rho + 1) / (2 * alpha) + 1)
            )
            return np.asarray(hopeless | (known & (mean > bound)))
        se = np.sqrt(variance * (1 / n - 1 / self.draws))
        t = np.divide(mean, se, out=np.zeros(len(mean)), where=known & (se > 0))
        return np.asarray(hopeless | (stdtr(df + prior_df, -t) < alpha))

    def bounds(self, n_choices: int) -> tuple[int, int]:
        return n_choices * min(self.min_draws, self.draws), n_choices * self.draws


@frozen
class Staged:
    """Li et al.'s stages (2023, arXiv 2303.16203): (n, k), …: the k choices that are best so far get up to n draws each."""

    stages: tuple[tuple[int, int], ...] = field(default=((25, 1000), (250, 5)), validator=_staged)

    def __call__(self, n_choices: int, place: Place) -> Race:
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
        for i, (n, k) in enumerate(self.stages):
            total += (min(k, n_choices) if i else n_choices) * (n - before)  # all are in the first
            before = n
        return total, total


@frozen
class ClarkJaini:
    """Clark & Jaini's race (2023, arXiv 2303.15233): from `min_draws` on, after every draw, a choice leaves that a paired
    t-test, two-sided, puts behind the leader with p < `error_rate`."""

    draws: int = field(default=2000, validator=bounded(1, MAX_DRAWS))
    min_draws: int = field(default=20, validator=bounded(1, MAX_DRAWS))
    error_rate: float = field(default=2e-3, validator=_share)

    def __call__(self, n_choices: int, place: Place) -> Race:
        state = _State(n_choices, self.draws)
        for n in range(min(self.min_draws, self.draws), self.draws + 1):
            yield from state.draw(n)
            if len(state.alive) == 1:
                break
            if n > 1:
                leader, lead = state.lead()
                with np.errstate(invalid="ignore"):
                    mean, sd = lead.mean(axis=1), lead.std(axis=1, ddof=1)
                t = np.divide(mean * n**0.5, sd, out=np.where(np.isposinf(mean), np.inf, 0.0), where=sd > 0)
                state.keep((state.alive == leader) | (2 * stdtr(n - 1, -np.abs(t)) >= self.error_rate), leader)
            if len(state.alive) == 1:
                break
        return state.verdict()

    def bounds(self, n_choices: int) -> tuple[int, int]:
        return n_choices * min(self.min_draws, self.draws), n_choices * self.draws
