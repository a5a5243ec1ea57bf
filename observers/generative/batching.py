"""Continuous batching: forward passes of constant size combine the rows of many races until all trials are finished.

Every forward pass has N rows. Races finish at different times; when a race needs fewer rows, rows of later trials fill
the pass, so that the device stays busy. A race receives only its own scores, and all passes have the same N (the last
ones are padded by repeating a row), so a response does not depend on the other trials in a pass. The device computes
one pass while the program reads the scores of the previous one, so neither waits for the other.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from attrs import define, field

from observers.generative.likelihood import Conditioning, Scorer
from observers.generative.memory import explained_memory_errors, is_out_of_memory
from observers.generative.racing import Groups, Race, RaceResult, Request, Schedule
from observers.protocol import ObserverError, Trial

N_QUEUED = 2  # largest number of passes in the queue of the device


@define(eq=False)
class _ActiveTrial:
    """A trial with its race, the current request of the race, and the scores received for this request."""

    trial: Trial
    image: torch.Tensor
    conditionings: list[Conditioning]
    race: Race
    groups: Groups | None = None  # index of the choice of each conditioning; None if there is one for each choice
    request: Request | None = None
    scores: np.ndarray = field(factory=lambda: np.empty((0, 0)))
    n_missing: int = 0
    n_taken: int = 0  # number of rows of the request that are already in a pass
    result: RaceResult | None = None

    def advance(self, scores: np.ndarray | None) -> None:
        """Send the race its scores (None to start it), and store its next request or its result."""
        try:
            self.request = next(self.race) if scores is None else self.race.send(scores)
        except StopIteration as end:
            self.request, self.result = None, end.value
            return
        shape = len(self.request.choices), self.request.last - self.request.first
        self.scores = np.empty(shape)
        self.n_missing, self.n_taken = self.scores.size, 0

    @property
    def n_waiting(self) -> int:
        """The number of requested rows that are not in a pass yet."""
        return self.scores.size - self.n_taken if self.request is not None else 0

    def choice_of(self, conditioning: int) -> str:
        """Return the choice that a conditioning belongs to."""
        return self.trial.choices[conditioning if self.groups is None else self.groups.numbers[conditioning]]

    def row(self, i: int) -> tuple[int, int]:
        """Return the conditioning and the draw of the i-th requested row. Rows are ordered by draw, then by choice."""
        assert self.request is not None
        draw, choice = divmod(i, len(self.request.choices))
        return int(self.request.choices[choice]), self.request.first + draw

    def store(self, i: int, score: float) -> None:
        """Store the score of the i-th requested row."""
        assert self.request is not None
        draw, choice = divmod(i, len(self.request.choices))
        self.scores[choice, draw] = score
        self.n_missing -= 1


Row = tuple[_ActiveTrial, int]


class _ForwardPass:
    """A forward pass in the queue of the device."""

    def __init__(self, rows: list[Row], scores: torch.Tensor) -> None:
        self.rows = rows
        self._event = None
        if scores.is_cuda:
            self._scores = torch.empty(scores.shape, dtype=scores.dtype, pin_memory=True)
            self._scores.copy_(scores, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            # The current device may differ from the device of the scores.
            self._event.record(torch.cuda.current_stream(scores.device))
        else:
            self._scores = scores

    def scores(self) -> np.ndarray:
        """Wait for the scores and return them as a float64 array (N,)."""
        if self._event is not None:
            self._event.synchronize()
        return self._scores.cpu().numpy().astype(np.float64)


def run_races(
    trials: Iterable[Trial],
    scorer: Scorer,
    schedule: Schedule,
    condition: Callable[[Trial], list[Conditioning]],
    n_rows: int,
    report_n_rows: Callable[[int], None] = lambda n_rows: None,
    groups_of: Callable[[Trial], Groups | None] = lambda trial: None,
) -> Iterator[tuple[Trial, RaceResult]]:
    """Run one race between the choices of each trial, many races at a time.

    Args:
        trials: The trials. The next one is taken only when a forward pass needs more rows.
        scorer: The model.
        schedule: The schedule, which starts the race of each trial.
        condition: Function that returns the conditionings of the choices of a trial.
        n_rows: Number of rows per forward pass, N. It is halved if the device runs out of memory.
        report_n_rows: Function that is called with the new number of rows each time it is halved.
        groups_of: Function that returns the index of the choice of each conditioning of a trial, or None if there is
            one conditioning for each choice.

    Yields:
        Each trial with the result of its race, in order.

    Raises:
        ObserverError: If a single row does not fit into memory, or if a score is not finite.
    """
    active: deque[_ActiveTrial] = deque()  # trials whose result was not yielded yet, in order
    passes: deque[_ForwardPass] = deque()
    stream: Iterator[Trial] | None = iter(trials)
    while stream is not None or active:
        # Take trials until they fill one pass. The limit bounds how many finished trials wait for earlier ones.
        while stream is not None and sum(t.n_waiting for t in active) < n_rows and len(active) < max(2 * n_rows, 16):
            trial = next(stream, None)
            if trial is None:
                stream = None
                break
            with explained_memory_errors():
                image, conditionings = scorer.encode(trial.stimulus.pixels()), condition(trial)
            groups = groups_of(trial)
            n = len(conditionings)
            race = schedule(n, scorer.positions) if groups is None else schedule(n, scorer.positions, groups)
            new = _ActiveTrial(trial, image, conditionings, race, groups)
            new.advance(None)
            active.append(new)
        rows = _take_rows(active, n_rows)
        if rows:
            try:
                passes.append(_ForwardPass(rows, _score_rows(scorer, rows, n_rows)))
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                _return_rows(rows)
                if n_rows == 1:
                    raise ObserverError(
                        "a single row does not fit into the memory of the device: use a smaller model, image size or dtype, "
                        "or another device; the responses so far are saved"
                    ) from None
                n_rows = n_rows // 2
                if scorer.device.type == "cuda":
                    torch.cuda.empty_cache()
                report_n_rows(n_rows)
        if passes and (len(passes) >= N_QUEUED or not rows):
            _receive_scores(passes.popleft())
        while active and active[0].result is not None:
            finished = active.popleft()
            assert finished.result is not None
            yield finished.trial, finished.result


def _take_rows(active: Iterable[_ActiveTrial], n_rows: int) -> list[Row]:
    """Take up to `n_rows` waiting rows, starting with the earliest trial, because its result is yielded first."""
    rows: list[Row] = []
    for trial in active:
        n = min(trial.n_waiting, n_rows - len(rows))
        rows += [(trial, trial.n_taken + i) for i in range(n)]
        trial.n_taken += n
        if len(rows) == n_rows:
            break
    return rows


def _return_rows(rows: list[Row]) -> None:
    """Mark the rows of a failed pass as waiting again."""
    for trial, i in rows:
        trial.n_taken = min(trial.n_taken, i)


def _score_rows(scorer: Scorer, rows: list[Row], n_rows: int) -> torch.Tensor:
    """Score rows in one forward pass, which is padded to `n_rows` rows, and return the scores as a tensor (n_rows,)."""
    pairs = [trial.row(i) for trial, i in rows]
    images = [trial.image for trial, _ in rows]
    conditionings = [trial.conditionings[choice] for (trial, _), (choice, _) in zip(rows, pairs, strict=True)]
    draws = [draw for _, draw in pairs]
    n_padding = n_rows - len(rows)
    images += images[-1:] * n_padding
    conditionings += conditionings[-1:] * n_padding
    draws += draws[-1:] * n_padding
    conditioning = tuple(torch.stack(part) for part in zip(*conditionings, strict=True))
    return scorer.score(torch.stack(images), conditioning, np.array(draws, dtype=np.int64))


def _receive_scores(finished: _ForwardPass) -> None:
    """Send the scores of a pass to their races."""
    for (trial, i), score in zip(finished.rows, finished.scores(), strict=False):  # scores of padding rows are unused
        if not np.isfinite(score):
            conditioning, draw = trial.row(i)
            raise ObserverError(
                f"the model returns {score} for {trial.trial.stimulus.id}, choice {trial.choice_of(conditioning)}, "
                f"draw {draw}: use --dtype float32 or bfloat16, or check the weights"
            )
        trial.store(i, float(score))
        if trial.n_missing == 0:
            trial.advance(trial.scores)
