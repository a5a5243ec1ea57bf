"""Tests of the verdicts on the attacks: every kind of failure is noticed."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import UserError
from tests.robustness.fork_server import ForkServer
from tests.robustness.outcomes import (
    HANG,
    KILLED,
    MEMORY,
    REFUSED,
    RIGHT,
    STOPPED,
    TRACEBACK,
    UNEXPLAINED,
    Outcome,
    judge,
    judge_call,
)
from tests.robustness.tally import LOST, Tally


def crash() -> None:
    """Raise an error that is a bug."""
    raise KeyError("x")


def end_without_a_word() -> None:
    """Exit with code 1 and no message."""
    sys.exit(1)


def chatter() -> None:
    """Refuse in far too many lines."""
    raise UserError("line\n" * 50)


def refuse() -> None:
    """Refuse with a message."""
    raise UserError("the file is damaged: restore it")


def allocate() -> None:
    """Use 300 megabytes."""
    bytearray(300 << 20)


def wait() -> None:
    """Wait for a minute."""
    time.sleep(60)


@pytest.mark.parametrize(
    ("function", "verdict"),
    [(crash, TRACEBACK), (end_without_a_word, UNEXPLAINED), (chatter, UNEXPLAINED), (refuse, REFUSED), (allocate, MEMORY),
     (wait, HANG)],
)  # fmt: skip
def test_failures_of_commands_are_noticed(
    function: Callable[[], None], verdict: str, server: ForkServer, tmp_path: Path
) -> None:
    name = f"tests.robustness.test_outcomes:{function.__name__}"
    outcome = server.run(cwd=tmp_path, call=name, timeout=2.0 if function is wait else 60.0)
    assert judge(outcome, max_megabytes=400) == verdict, outcome.describe()


@pytest.mark.parametrize(
    ("code", "err", "sent", "verdict"),
    [
        (0, "", None, RIGHT), (3, "\nStopped; every response is saved. To continue, run: x", signal.SIGINT, STOPPED),
        (3, "", signal.SIGINT, UNEXPLAINED), (3, "Stopped", None, UNEXPLAINED), (130, "", signal.SIGINT, UNEXPLAINED),
        (-9, "", signal.SIGKILL, KILLED), (-11, "", None, UNEXPLAINED), (-9, "", None, UNEXPLAINED),
        (0, "Traceback (most recent call last):", None, TRACEBACK), (2, "Usage: observers …\n\nError: no", None, REFUSED),
        (1, "note: x\nobservers: x is damaged", None, REFUSED), (1, "note: x", None, UNEXPLAINED),
    ],
)  # fmt: skip
def test_ends_are_judged(code: int, err: str, sent: int | None, verdict: str) -> None:
    assert judge(Outcome("observers x", code, "", err, 1.0, 100.0, False), sent) == verdict


def test_calls_are_judged() -> None:
    def count_forever() -> None:
        while True:
            pass

    assert judge_call(lambda: 1)[:2] == (RIGHT, 1)
    assert judge_call(crash)[0] == TRACEBACK
    assert judge_call(refuse)[0] == REFUSED
    assert judge_call(chatter)[0] == UNEXPLAINED
    assert judge_call(count_forever, seconds=0.1)[0] == HANG
    assert judge_call(wait, seconds=0.1)[0] == HANG


def test_tally_fails_with_the_failures() -> None:
    counts = Tally("an attack")
    counts.add(RIGHT, "first")
    counts.check(at_least=1)
    with pytest.raises(AssertionError, match=r"an attack: tried 1: right 1, refused 0.*expected at least 2 cases"):
        counts.check(at_least=2)
    counts.fail(LOST, "3 rows, then 2")
    with pytest.raises(AssertionError, match=r"lost 1.*\n\[lost\] 3 rows, then 2"):
        counts.check(at_least=1)
