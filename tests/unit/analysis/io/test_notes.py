"""Notes of tables: they are warnings in Python, remain in attrs, and do not disturb what one does with a table."""

import pickle
import subprocess
import sys
import warnings

import pandas as pd
import pytest

from analysis import DataWarning, accuracy, independence_test, read_trials, write_report
from analysis.io.notes import add_notes, hide_warnings
from experiments import run
from observers import make_observer
from tests.test_layers import ROOT


@pytest.fixture
def log(small, tmp_path):
    return run(small, make_observer("ideal"), tmp_path / "logs", limit=3)


def test_notes_of_a_frame_are_warnings_at_the_line_of_the_caller(log):
    with pytest.warns(DataWarning) as caught:
        frame = read_trials(log)
    assert [str(warning.message) for warning in caught] == frame.attrs["notes"]
    assert frame.attrs["notes"][0] == "incomplete: small_ideal_session-1.csv has only 3 of 32 trials"
    assert {warning.filename for warning in caught} == {__file__}


def test_exclusions_by_a_measure_are_warnings(log):
    with hide_warnings():
        frame = read_trials(log)
    with pytest.warns(DataWarning, match="datasets are excluded because no two observers responded") as caught:
        table = independence_test(frame)
    assert len(table) == 0 and [str(warning.message) for warning in caught] == table.attrs["notes"]
    with warnings.catch_warnings(record=True) as caught_by_accuracy:
        warnings.simplefilter("always")
        accuracy(frame)  # excludes nothing
    assert caught_by_accuracy == []


@pytest.mark.slow
def test_code_that_shows_the_notes_hides_the_warnings(log, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        with pytest.raises(DataWarning, match="has only 3 of 32 trials"):
            read_trials(log)
        with hide_warnings():
            frame = read_trials(log)
        page = write_report(frame, str(tmp_path / "report"))
    assert "has only 3 of 32 trials" in page.read_text("utf-8")


@pytest.mark.slow
def test_commands_print_notes_once_and_no_warnings(log):
    command = [sys.executable, "-m", "cli", "analyze", "accuracy", str(log)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [
        "note: incomplete: small_ideal_session-1.csv has only 3 of 32 trials",
        "note: simulated observers are included (their responses are not measurements): ideal",
    ]


def test_tables_with_notes_can_be_shown_joined_and_pickled(log):
    frame = read_trials(log)
    other = frame.assign(observer="other")
    add_notes(other, ["a different note"])
    assert "ideal" in frame._repr_html_() and "ideal" in repr(frame)
    assert list(pd.concat([frame, other])["observer"]) == ["ideal"] * 3 + ["other"] * 3
    back = pickle.loads(pickle.dumps(frame))
    pd.testing.assert_frame_equal(back, frame)
    assert back.attrs == frame.attrs
    assert frame.merge(other, on="trial").shape[0] == 3 and frame.groupby("observer").size().item() == 3


def test_intervals_are_columns(log):
    assert {"low", "high"} <= set(accuracy(read_trials(log)).columns)


def test_a_table_of_a_measure_does_not_repeat_the_notes_of_the_frame(log):
    assert not accuracy(read_trials(log)).attrs.get("notes")


def test_measures_set_their_notes_with_add_notes():
    """Notes that a measure assigns to attrs would not be shown as warnings."""
    exceptions = {"notes.py", "frame.py", "answerable.py", "extras.py", "exclusions.py"}  # these pass notes on
    files = [path for path in (ROOT / "analysis").rglob("*.py") if path.name not in exceptions]
    assert len(files) > 50 and [path for path in files if 'attrs["notes"] =' in path.read_text("utf-8")] == []
    assert [path for path in files if '"notes": list' in path.read_text("utf-8")] == []
