"""Continuous batching: rows of many races fill forward passes of one size until the trials end.

N rows of a forward pass. Races finish at different times; as one thins out, rows of the next trials fill its place, so that
the device stays full. A race sees only its own scores and every pass has the same N, the last ones filled up with a repeated
row: so an answer does not depend on which trials stand beside it. One pass is computed while the scores of the one before
are read: nobody waits for the device in between.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from attrs import define, field

from observers.generative.likelihood import Condition, Likelihood
from observers.generative.memory import in_memory, ran_out
from observers.generative.racing import Race, RaceResult, Request, Schedule
from observers.protocol import ObserverError, Trial

AHEAD = 2  # passes that the device has in its queue


@define(eq=False)
class _ActiveTrial:
    """A trial with its race: what it has asked for and has not got yet."""

    trial: Trial
    image: torch.Tensor
    conditions: list[Condition]
    race: Race
    request: Request | None = None
    scores: np.ndarray = field(factory=lambda: np.empty((0, 0)))
    n_missing: int = 0
    n_taken: int = 0  # rows of the request that went into a pass
    verdict: RaceResult | None = None

    def go_on(self, scores: np.ndarray | None) -> None:
        """Give the race its scores; keep what it asks for next, or its verdict."""
        try:
            self.request = next(self.race) if scores is None else self.race.send(scores)
        except StopIteration as end:
            self.request, self.verdict = None, end.value
            return
        shape = len(self.request.choices), self.request.last - self.request.first
        self.scores = np.empty(shape)
        self.n_missing, self.n_taken = self.scores.size, 0

    @property
    def n_waiting(self) -> int:
        return self.scores.size - self.n_taken if self.request is not None else 0

    def row(self, i: int) -> tuple[int, int]:
        """Choice and draw of the i-th row: draw by draw, so that a prefix serves all choices alike."""
        assert self.request is not None
        draw, choice = divmod(i, len(self.request.choices))
        return int(self.request.choices[choice]), self.request.first + draw

    def put(self, i: int, score: float) -> None:
        assert self.request is not None
        draw, choice = divmod(i, len(self.request.choices))
        self.scores[choice, draw] = score
        self.n_missing -= 1


Row = tuple[_ActiveTrial, int]


class _ForwardPass:
    """A forward pass in the device's queue."""

    def __init__(self, rows: list[Row], scores: torch.Tensor) -> None:
        self.rows = rows
        self._event = None
        if scores.is_cuda:
            self._scores = torch.empty(scores.shape, dtype=scores.dtype, pin_memory=True)
            self._scores.copy_(scores, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            # Of its own device: the current one may be another.
            self._event.record(torch.cuda.current_stream(scores.device))
        else:
            self._scores = scores

    def scores(self) -> np.ndarray:
        """(N,) float64, as soon as they are there."""
        if self._event is not None:
            self._event.synchronize()
        return self._scores.cpu().numpy().astype(np.float64)


def answer(
    trials: Iterable[Trial],
    likelihood: Likelihood,
    schedule: Schedule,
    conditions: Callable[[Trial], list[Condition]],
    size: int,
    say: Callable[[int], None] = lambda size: None,
) -> Iterator[tuple[Trial, RaceResult]]:
    """Every trial with the verdict of its race, in order. `size` is N; `say` is told when memory allows only a smaller one.

    Raises ObserverError where not even one row fits, or a score is no number.
    """
    contests: deque[_ActiveTrial] = deque()  # those whose verdict was not given yet, in order
    passes: deque[_ForwardPass] = deque()
    stream: Iterator[Trial] | None = iter(trials)
    while stream is not None or contests:
        # Enough rows for one pass; finished trials behind an unfinished one wait, and are not let grow without end.
        while stream is not None and sum(c.n_waiting for c in contests) < size and len(contests) < max(2 * size, 16):
            trial = next(stream, None)
            if trial is None:
                stream = None
                break
            with in_memory():
                image, given = likelihood.encode(trial.stimulus.pixels()), conditions(trial)
            contest = _ActiveTrial(trial, image, given, schedule(len(trial.choices), likelihood.place))
            contest.go_on(None)
            contests.append(contest)
        rows = _take(contests, size)
        if rows:
            try:
                passes.append(_ForwardPass(rows, _scores(likelihood, rows, size)))
            except RuntimeError as error:
                if not ran_out(error):
                    raise
                _give_back(rows)
                if size == 1:
                    raise ObserverError(
                        "one row at once is more than the device's memory holds: take a smaller model, size or dtype, or "
                        "another device; what was answered is kept"
                    ) from None
                size = size // 2
                if likelihood.device.type == "cuda":
                    torch.cuda.empty_cache()
                say(size)
        if passes and (len(passes) >= AHEAD or not rows):
            _receive(passes.popleft())
        while contests and contests[0].verdict is not None:
            done = contests.popleft()
            assert done.verdict is not None
            yield done.trial, done.verdict


def _take(contests: Iterable[_ActiveTrial], size: int) -> list[Row]:
    """Up to `size` rows that wait, those of the first trials first: their answers can be given soonest."""
    rows: list[Row] = []
    for contest in contests:
        n = min(contest.n_waiting, size - len(rows))
        rows += [(contest, contest.n_taken + i) for i in range(n)]
        contest.n_taken += n
        if len(rows) == size:
            break
    return rows


def _give_back(rows: list[Row]) -> None:
    for contest, i in rows:
        contest.n_taken = min(contest.n_taken, i)


def _scores(likelihood: Likelihood, rows: list[Row], size: int) -> torch.Tensor:
    """(N,) scores, N = `size`, those of the rows first."""
    asked = [contest.row(i) for contest, i in rows]
    images = [contest.image for contest, _ in rows]
    given = [contest.conditions[choice] for (contest, _), (choice, _) in zip(rows, asked, strict=True)]
    draws = [draw for _, draw in asked]
    lacking = size - len(rows)
    images += images[-1:] * lacking
    given += given[-1:] * lacking
    draws += draws[-1:] * lacking
    conditions = tuple(torch.stack(part) for part in zip(*given, strict=True))
    return likelihood.score(torch.stack(images), conditions, np.array(draws, dtype=np.int64))


def _receive(done: _ForwardPass) -> None:
    """Hand the scores of a pass to their races."""
    for (contest, i), score in zip(
        done.rows, done.scores(), strict=False
    ):  # behind them stands what filled up the pass
        if not np.isfinite(score):
            choice, draw = contest.row(i)
            raise ObserverError(
                f"the model gives {score} for {contest.trial.stimulus.id}, choice {contest.trial.choices[choice]}, draw "
                f"{draw}: take --dtype float32 or bfloat16, or check the weights"
            )
        contest.put(i, float(score))
        if contest.n_missing == 0:
            contest.go_on(contest.scores)
