"""Report the progress of long computations: a rich progress bar on a terminal, occasional plain lines elsewhere.

Both show the recent rate and, as soon as two passes have been timed, the remaining time. Until the first step is finished,
they show that the computation is starting.

Observers answer in passes: a batch of responses arrives at once, and then nothing until the next pass is finished. The rate
is therefore measured between the beginnings of passes. The first pass is not part of it, because it includes warm-up:
imports, loading of weights and compilation. Steps that arrive one by one at short intervals count as one pass per second.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PLAIN_SECONDS = 10.0  # minimum time between two plain lines
WARM_UP_SECONDS = 3.0  # time after which a plain line says that the first step is not finished yet
WARM_UP = {"trials": "loading …", "bytes": "connecting …"}  # unit -> what is done before the first step
Progress = Callable[[int, int | None], None]  # called with (n_done, n_total); n_total is None if it is unknown
WINDOW = 30.0  # seconds over which the rate is measured, unless two passes take longer
MIN_GAP = 0.02  # seconds; steps that follow each other faster belong to the same pass
GAP_SHARE = 0.25  # a pass begins after a pause of at least this share of the longest recent pause
LONGEST_PASS = 1.0  # seconds after which steps without a pause count as a new pass
MIN_PASSES = 2  # passes that must be timed before the rate is known


class RecentRate:
    """Measures the rate of steps from their times.

    Attributes:
        n_timed: The number of passes that have been timed so far.
        is_warm: Whether a step was finished, so that the warm-up is over.
    """

    def __init__(self) -> None:
        self._begins: deque[tuple[float, int]] = deque()  # time of the first step of a pass, and steps done then
        self._last: tuple[float, int] | None = None
        self._pause = 0.0
        self.n_timed = 0

    @property
    def is_warm(self) -> bool:
        """Whether a step was finished."""
        return bool(self._begins)

    def update(self, n_done: int, now: float) -> None:
        """Record that `n_done` steps are done at the time `now` in seconds. The first call is made before the first step."""
        if self._last is None:
            self._last = now, n_done
            return
        last_time, last_done = self._last
        if n_done <= last_done:
            return
        pause = now - last_time
        self._last = now, n_done
        is_pause = pause >= max(MIN_GAP, GAP_SHARE * self._pause)
        if self._begins and not is_pause and now - self._begins[-1][0] < LONGEST_PASS:
            return
        if self._begins:
            self.n_timed += 1
            self._pause = max(pause, 0.9 * self._pause)
        self._begins.append((now, n_done))
        while len(self._begins) > MIN_PASSES + 1 and self._begins[1][0] < now - WINDOW:
            self._begins.popleft()

    def rate(self, min_passes: int = MIN_PASSES) -> float | None:
        """Return the number of steps per second; None before `min_passes` passes were timed."""
        if self.n_timed < min_passes or len(self._begins) < 2:
            return None
        (first_time, first_done), (last_time, last_done) = self._begins[0], self._begins[-1]
        return (last_done - first_done) / (last_time - first_time) if last_time > first_time else None

    def remaining(self, n_total: int | None, now: float) -> float | None:
        """Return the remaining time in seconds; None if the rate or the total is unknown."""
        rate = self.rate()
        if rate is None or n_total is None:
            return None
        last_time, last_done = self._begins[-1]
        return max((n_total - last_done) / rate - (now - last_time), 0.0)


def format_remaining(seconds: float) -> str:
    """Return a duration in a readable unit.

    Example:
        >>> [format_remaining(seconds) for seconds in (3, 42, 149, 5400, 200_000)]
        ['5 s', '40 s', '2 min', '1.5 h', '2.3 days']
    """
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds < 1.5 * 86_400 else f"{seconds / 86_400:.1f} days"


@contextmanager
def progress_bar(title: str, unit: str, *, quiet: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """Provide a function that reports progress on stderr; call it with (n_done, n_total) after every step.

    Call it once before the first step, so that the time of the warm-up is known.

    Args:
        title: Label of the computation.
        unit: What is counted, in the plural, such as "images"; "bytes" shows sizes and speeds of a download.
        quiet: Show nothing.
    """
    if quiet:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        with _rich_bar(title, unit) as update:
            yield update
    else:
        with _plain_lines(title, unit) as update:
            yield update


@contextmanager
def _rich_bar(title: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    from rich import progress
    from rich.console import Console

    counts = (
        [progress.DownloadColumn(), progress.TransferSpeedColumn(), progress.TimeRemainingColumn()]
        if unit == "bytes"
        else [progress.MofNCompleteColumn(), progress.TextColumn("{task.fields[rate]}")]
    )
    columns = [progress.TextColumn("{task.description}"), progress.BarColumn(), *counts]
    recent = RecentRate()
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, rate=WARM_UP.get(unit, "starting …"))

        def update(done: int, total: int | None) -> None:
            now = time.monotonic()
            recent.update(done, now)
            text = _describe(recent, unit, total, now) if recent.is_warm else WARM_UP.get(unit, "starting …")
            bar.update(task, completed=done, total=total, rate=text)

        yield update


def _describe(recent: RecentRate, unit: str, total: int | None, now: float) -> str:
    """Return the rate and the remaining time as text; "" if too few passes were timed."""
    rate, remaining = recent.rate(), recent.remaining(total, now)
    parts = [f"{rate:,.3g} {unit}/s"] if rate is not None else []
    return ", ".join(parts + ([f"about {format_remaining(remaining)} left"] if remaining is not None else []))


@contextmanager
def _plain_lines(title: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    recent, last_line = RecentRate(), time.monotonic()
    warm_up = threading.Timer(WARM_UP_SECONDS, _print, (f"{title}: {WARM_UP.get(unit, 'starting …')}",))
    warm_up.daemon = True
    warm_up.start()

    def update(done: int, total: int | None) -> None:
        nonlocal last_line
        now = time.monotonic()
        recent.update(done, now)
        if recent.is_warm or done == total:
            warm_up.cancel()
        if now - last_line < PLAIN_SECONDS or not recent.is_warm:
            return
        last_line = now
        of_total = f" of {total:,}" if total else ""
        rate = _describe(recent, unit, total, now)
        _print(f"{title}: {done:,}{of_total} {unit}{', ' if rate else ''}{rate}")

    try:
        yield update
    finally:
        warm_up.cancel()


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
