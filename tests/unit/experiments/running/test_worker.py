"""What a worker computes and reports: observers from files, versions, hardware, images and errors."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from core.errors import LogError, ObserverError, UserError
from core.parallel.executor import compute
from core.parallel.processes import ProcessExecutor
from experiments.running import coordinator
from experiments.running.coordinator import run_on_workers
from experiments.running.session import run
from experiments.running.session_log import Session
from experiments.running.worker import OtherVersion, UnitResult
from observers.registry import make_observer
from observers.simulated import Ideal
from observers.spec import ObserverSpec
from tests.unit.experiments.logs import sidecar
from tests.unit.experiments.running.workers_here import BIASED, FAILING, MINE, Workers


@pytest.mark.slow
def test_real_processes_and_a_users_file(small, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "beside.py").write_text("SCALE = 0.1\n")
    spec = ObserverSpec(f"{tmp_path}/mine.py:Mine")
    expected = run(small, spec, tmp_path / "one").read_bytes()
    counts = []
    with ProcessExecutor(2) as executor:
        path = run(small, spec, tmp_path / "two", executor=executor, progress=lambda *pair: counts.append(pair))
        assert path.read_bytes() == expected
        assert counts[0] == (0, 32) and counts[-1] == (32, 32)
        assert run(small, BIASED, tmp_path / "two", executor=executor).exists()  # the same workers, another observer
    assert sidecar(path)["identity"] == sidecar(tmp_path / "one/small/small_mine_session-1.csv")["identity"]


@pytest.mark.slow
def test_a_users_file_travels_to_a_machine_without_it(small, tmp_path):
    folder = tmp_path / "away"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE)
    (folder / "beside.py").write_text("SCALE = 0.2\n")
    spec = ObserverSpec(f"{folder}/mine.py:Mine")
    expected = run(small, spec, tmp_path / "one").read_bytes()

    class Elsewhere(ProcessExecutor):
        """Processes that cannot see the file, as it is renamed while they make the observer."""

        def submit(self, *job):
            folder.rename(tmp_path / "hidden") if folder.exists() else None
            super().submit(*job)

    units = Session(small, make_observer(spec), tmp_path / "two", spec=spec)
    with Elsewhere(1) as executor, pytest.MonkeyPatch.context() as patch:
        packed = coordinator.SessionProgress.begin(units, print).packed_observer
        patch.setattr("experiments.running.session_progress.pack_observer", lambda session: packed)
        report = run_on_workers([units], executor)
        report.raise_errors()
    assert units.path.read_bytes() == expected


def test_a_worker_with_another_version_is_not_used(small, tmp_path):
    sentences = []
    path = run(
        small, BIASED, tmp_path / "two", executor=Workers(edit={"a": OtherVersion()}), notify=sentences.append
    )  # fmt: skip
    assert path.read_bytes() == run(small, BIASED, tmp_path / "one").read_bytes()
    assert sentences[0].startswith("a gets no further trials: it has a different version of this project")
    with pytest.raises(UserError, match="no worker is left: it has a different version of this project"):
        run(small, BIASED, tmp_path / "three", executor=Workers(["a"], edit={"a": OtherVersion()}))


def test_workers_that_differ_are_reported(small, tmp_path, monkeypatch):
    devices = iter(["NVIDIA A100", "NVIDIA H200"] * 20)
    monkeypatch.setattr("experiments.running.worker.describe_device", lambda provenance: next(devices))
    sentences = []
    path = run(small, BIASED, tmp_path, executor=Workers(), notify=sentences.append)
    assert sidecar(path)["devices"] == ["NVIDIA A100", "NVIDIA H200"]
    (sentence,) = sentences
    assert sentence.startswith("the workers differ: a has NVIDIA A100; b has NVIDIA H200; the last")


def test_workers_of_different_kinds_are_reported_before_the_first_unit(small, tmp_path, monkeypatch):
    hardware, devices = iter(["NVIDIA A100", "NVIDIA H200"]), iter(["A100", "H200"] * 20)
    monkeypatch.setattr("experiments.running.worker.describe_hardware", lambda: next(hardware))
    monkeypatch.setattr("experiments.running.worker.describe_device", lambda provenance: next(devices))
    workers, told = Workers(), []
    path = run(small, BIASED, tmp_path, executor=workers, notify=lambda text: told.append((workers.n_computed, text)))
    assert sidecar(path)["devices"] == ["A100", "H200"] and workers.n_computed > 2
    ((n_computed, sentence),) = told
    assert n_computed == 0 and sentence.startswith("the workers differ: a has NVIDIA A100; b has NVIDIA H200; the last")


def test_a_complete_session_asks_the_workers_nothing(small, tmp_path, monkeypatch):
    run(small, BIASED, tmp_path)
    monkeypatch.setattr("experiments.running.worker.describe_hardware", lambda: pytest.fail("it was asked"))
    workers = Workers()
    run(small, BIASED, tmp_path, executor=workers)
    assert workers.queue == [] and workers.n_computed == 0


def test_wrong_rows_of_a_worker_are_refused(small, tmp_path):
    for n_cells, message in (
        (30, "its observer is 'small', expected 'biased-0.7'"),
        (29, "it has 29 cells, expected 30"),
    ):
        result = UnitResult([["small"] * n_cells] * 3, {}, "cpu", 1.0, {})
        with pytest.raises(LogError, match=rf"a worker returned a wrong row for trial 1 of .*: {message}"):
            run(small, BIASED, tmp_path, executor=Workers(edit={"a": result, "b": result}))


@pytest.mark.slow
def test_an_observer_that_differs_on_the_worker_is_refused(small, tmp_path):
    session = Session(small, make_observer(BIASED), tmp_path, spec=ObserverSpec("biased", {"shape_bias": 0.6}))
    with pytest.raises(
        ObserverError, match=r"the observer biased on this worker differs from that of the command: .*0\.7"
    ):
        run_on_workers([session], Workers()).raise_errors()


def test_observers_that_workers_cannot_make(small, tmp_path):
    with pytest.raises(
        UserError, match=r"the observer ideal is an object, which cannot be sent to workers: pass an ObserverSpec"
    ):
        run(small, Ideal(), tmp_path, executor=Workers())


@pytest.mark.slow
def test_images_that_are_missing_or_differ_on_a_worker(small, tmp_path, monkeypatch):
    session = Session(small, make_observer(BIASED), tmp_path / "logs", spec=BIASED)
    progress = coordinator.SessionProgress.begin(session, print)
    unit = json.loads(progress.next_unit(1).argument)
    progress.close()
    unit["trials"][0]["path"] = "/elsewhere/x.png"
    status, error = compute(coordinator.answer_unit, json.dumps(unit).encode())
    assert status == "failed" and "the image /elsewhere/x.png is missing on a worker" in str(error)
    unit["trials"][0] |= {"path": unit["trials"][1]["path"]}
    assert "has different content on a worker" in str(compute(coordinator.answer_unit, json.dumps(unit).encode())[1])
    # The images lie in another data folder on the worker.
    progress = coordinator.SessionProgress.begin(session, print)
    unit = json.loads(progress.next_unit(1).argument)
    progress.close()
    folder = Path(unit["trials"][0]["path"]).parents[1]
    unit["data_folders"] = ["/coordinator"]
    for trial in unit["trials"]:
        trial["path"] = f"/coordinator/{Path(trial['path']).relative_to(folder)}"
    monkeypatch.setenv("OBSERVERS_DATA", str(folder))
    status, result = compute(coordinator.answer_unit, json.dumps(unit).encode())
    assert status == "finished", result
    assert len(result.rows) == 3
    unit["code"] = "0"
    assert compute(coordinator.answer_unit, json.dumps(unit).encode())[1] == OtherVersion()


@pytest.mark.slow
def test_responses_before_an_error_are_saved(small, tmp_path):
    """The unit with the error has the trials 7 to 9. The class of the error exists only in the file of the observer."""
    (tmp_path / "failing.py").write_text(FAILING)
    spec = ObserverSpec(f"{tmp_path}/failing.py:Failing")
    with ProcessExecutor(1) as executor, pytest.raises(UserError, match=r"^the service refused trial 8$"):
        run(small, spec, tmp_path / "logs", executor=executor)
    path = tmp_path / "logs/small/small_failing_session-1.csv"
    assert path.read_text().count("\n") == 1 + 7 and sidecar(path)["status"] == "partial"


@pytest.mark.slow
def test_a_worker_that_stays_uses_new_versions_of_files(small, tmp_path):
    """The processes stay while a file that the observer imports is changed."""
    (tmp_path / "mine.py").write_text(MINE.replace("beside", "changing"))
    spec, logs = ObserverSpec(f"{tmp_path}/mine.py:Mine"), []
    with ProcessExecutor(1) as executor:
        for scale in (1, 25):
            (tmp_path / "changing.py").write_text(f"SCALE = {scale}\n")
            for name in [
                name for name, module in sys.modules.items() if name == "changing" or name.startswith("mine_")
            ]:
                del sys.modules[name]
            importlib.invalidate_caches()
            expected = run(small, spec, tmp_path / f"one-{scale}").read_bytes()
            logs.append(run(small, spec, tmp_path / f"two-{scale}", executor=executor).read_bytes())
            assert logs[-1] == expected
    assert logs[0] != logs[1]


def test_packages_of_workers_are_in_the_sidecar(small, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.running.worker.worker_packages", lambda: {"python": "3.11", "torch": "9.9"})
    told = []
    path = run(small, BIASED, tmp_path, executor=Workers(), notify=told.append)
    assert sidecar(path)["other_environments"] == [{"packages": {"python": "3.11", "torch": "9.9"}}]
    assert len(told) == 1 and told[0].startswith("a has python 3.11, ") and "torch 9.9" in told[0]
