"""The progress of participants in browsers in the terminal: a line for each participant, or bars on a terminal."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from experiments.people.person_status import PersonStatus

LINE_SECONDS = 10.0  # minimum time between two lines about the trials of one participant
MAX_BARS = 10  # largest number of bars at the same time
Watch = Callable[[Sequence[PersonStatus]], None]  # called with the status of every participant
_EVENTS = {
    "opened": "has opened the page", "consented": "has consented", "declined": "declined to take part",
    "practice": "has begun the practice",
}  # fmt: skip


@contextmanager
def person_progress(*, quiet: bool = False) -> Iterator[Watch]:
    """Provide a function that shows the progress of all participants on stderr; call it several times a second.

    Args:
        quiet: Show nothing.
    """
    if quiet:
        yield lambda people: None
    elif sys.stderr.isatty():
        yield from _bars()
    else:
        lines = PersonLines(lambda line: print(line, file=sys.stderr, flush=True))
        yield lines.update


class PersonLines:
    """Prints a line when a participant begins something else, and from time to time about the trials."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._stages: dict[str, str] = {}
        self._lines: dict[str, tuple[int, float]] = {}  # number of trials in the last line, and its time

    def update(self, people: Sequence[PersonStatus]) -> None:
        """Print what has changed since the last call."""
        now = time.monotonic()
        for person in people:
            is_new = self._stages.get(person.code, "invited") != person.stage
            self._stages[person.code] = person.stage
            n, since = self._lines.get(person.code, (0, -LINE_SECONDS))
            is_counted = person.stage in ("trials", "finished")
            if is_counted and person.n_done != n and (is_new or now - since >= LINE_SECONDS):
                self._lines[person.code] = person.n_done, now
                self._write(describe_trials(person, people))
            elif is_new and person.stage in _EVENTS:
                self._write(f"{person.code} {_EVENTS[person.stage]}")


def describe_trials(person: PersonStatus, people: Sequence[PersonStatus]) -> str:
    """Return how many trials a participant has answered, and of several participants also all of them."""
    end = ", finished" if person.stage == "finished" else ""
    everybody = ""
    if len(people) > 1:
        n_done, n_total = sum(p.n_answered for p in people), sum(p.n_trials for p in people)
        everybody = f" ({n_done:,} of {n_total:,} trials of all {len(people)} participants)"
    return f"{person.code}: {person.n_answered:,} of {person.n_trials:,} trials{end}{everybody}"


def _bars() -> Iterator[Watch]:
    """Provide a function that shows a bar for each participant in the session, and one for all participants."""
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"), progress.BarColumn(), progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[state]}"),
    )  # fmt: skip
    display = progress.Progress(*columns, console=Console(stderr=True))
    tasks: dict[str, progress.TaskID] = {}

    def update(people: Sequence[PersonStatus]) -> None:
        active = [person for person in people if person.idle_seconds is not None or person.n_answered]
        if not active:
            return
        if not tasks:  # from now on, so that the links above are printed first
            display.start()
            if len(people) > 1:
                tasks[""] = display.add_task(f"all {len(people)}", total=None, state="")
        latest = sorted(active, key=lambda person: (person.stage == "finished", person.idle_seconds or 0.0))[:MAX_BARS]
        shown = {person.code for person in latest}
        for person in active:
            if person.code not in tasks:
                tasks[person.code] = display.add_task(person.code, total=None, state="")
            display.update(
                tasks[person.code], completed=person.n_done, total=person.n_total, state=person.stage,
                visible=person.code in shown,
            )  # fmt: skip
        if "" in tasks:
            n_done, n_total = sum(p.n_answered for p in people), sum(p.n_trials for p in people)
            display.update(tasks[""], completed=n_done, total=n_total)

    try:
        yield update
    finally:
        if tasks:
            display.stop()
