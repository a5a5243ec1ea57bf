"""Report the progress of long computations: a rich progress bar on a terminal, occasional plain lines elsewhere.

Both show the rate and the remaining time.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PLAIN_SECONDS = 10.0  # minimum time between two plain lines
Progress = Callable[[int, int | None], None]  # called with (n_done, n_total); n_total is None if it is unknown


@contextmanager
def progress_bar(title: str, unit: str, *, quiet: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """Provide a function that reports progress on stderr; call it with (n_done, n_total) after every step.

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
        yield _plain_lines(title, unit)


@contextmanager
def _rich_bar(title: str, unit: str) -> Iterator[Callable[[int, int | None], None]]:
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


def _plain_lines(title: str, unit: str) -> Callable[[int, int | None], None]:
    start = last_line = time.monotonic()
    n_before = -1  # steps that an earlier run has done, which the rate excludes; -1 before the first update

    def update(done: int, total: int | None) -> None:
        nonlocal last_line, n_before
        now = time.monotonic()
        n_before = done if n_before < 0 else n_before
        if now - last_line < PLAIN_SECONDS:
            return
        last_line = now
        rate = (done - n_before) / (now - start)
        remaining = f", about {(total - done) / rate:.0f} s left" if total and rate else ""
        of_total = f" of {total:,}" if total else ""
        print(f"{title}: {done:,}{of_total} {unit}, {rate:,.3g}/s{remaining}", file=sys.stderr, flush=True)

    return update
