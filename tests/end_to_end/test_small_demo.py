"""The demonstration with one model and few recordings; test_demo.py runs all of it."""

import json
import os
import shutil

import pytest

from experiments import demo
from stimuli.published import included
from tests.commands import observers


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
    assert "observers run-experiment microcosm-cue-conflict --observer microcosm-cnn --out demo/logs" in (
        observers("status", "demo/logs").stdout
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
