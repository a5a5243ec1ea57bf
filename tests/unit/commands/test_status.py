"""`observers status`, and the name all-published."""

import json

import pytest

from experiments.people.collecting import collect
from experiments.running.session import run
from observers.people.participant import Participant
from observers.simulated import Biased
from observers.spec import ObserverSpec
from tests.commands import observers


def test_table_summary_and_commands(drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "the folder or trial log logs does not exist" in observers("status", code=1).stderr
    run(drawn, ObserverSpec("biased", {"shape_bias": "0.3"}), "logs", limit=40)
    run(drawn, Biased(0.5), "logs")
    collect(drawn, Participant(code="K7Q2XZ", simulate="biased", pilot=True), tmp_path / "logs", limit=3, n_practice=2)
    done = observers("status")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["experiment", "observer", "session", "trials", "state", "time", "rate", "left"]
    assert any(line.split()[:6] == ["drawn-cue-conflict", "biased-0.3", "1", "40", "of", "256"] for line in lines)
    assert "4 sessions: 2 stopped, 2 complete; 301 of 770 trials; 2 pilot sessions; 1 practice session" in lines
    assert "  observers run-experiment drawn-cue-conflict --observer biased -o shape_bias=0.3" in lines
    assert any(
        line.startswith("  observers collect drawn-cue-conflict --participant K7Q2XZ --pilot --resume")
        for line in lines
    )
    rows = json.loads(observers("status", "logs", "--json").stdout)
    assert len(rows) == 4 and {row["state"] for row in rows} == {"complete", "stopped"}


@pytest.mark.slow
def test_many_complete_sessions_are_counted(few, tmp_path):
    for i in range(42):
        run(few, Biased(i / 100), tmp_path)
    run(few, Biased(0.9), tmp_path, limit=2)
    short = observers("status", tmp_path).stdout
    assert short.startswith("few: 42 sessions complete\n") and short.count("\nfew  ") == 1
    assert observers("status", tmp_path, "--all").stdout.count("\nfew  ") == 43


def test_shards_and_their_merge(few, tmp_path):
    spec = ObserverSpec("biased")
    for index in (1, 2, 4):
        run(few, spec, tmp_path, shard=(index, 5))
    done = observers("status", tmp_path).stdout
    assert "3 of 5 shards" in done and "--shard I/5" in done
    assert "(I in few_biased-0.5_session-1: 3,5)" in done


def test_errors_are_shown(few, tmp_path):
    path = run(few, Biased(0.9), tmp_path, limit=2)
    path.with_suffix(".json").write_text("{")
    done = observers("status", tmp_path).stdout
    assert "damaged: the sidecar cannot be read" in done and f"{path}: the sidecar" in done


def test_all_published(small_data, tmp_path, monkeypatch):
    done = observers("run-experiment", "all-published", "-m", "ideal", "--limit", 3, "--out", tmp_path / "logs")
    assert done.stdout.count("log: ") == 1 and "cue-conflict_ideal_session-1.csv" in done.stdout
    assert "16 of the 17 published datasets are not on this machine: colour," in done.stderr
    assert "to download them: observers fetch colour" in done.stderr
    assert "The run continues with the other 1." in done.stderr
    runs = tmp_path / "runs.toml"
    runs.write_text('[[runs]]\nexperiments = ["all-published"]\nobservers = ["ideal"]\nlimit = 3\n')
    assert observers("run-experiment", "--runs", runs, "--out", tmp_path / "two").stdout.count("log: ") == 1
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "nothing"))
    refused = observers("run-experiment", "all-published", "-m", "ideal", "--out", tmp_path / "logs", code=1)
    assert "the images of the 17 published datasets are not on this machine" in refused.stderr
    assert "observers fetch all-published" in refused.stderr


def test_results_and_estimates_as_json(tmp_path):
    words = ["run-experiment", "drawn-cue-conflict", "microcosm-edge", "-m", "ideal", "--limit", 4, "--out", tmp_path]
    estimates = json.loads(observers(*words, "--dry-run", "--json").stdout)
    assert [(row["experiment"], row["n_trials"]) for row in estimates] == [
        ("drawn-cue-conflict", 4),
        ("microcosm-edge", 4),
    ]
    result = json.loads(observers(*words, "--json", "-q").stdout)
    assert len(result["logs"]) == 2 and all(path.startswith(str(tmp_path)) for path in result["logs"])
    assert result["results"]["drawn-cue-conflict"][0]["shape_bias"] == 1.0
    assert result["results"]["microcosm-edge"][0]["accuracy"] == 1.0


def test_exit_codes_are_documented():
    text = " ".join(observers("--help").stdout.split())
    assert "Exit codes: 0 if the command succeeded; 1 if it was refused or failed" in text
    assert "3 if it was stopped, or work remains, and the same command continues it" in text


def test_check_observer_as_json():
    rules = json.loads(observers("check-observer", "ideal", "--json").stdout)
    assert len(rules) > 4 and all(rule["passed"] for rule in rules)


def test_families_are_shown_with_their_example():
    assert "--observer hf:microsoft/resnet-50" in observers("show", "hf").stdout
