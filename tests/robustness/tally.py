"""Counts of what was tried in a test, and the line that summarizes them at the end of the test run.

The environment variable OBSERVERS_ROBUSTNESS=full selects the full numbers of cases; without it, the tests try a sample.
OBSERVERS_ROBUSTNESS_SEED is the seed of all random choices (default 0).
"""

import os
import random
from collections import Counter

from tests.robustness.outcomes import ACCEPTABLE, HANG, KILLED, MEMORY, REFUSED, RIGHT, STOPPED, TRACEBACK, UNEXPLAINED

FULL = os.environ.get("OBSERVERS_ROBUSTNESS") == "full"
SEED = int(os.environ.get("OBSERVERS_ROBUSTNESS_SEED", "0"))
LOST, DOUBLED, SILENT, LITTER = "lost", "doubled", "silent", "litter"
MAX_SHOWN, MAX_DESCRIPTION = 12, 1200  # failures in the message of a failed test, and characters of each


def count(full: int, sample: int) -> int:
    """Return the number of cases to try: `full` with OBSERVERS_ROBUSTNESS=full, otherwise `sample`."""
    return full if FULL else sample


class Tally:
    """The verdicts on the cases of one test.

    Attributes:
        name: What was attacked.
        rng: Generator of the random choices of the test.
        line: The summary, once `check` was called.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.rng = random.Random(f"{SEED} {name}")
        self.line: str | None = None
        self._counts: Counter[str] = Counter()
        self._n_tried = 0
        self._failures: list[str] = []

    def add(self, verdict: str, description: str) -> str:
        """Count a case, and return its verdict. The description is shown if the verdict is not acceptable."""
        self._n_tried += 1
        self._counts[verdict] += 1
        if verdict not in ACCEPTABLE:
            self._failures.append(f"[{verdict}] {description[:MAX_DESCRIPTION]}")
        return verdict

    def fail(self, verdict: str, description: str) -> None:
        """Count a failure of a case that was already added, such as a row that a later comparison does not find."""
        self._counts[verdict] += 1
        self._failures.append(f"[{verdict}] {description[:MAX_DESCRIPTION]}")

    def summary(self) -> str:
        """Return the counts in one line."""
        counts = self._counts
        parts = [f"right {counts[RIGHT]}", f"refused {counts[REFUSED]}"]
        parts += [f"{name} {counts[name]}" for name in (STOPPED, KILLED) if counts[name]]
        parts += [f"tracebacks {counts[TRACEBACK]}", f"hangs {counts[HANG]}"]
        parts += [f"{name} {counts[name]}" for name in (LOST, DOUBLED, SILENT)]
        parts += [f"{name} {counts[name]}" for name in (MEMORY, UNEXPLAINED, LITTER) if counts[name]]
        return f"{self.name}: tried {self._n_tried}: {', '.join(parts)} (seed {SEED})"

    def check(self, at_least: int) -> None:
        """Fail the test if any case failed, or if fewer cases than `at_least` were tried."""
        self.line = self.summary()
        shown = "\n".join(self._failures[:MAX_SHOWN])
        more = len(self._failures) - MAX_SHOWN
        assert not self._failures, f"{self.line}\n{shown}" + (f"\n… and {more} more" if more > 0 else "")
        assert self._n_tried >= at_least, f"{self.line}: expected at least {at_least} cases"
