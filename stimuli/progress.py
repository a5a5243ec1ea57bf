"""Progress of long work: a rich bar on a terminal, a plain line now and then elsewhere, each with a rate and time left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PLAIN_SECONDS = 10.0  # between two plain lines
Progress = Callable[[int, int | None], None]  # done, total


@contextmanager
def progress_bar(title: str, unit: str, *, quiet: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """A function to call with (done, total) as often as one likes; it draws to stderr. `unit` is what is counted."""
    if quiet:
        yield lambda done, total: None
    elif sys.stderr.isatty():
        with _bar(title, unit) as update:
            yield update
    else:
        yield _plain(title, unit)


@contextmanager
def _bar(title: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
    from rich import progress
    from rich.console import Console

    count = (
        [progress.DownloadColumn(), progress.TransferSpeedColumn()]
        if unit == "bytes"
        else [progress.MofNCompleteColumn(), progress.TextColumn("{task.fields[rate]}")]
    )
    columns = [progress.TextColumn("{task.description}"), progress.BarColumn(), *count, progress.TimeRemainingColumn()]
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, rate="")

        def update(done: int, total: int | None) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:.1f} {unit}/s" if speed else "")

        yield update


def _plain(title: str, unit: str) -> Callable[[int, int | None], None]:
    start, said, first = time.monotonic(), time.monotonic(), -1

    def update(done: int, total: int | None) -> None:
        nonlocal said, first
        now = time.monotonic()
        first = done if first < 0 else first  # what a former run did says nothing about speed
        if now - said < PLAIN_SECONDS:
            return
        said = now
        rate = (done - first) / (now - start)
        left = f", about {(total - done) / rate:.0f} s left" if total and rate else ""
        of = f" of {total:,}" if total else ""
        print(f"{title}: {done:,}{of} {unit}, {rate:,.3g}/s{left}", file=sys.stderr, flush=True)

    return update
