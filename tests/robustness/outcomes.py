"""How a command ended, and whether this is acceptable.

A command may give the right result, or refuse its input with a message. Everything else is a failure: a traceback,
a crash, more time or memory than allowed, or an end without an explanation.
"""

import re
import signal
import traceback
import warnings
from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

from core.errors import UserError

T = TypeVar("T")

RIGHT, REFUSED, STOPPED, KILLED = "right", "refused", "stopped", "killed"
TRACEBACK, HANG, MEMORY, UNEXPLAINED = "traceback", "hang", "memory", "unexplained"
ACCEPTABLE = (RIGHT, REFUSED, STOPPED, KILLED)
MAX_LINES, MAX_CHARACTERS = 8, 6000  # of a refusal, without notes and progress
MAX_MEGABYTES = 2000  # largest resident memory of a command that does not load a network
TRACES = ("Traceback (most recent call last)", "Fatal Python error", "panicked at", "Exception ignored in")
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class _TookTooLong(BaseException):
    """Raised in a call that exceeds its time limit; not an Exception, so that the code under test does not catch it."""


@frozen
class Outcome:
    """The end of a process.

    Attributes:
        command: The command, which can be run again.
        code: The exit code, or the negative number of the signal that ended the process.
        out: The standard output.
        err: The standard error.
        seconds: The time that the process ran, in seconds.
        megabytes: The largest resident memory, in megabytes.
        hung: Whether the process was killed after the time limit.
    """

    command: str
    code: int
    out: str
    err: str
    seconds: float
    megabytes: float
    hung: bool

    def describe(self) -> str:
        """Return the command and how it ended, for the message of a failed test."""
        return f"{self.command}\n  exit code {self.code} after {self.seconds:.1f} s\n  {self.err[-1500:]}"


def judge(outcome: Outcome, sent: int | None = None, max_megabytes: float = MAX_MEGABYTES) -> str:
    """Return the verdict on how a command ended.

    Args:
        outcome: The end of the command.
        sent: The signal that was sent to the command, or None.
        max_megabytes: The largest acceptable resident memory.

    Returns:
        RIGHT for exit code 0, REFUSED for exit code 1 or 2 with an explanation, STOPPED for exit code 3 after SIGINT or
        SIGTERM with the message on how to continue, KILLED if the signal that was sent ended the process, or the name
        of a failure.
    """
    if outcome.hung:
        return HANG
    if any(trace in outcome.err or trace in outcome.out for trace in TRACES):
        return TRACEBACK
    if outcome.megabytes > max_megabytes:
        return MEMORY
    if outcome.code == 0:
        return RIGHT
    if sent is not None and outcome.code == -sent:
        return KILLED
    if sent in (signal.SIGINT, signal.SIGTERM) and outcome.code == 3:
        return STOPPED if "Stopped" in outcome.err else UNEXPLAINED
    return REFUSED if outcome.code in (1, 2) and is_explained(outcome.err) else UNEXPLAINED


def is_explained(err: str) -> bool:
    """Return whether standard error ends with a short message from the command line, after notes and progress."""
    lines = [line for line in ESCAPES.sub("", err).splitlines() if line.strip()]
    begin = next((i for i, line in enumerate(lines) if line.startswith(("observers: ", "Usage: "))), None)
    if begin is None:
        return False
    message = lines[begin:]
    return len(message) <= MAX_LINES and len("".join(message)) <= MAX_CHARACTERS


def judge_call(function: Callable[[], T], seconds: float = 20.0) -> tuple[str, T | None, str]:
    """Call a function of the project in this process.

    Args:
        function: The function.
        seconds: Limit of the processor time. A call that waits for something may take six times as long.

    Returns:
        The verdict; the result, or None; and the message of the error, or "". RIGHT if the function returns,
        REFUSED for a UserError with a message of acceptable length, HANG after the time limit, and TRACEBACK for any
        other exception.
    """

    def interrupt(*_: object) -> None:
        raise _TookTooLong

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, 6 * seconds)}
    previous = {number: signal.signal(number, interrupt) for number in timers}
    for timer, limit in timers.values():
        signal.setitimer(timer, limit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning does not stop a command
            return RIGHT, function(), ""
    except UserError as error:
        text = str(error)
        short = len(text) <= MAX_CHARACTERS and text.count("\n") < MAX_LINES
        return REFUSED if text and short else UNEXPLAINED, None, text
    except _TookTooLong:
        return HANG, None, f"no result after {seconds:g} s"
    except Exception:
        return TRACEBACK, None, traceback.format_exc(limit=-4)
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, previous[number])
