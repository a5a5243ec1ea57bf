"""run-experiment with several experiments, with a file of runs, and on workers."""

import json

import pytest

from tests.commands import observers
from tests.unit.experiments.running.workers_here import MINE


@pytest.mark.slow
def test_several_experiments_and_observers_on_workers(tmp_path):
    words = [
        "drawn-cue-conflict",
        "microcosm-edge",
        "-m",
        "ideal",
        "-m",
        "biased",
        "-o",
        "shape_bias=0.3",
        "--limit",
        20,
    ]
    one = observers("run-experiment", *words, "--out", tmp_path / "one")
    assert one.stdout.count("log: ") == 4 and one.stdout.count("accuracy") == 1
    two = observers("run-experiment", *words, "--out", tmp_path / "two", "--workers", 2)
    logs = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.csv"))
    assert len(logs) == 4
    assert [(tmp_path / "two" / log).read_bytes() for log in logs] == [
        (tmp_path / "one" / log).read_bytes() for log in logs
    ]
    begin, end = two.stderr.split("experiment          observer    done  left")[1:]
    assert begin.splitlines()[1:5] == [
        "drawn-cue-conflict  ideal          0    20",
        "drawn-cue-conflict  biased-0.3     0    20",
        "microcosm-edge      ideal          0    20",
        "microcosm-edge      biased-0.3     0    20",
    ]
    assert end.count("   20     0") == 4
    again = observers("run-experiment", *words, "--out", tmp_path / "two", "--workers", 1, "--quiet")
    assert again.stdout.replace("two", "one") == one.stdout and "done" not in again.stderr


def test_runs_of_a_file(tmp_path):
    path = tmp_path / "runs.toml"
    path.write_text('[[runs]]\nexperiments = ["drawn-cue-conflict"]\nobservers = ["ideal", "chance"]\nlimit = 5\n')
    done = observers("run-experiment", "--runs", path, "--out", tmp_path / "logs")
    assert done.stdout.count("log: ") == 2
    for words in (["x"], ["-m", "ideal"], ["-o", "a=b"], ["--all"]):
        refused = observers("run-experiment", "--runs", path, *words, code=2)
        assert "it cannot be combined with EXPERIMENT, --all, --observer or -o" in refused.stderr


@pytest.mark.slow
def test_all_experiments_with_images_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OBSERVERS_DATA", str(tmp_path / "data"))
    nothing = observers("run-experiment", "--all", "-m", "ideal", "--out", tmp_path, code=2)
    assert "name at least one experiment, or use --all" in nothing.stderr
    observers("run-experiment", "drawn-cue-conflict", "-m", "ideal", "--limit", 3, "--out", tmp_path)
    done = observers("run-experiment", "--all", "-m", "ideal", "--limit", 4, "--out", tmp_path)
    assert done.stdout.count("log: ") == 1 and "drawn-cue-conflict_ideal_session-1.csv" in done.stdout
    assert "experiments are omitted, because their images are not on this machine: colour" in done.stderr


def test_without_observer_or_experiment():
    assert "name at least one observer" in observers("run-experiment", "drawn-cue-conflict", code=2).stderr
    assert "name at least one experiment" in observers("run-experiment", "-m", "ideal", code=2).stderr


def test_combinations_of_workers_that_are_refused(tmp_path, monkeypatch):
    words = ["run-experiment", "drawn-cue-conflict", "-m", "ideal", "--out", tmp_path, "--limit", 2]
    for other in (["--workers", 2], ["--gpus", "all"]):
        refused = observers(*words, "--scheduler", "tcp://localhost:1", *other, code=2)
        assert "it cannot be combined with --workers or --gpus" in refused.stderr
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert "--gpus must be all, or some of 2,3" in observers(*words, "--gpus", "0", code=1).stderr
    observers(*words, "--workers", 0, code=2)


def test_time_limit_needs_workers(tmp_path):
    words = ["run-experiment", "drawn-cue-conflict", "-m", "ideal", "--out", tmp_path, "--time-limit", 3]
    assert "it needs --workers, --gpus or --scheduler" in observers(*words, code=2).stderr


def test_an_error_stops_only_its_session(tmp_path):
    source = MINE.replace("from beside import SCALE", "SCALE = 1")
    (tmp_path / "mine.py").write_text(source.replace("trial.choices[int(evidence.argmax())]", "'zebra'"))
    words = ["drawn-cue-conflict", "-m", f"{tmp_path}/mine.py:Mine", "-m", "ideal", "--limit", 3, "--out", tmp_path]
    done = observers("run-experiment", *words, code=1)
    assert "observers: drawn-cue-conflict, mine: " in done.stderr
    assert "1 of 2 sessions were stopped by an error, and all others were run" in done.stderr
    assert len(list(tmp_path.rglob("*_ideal_session-1.csv"))) == 1


ENVIRONMENT = """
import os, sys
from attrs import frozen
from observers.protocol import Response

assert "torch" not in sys.modules, "torch was imported before the observer"

@frozen
class Gpu:
    name: str = "gpu"
    kind: str = "discriminative"

    def observe(self, trials):
        for trial in trials:
            yield Response(None, n_evaluations=int(os.environ["CUDA_VISIBLE_DEVICES"]))

    def provenance(self):
        return {}
"""


@pytest.mark.slow
def test_each_gpu_has_a_process(tmp_path, monkeypatch):
    """Without a GPU, what can be tested is what the processes see."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    (tmp_path / "gpu.py").write_text(ENVIRONMENT)
    name = f"{tmp_path}/gpu.py:Gpu"
    monkeypatch.delitem(__import__("sys").modules, "torch", raising=False)
    observers("run-experiment", "drawn-cue-conflict", "-m", name, "--out", tmp_path, "--gpus", "all", "--quiet")
    (log,) = (tmp_path / "drawn-cue-conflict").glob("*.csv")
    column = log.read_text().splitlines()[0].split(",").index("n_evaluations")
    assert {line.split(",")[column] for line in log.read_text().splitlines()[1:]} == {"2", "3"}


@pytest.mark.slow
def test_failed_trials_give_exit_code_3_and_errors_give_1(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "beside.py").write_text("SCALE = 0.1\n")
    name, out = f"{tmp_path}/mine.py:Mine", tmp_path / "logs"
    observers("run-experiment", "drawn-cue-conflict", "-m", "ideal", "--limit", 1, "--out", tmp_path)
    (sidecar,) = (tmp_path / "drawn-cue-conflict").glob("*.json")
    first = (sidecar.with_suffix(".csv")).read_text().splitlines()[1].split(",")[6]
    assert json.loads(sidecar.read_text())["identity"]["seed"] == 0
    words = ["run-experiment", "drawn-cue-conflict", "-m", name, "-m", "ideal", "-o", f"fail={first}", "--out", out]
    done = observers(*words, "--workers", 2, "--limit", 60, code=3)
    assert "_mine_session-1.csv failed twice: process" in done.stderr and "raised ValueError: cannot see" in done.stderr
    assert "To continue, run the same command again." in done.stderr
    (tmp_path / "mine.py").write_text(MINE.replace("ValueError", "__import__('core.errors').errors.UserError"))
    done = observers(*words, "--workers", 2, "--session", 2, "--limit", 60, code=1)
    assert "observers: drawn-cue-conflict, mine: cannot see" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("extra", [[], ["--workers", 2]])
def test_a_dry_run_writes_nothing(tmp_path, extra):
    words = ["drawn-cue-conflict", "microcosm-edge", "-m", "ideal", "--dry-run", "--out", tmp_path / "logs", *extra]
    assert "ideal on microcosm-edge:" in observers("run-experiment", *words).stdout
    assert not (tmp_path / "logs").exists()
