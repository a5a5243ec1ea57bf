"""Progress is a bar on a terminal, and a line from time to time elsewhere."""

import io
import sys

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
    times = iter([0.0, 1.0, 11.0, 12.0, 21.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    with progress.progress_bar("drawing", "images") as update:
        update(10, 100)  # an earlier run has made these
        update(21, 100)
        update(22, 100)  # less than ten seconds later
        update(31, None)
    assert capsys.readouterr().err == ("drawing: 21 of 100 images, 1/s, about 79 s left\ndrawing: 31 images, 1/s\n")


def test_quiet_shows_nothing(capsys):
    with progress.progress_bar("drawing", "images", quiet=True) as update:
        update(1, 2)
    assert capsys.readouterr() == ("", "")
