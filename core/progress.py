"""Report the progress of long computations: a rich progress bar on a terminal, occasional plain lines elsewhere.

Both show the recent rate and, as soon as two passes were timed (see `core.rate`), the remaining time. Before the first step
is finished, they show that the computation is starting.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.rate import RecentRate, format_remaining

PLAIN_SECONDS = 10.0  # minimum time between two plain lines
WARM_UP_SECONDS = 3.0  # time after which a plain line says that the first step is not finished yet
WARM_UP = {"trials": "loading …", "bytes": "connecting …"}  # unit -> what is done before the first step
Progress = Callable[[int, int | None], None]  # called with (n_done, n_total); n_total is None if it is unknown


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
