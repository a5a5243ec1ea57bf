"""Progress is a bar on a terminal, and a line from time to time elsewhere."""

import io
import sys
import time

import pytest

from core import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("unit", "expected"), [("images", "3/4"), ("bytes", "3/4 bytes")])
def test_a_terminal_shows_a_bar(unit, expected, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress.progress_bar("drawing", unit) as update:
        for i in range(4):
            update(i, 4)
    text = sys.stderr.getvalue()
    assert "drawing" in text and expected in text


def test_elsewhere_lines_have_a_rate_and_the_remaining_time(monkeypatch, capsys):
    times = iter([0.0, 0.0, 60.0, 60.001, 71.0, 82.0, 83.0, 93.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with progress.progress_bar("drawing", "images") as update:
        update(10, 100)  # an earlier run has made these
        update(11, 100)  # after a minute of warm-up
        update(20, 100)
        update(21, 100)
        update(31, 100)
        update(32, 100)  # less than ten seconds later
        update(41, None)
    assert capsys.readouterr().err.splitlines() == [
        "drawing: 11 of 100 images",
        "drawing: 21 of 100 images",
        "drawing: 31 of 100 images, 0.909 images/s, about 75 s left",
        "drawing: 41 images, 0.909 images/s",
    ]


def test_a_long_warm_up_is_shown(monkeypatch, capsys):
    monkeypatch.setattr(progress, "WARM_UP_SECONDS", 0.01)
    with progress.progress_bar("cue-conflict · net", "trials") as update:
        update(0, 10)
        time.sleep(0.2)
        update(1, 10)
    assert capsys.readouterr().err == "cue-conflict · net: loading …\n"


def test_a_short_warm_up_is_not_shown(monkeypatch, capsys):
    monkeypatch.setattr(progress, "WARM_UP_SECONDS", 0.2)
    with progress.progress_bar("a", "images") as update:
        update(0, 10)
        update(1, 10)
        time.sleep(0.3)
    with progress.progress_bar("b", "images") as update:
        update(10, 10)  # an earlier run has made all of them
        time.sleep(0.3)
    assert capsys.readouterr().err == ""


def test_quiet_shows_nothing(capsys):
    with progress.progress_bar("drawing", "images", quiet=True) as update:
        update(1, 2)
    assert capsys.readouterr() == ("", "")
