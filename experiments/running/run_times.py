"""How long the runs of a session took, for the entry `runs` of its sidecar.

A session that is stopped and resumed has several runs. The entry is a list with one object per run: the number of trials
that were logged (`n_trials`), the duration in seconds, which includes the time in which the observer was loaded (`seconds`),
and the number of trials per second over the last RECENT_SECONDS of the run (`recent_rate`; null if it is not known).
"""

import time
from collections import deque
from typing import Any

from attrs import define, field

RECENT_SECONDS = 300.0  # the rate is that of the last five minutes, because workers return trials in units
MIN_SECONDS = 1.0  # a rate over a shorter time is not computed
MIN_STEP = 0.5  # seconds between two counts that are remembered


@define(eq=False)
class RunTimes:
    """The times of the run that is writing a log.

    Attributes:
        n_before: Number of trials that the log had at the start of the run.
        started: Time of the start, in seconds of the monotonic clock.
    """

    n_before: int
    started: float = field(factory=time.monotonic)
    _counts: deque[tuple[float, int]] = field(factory=deque)

    def add(self, n_logged: int) -> None:
        """Note that the log has a further trial. The time until the first trial is not part of the recent rate."""
        now = time.monotonic()
        if self._counts and now - self._counts[-1][0] < MIN_STEP:
            return
        self._counts.append((now, n_logged))
        while now - self._counts[0][0] > RECENT_SECONDS and len(self._counts) > 2:
            self._counts.popleft()

    def describe(self, n_logged: int) -> dict[str, Any]:
        """Return the object that describes this run."""
        now, rate = time.monotonic(), None
        if self._counts and n_logged - self._counts[0][1] > 1 and now - self._counts[0][0] >= MIN_SECONDS:
            rate = round((n_logged - self._counts[0][1]) / (now - self._counts[0][0]), 4)
        return {"n_trials": n_logged - self.n_before, "seconds": round(now - self.started, 1), "recent_rate": rate}
