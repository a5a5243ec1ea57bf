"""The demonstration with one model and few recordings; tests/end_to_end/test_demo.py runs all of it."""

import json
import os
import shutil

import pytest

from commands.running.demo import _describe_comparisons
from core.errors import LogError
from experiments import demo
from experiments.demo import Comparison, compare_with_recording
from experiments.recordings import unpack_recording
from stimuli.published import included
from tests.commands import observers
from tests.hand_computation import read_csv


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Let one model answer two trials, and use the recordings of two experiments."""
    monkeypatch.setattr(demo, "LIVE_TRIALS", {"microcosm-cnn": 2})
    monkeypatch.setattr(demo, "EXPLAINED", ("microcosm-cnn", "microcosm-cnn-noise-train"))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # a second process would not see these small recordings
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "no data"))
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("microcosm-cue-conflict", "microcosm-edge"):
        for path in included.FOLDERS["microcosm"].glob(f"{name}.*"):
            shutil.copy(path, folder)
    monkeypatch.setattr(included, "FOLDERS", {"microcosm": folder})
    return folder


@pytest.mark.usefixtures("empty_figures")
def test_a_small_demo_compares_responses_and_writes_a_report(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = observers("demo", "--out", "demo", "--quiet").stdout
    lines = output.splitlines()
    assert lines[0] == "This demo takes about one minute on two processor cores:"
    assert "2. All 2 live responses equal the recorded ones." in lines
    assert any(line.startswith("   Shape or texture? ") for line in lines)
    assert "report: demo/report/index.html" in lines
    assert "observers fetch cue-conflict humans networks vlm" in lines[-1]
    page = (tmp_path / "demo" / "report" / "index.html").read_text("utf-8")
    assert (
        "A trial on which observers disagree" in page and "simulated" not in page.partition("<main>")[2].lower()[:4000]
    )
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "demo" / "report").rglob("*")}
    again = observers("demo", "--out", "demo", "--quiet").stdout
    assert "2 trials, answered by an earlier run" in again and "   The report is complete." in again
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "demo" / "report").rglob("*")} == before
    (tmp_path / "demo" / "demo.json").write_text("damaged")
    assert "The report was written" in observers("demo", "--out", "demo", "--quiet").stdout
    assert set(json.loads((tmp_path / "demo" / "demo.json").read_text())) == {"report"}


@pytest.mark.usefixtures("empty_figures")
def test_the_demo_has_a_part_with_people_where_their_data_are(small, small_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "PEOPLE_OBSERVER", "ideal")
    output = observers("demo", "--out", "demo", "--quiet", "-m", "ideal", "--limit", "1").stdout
    assert "4. A report on people, networks and vision-language models" in output
    assert "report with people: demo/people-report/index.html" in output
    assert "   ideal: " in output and "2. The live response equals the recorded one." in output
    assert (tmp_path / "demo" / "people-report" / "index.html").is_file()
    again = observers("demo", "--out", "demo", "--quiet", "-m", "ideal", "--limit", "1").stdout
    assert again.count("The report of an earlier run is up to date.") == 1


def test_live_responses_are_compared_trial_by_trial(small, tmp_path):
    log = unpack_recording("microcosm-cue-conflict", "microcosm-cnn", tmp_path / "logs")
    n = len(read_csv(log))
    assert compare_with_recording(log, "microcosm-cnn") == Comparison("microcosm-cnn", n, (), 0)
    rows = log.read_text().splitlines(keepends=True)
    row = read_csv(log)[0]
    changed = rows[1].replace(f",{row['response']},", ",nothing,", 1) if row["response"] != row["category"] else None
    other = rows[1].replace(row["stimulus"], "new.png")
    log.write_text(rows[0] + (changed or rows[1]) + other)
    comparison = compare_with_recording(log, "microcosm-cnn")
    assert comparison.n_unrecorded == 1
    assert len(comparison.differences) == (1 if changed else 0)
    text = _describe_comparisons([Comparison("net", 3, ("trial 4 (a.png): cat live, dog recorded",), 2)])
    assert text.startswith("3 of 4 live responses equal the recorded ones. The others differ")
    assert "   net, trial 4 (a.png): cat live, dog recorded" in text and "2 live responses were not recorded" in text
    assert "cannot be compared" in _describe_comparisons([Comparison("net", 0, (), 2)])


def test_an_unknown_recording_is_refused(small, tmp_path):
    with pytest.raises(LogError, match="has no recorded trials of ideal in microcosm-edge"):
        unpack_recording("microcosm-edge", "ideal", tmp_path)
    with pytest.raises(LogError, match="has no recorded trials of microcosm-cnn in nothing"):
        unpack_recording("nothing", "microcosm-cnn", tmp_path)
