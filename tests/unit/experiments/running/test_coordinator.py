"""Sessions on workers: the same log as in one process, whatever happens to workers and to this process."""

import importlib
import json
import sys
from pathlib import Path

import attrs
import pytest
from attrs import define, field

from core.errors import LogError, ObserverError, UserError
from core.executor import Event, Failed, Finished, Lost, compute
from core.processes import ProcessExecutor
from experiments.running import coordinator
from experiments.running.coordinator import IncompleteRun, run_on_workers
from experiments.running.finished_units import _digest
from experiments.running.session import run
from experiments.running.session_log import Session
from experiments.running.worker import OtherVersion, UnitResult
from observers.registry import make_observer
from observers.simulated import Ideal
from observers.spec import ObserverSpec
from tests.unit.experiments.logs import sidecar

BIASED = ObserverSpec("biased", {"shape_bias": 0.7})
MINE = """
import attrs, numpy as np
from observers.protocol import Response
from beside import SCALE

@attrs.frozen
class Mine:
    name: str = "mine"
    kind: str = "discriminative"
    fail: str = ""

    def observe(self, trials):
        for trial in trials:
            if trial.stimulus.id == self.fail:
                raise ValueError(f"cannot see {trial.stimulus.id}")
            evidence = np.cos(np.arange(len(trial.choices)) * trial.stimulus.pixels().mean() * SCALE)
            yield Response(trial.choices[int(evidence.argmax())], evidence=evidence)
"""


@define
class Workers:
    """An executor whose workers compute in this process, in an order that the test chooses."""

    names: list[str] = field(factory=lambda: ["a", "b"])
    last_first: bool = False
    edit: dict[str, object] = field(factory=dict)  # worker -> its event instead of a result
    adds_workers: bool = False
    queue: list[tuple[str, int, object, object]] = field(factory=list)
    n_computed: int = 0

    def workers(self):
        return list(self.names)

    def submit(self, worker, job, function, argument):
        self.queue.append((worker, job, function, argument))

    def wait(self, seconds) -> list[Event]:
        if not self.queue:
            return []
        worker, job, function, argument = self.queue.pop(-1 if self.last_first else 0)
        self.n_computed += b'"trials"' in argument  # otherwise it is the question at the start
        if worker in self.edit:
            replaced = self.edit[worker]
            if isinstance(replaced, Lost):
                self.names.remove(worker)
                self.queue = [item for item in self.queue if item[0] != worker]
                return [replaced]
            return [Finished(worker, job, replaced)]
        status, value = compute(function, argument)
        return [Finished(worker, job, value) if status == "finished" else Failed(worker, job, value)]

    def discard(self, worker, reason):
        raise AssertionError(reason)

    def close(self):
        pass


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    """Let units have three trials, so that a small experiment has several."""
    monkeypatch.setattr("experiments.running.session_progress.unit_size", lambda n, *others: min(n, 3))


def test_the_log_is_that_of_one_process(small, tmp_path):
    expected = run(small, BIASED, tmp_path / "one").read_bytes()
    for number, workers in enumerate(
        [Workers(), Workers(last_first=True), Workers(["a"]), Workers(list("abcdefgh"), True)]
    ):
        path = run(small, BIASED, tmp_path / str(number), executor=workers)
        assert path.read_bytes() == expected
        assert sidecar(path)["status"] == "complete" and sidecar(path)["spec"] == BIASED.to_json()
        assert not path.with_suffix(".units").exists()


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


def test_workers_that_end_cost_only_their_units(small, tmp_path):
    sentences = []
    workers = Workers(["a", "b", "c"], edit={"b": Lost("b", "was ended by SIGKILL")})
    path = run(small, BIASED, tmp_path / "two", executor=workers, notify=sentences.append)
    assert path.read_bytes() == run(small, BIASED, tmp_path / "one").read_bytes()
    assert sentences == ["b was ended by SIGKILL; its trials are repeated"]


def test_finished_units_are_kept_when_this_process_ends(small, tmp_path):
    """Units are finished from the last to the first, and this process ends after half of them."""
    workers, before = Workers(list("abcdef"), last_first=True), run(small, BIASED, tmp_path / "one").read_bytes()

    def stop(done, total):
        if workers.n_computed == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small, BIASED, tmp_path / "two", executor=workers, progress=stop)
    path = tmp_path / "two/small/small_biased-0.7_session-1.csv"
    units = sorted(path.with_suffix(".units").iterdir())
    assert len(units) == 5 and sidecar(path)["status"] == "partial"
    (path.with_suffix(".units") / "trials-2.json").write_text("{}")  # not a name of a unit
    units[0].write_text(units[0].read_text()[:-40])
    content = json.loads(units[1].read_text())
    content["rows"][0][9] = "oven" if content["rows"][0][9] != "oven" else "cat"  # another response
    units[1].write_text(json.dumps(content))
    others, sentences, counts = Workers(), [], []
    again = run(
        small, BIASED, tmp_path / "two", executor=others, notify=sentences.append,
        progress=lambda *pair: counts.append(pair),
    )  # fmt: skip
    assert again.read_bytes() == before and not path.with_suffix(".units").exists()
    assert (
        counts[0] == (9, 32) and others.n_computed == 8
    )  # three of the finished units, with three trials each, are valid
    assert len(sentences) == 3 and all("is damaged or belongs to another session" in sentence for sentence in sentences)


def test_a_limit_inside_a_finished_unit(small, tmp_path):
    workers, before = Workers(list("abcdef"), last_first=True), run(small, BIASED, tmp_path / "one").read_bytes()

    def stop(done, total):
        if workers.n_computed == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small, BIASED, tmp_path / "two", executor=workers, progress=stop)
    names = [path.stem for path in (tmp_path / "two/small/small_biased-0.7_session-1.units").iterdir()]
    first = min(int(name.split("-")[1]) for name in names)
    part = run(small, BIASED, tmp_path / "two", executor=Workers(), limit=first)
    assert len(part.read_text().splitlines()) == 1 + first
    assert run(small, BIASED, tmp_path / "two", executor=Workers()).read_bytes() == before


def test_several_sessions_share_the_workers(small, few, tmp_path):
    specs = [BIASED, ObserverSpec("ideal"), ObserverSpec("biased", {"shape_bias": 0.2})]
    sessions = [
        Session(experiment, make_observer(spec), tmp_path / "two", spec=spec)
        for experiment in (small, few)
        for spec in specs
    ]
    begun = []
    report = run_on_workers(sessions, Workers(["a", "b"]), begin=begun.append)
    assert [(state.n_done, state.n_trials) for state in begun[0].sessions] == [(0, 32)] * 3 + [(0, 5)] * 3
    assert all(state.n_done == state.n_logged == state.n_trials for state in report.sessions)
    report.raise_errors()
    for session in sessions:
        one = run(session.experiment, session.spec, tmp_path / "one")
        assert session.path.read_bytes() == one.read_bytes()


def test_trials_that_fail_twice_are_named_and_the_others_are_saved(small, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "beside.py").write_text("SCALE = 0.1\n")
    stimulus = small.trials(0)[4].stimulus.id
    spec = ObserverSpec(f"{tmp_path}/mine.py:Mine", {"fail": stimulus})
    with pytest.raises(
        IncompleteRun, match=r"trials 4 to 6 of .*_mine_session-1.csv failed twice: (a|b) raised ValueError: cannot"
    ) as e:
        run(small, spec, tmp_path / "two", executor=Workers())
    assert "run the same command again to repeat these trials" in str(e.value) and "(mine.py, line 15)" in str(e.value)
    path = tmp_path / "two/small/small_mine_session-1.csv"
    assert len(path.read_text().splitlines()) == 1 + 3 and len(list(path.with_suffix(".units").iterdir())) == 9
    assert sidecar(path)["status"] == "partial"


def test_a_user_error_stops_one_session_with_its_sentence(small, few, tmp_path):
    broken = ObserverSpec("recorded:missing.csv", {"name": "someone"})
    (tmp_path / "mine.py").write_text(MINE.replace('raise ValueError(f"cannot', 'raise UserError(f"cannot').replace(
        "import attrs", "from core.errors import UserError\nimport attrs"))  # fmt: skip
    (tmp_path / "beside.py").write_text("SCALE = 0.1\n")
    broken = ObserverSpec(f"{tmp_path}/mine.py:Mine", {"fail": small.trials(0)[10].stimulus.id})
    sessions = [Session(small, make_observer(spec), tmp_path / "two", spec=spec) for spec in (broken, BIASED)]
    report = run_on_workers(sessions, Workers())
    assert [str(error) for error in report.errors] == [f"cannot see {small.trials(0)[10].stimulus.id}"]
    assert report.sessions[1].n_logged == 32 and report.sessions[0].n_logged < 32
    with pytest.raises(UserError, match="cannot see"):
        report.raise_errors()


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


def test_near_the_end_a_worker_gets_one_unit_at_a_time(small, tmp_path):
    """All trials are fast, so the end is near as soon as the time per trial is known."""
    workers, depths = Workers(list("abc")), []

    def note(done, total):
        depths.append(max((sum(w == name for w, *_ in workers.queue) for name in "abc"), default=0))

    run(small, BIASED, tmp_path, executor=workers, progress=note)
    assert max(depths) == 2 and max(depths[-5:]) == 1


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


def test_a_log_of_another_session_stops_everything_before_it_begins(small, tmp_path):
    run(small, ObserverSpec("biased", {"shape_bias": 0.2, "name": "x"}), tmp_path)
    spec, workers = ObserverSpec("biased", {"shape_bias": 0.4, "name": "x"}), Workers()
    with pytest.raises(LogError, match="was made with a different observer or different options"):
        run(small, spec, tmp_path, executor=workers)
    assert workers.n_computed == 0


def test_the_time_limit_of_a_unit():
    state = attrs.make_class("State", ["longest"])(0.0)
    job = coordinator.Job((state, range(10)), None)
    made = coordinator._Run([], Workers(), None, print)
    assert made.limit(job) is None
    state.longest = 100.0
    assert made.limit(job) == 20 * 100.0 * 10
    state.longest = 0.1
    assert made.limit(job) == 1800
    made.time_limit = 5.0
    assert made.limit(job) == 5.0


FAILING = """
import attrs
from core.errors import ObserverError
from observers.protocol import Response

class OwnError(ObserverError):
    def __init__(self, number, text):
        super().__init__(f"{text} {number}")

@attrs.frozen
class Failing:
    name: str = "failing"
    kind: str = "simulated"
    n_calls: int = 0

    def observe(self, trials):
        for trial in trials:
            if trial.number == 8:
                raise OwnError(8, "the service refused trial")
            yield Response(trial.choices[0])
"""


def test_responses_before_an_error_are_saved(small, tmp_path):
    """The unit with the error has the trials 7 to 9. The class of the error exists only in the file of the observer."""
    (tmp_path / "failing.py").write_text(FAILING)
    spec = ObserverSpec(f"{tmp_path}/failing.py:Failing")
    with ProcessExecutor(1) as executor, pytest.raises(UserError, match=r"^the service refused trial 8$"):
        run(small, spec, tmp_path / "logs", executor=executor)
    path = tmp_path / "logs/small/small_failing_session-1.csv"
    assert path.read_text().count("\n") == 1 + 7 and sidecar(path)["status"] == "partial"


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
            one = run(small, spec, tmp_path / f"one-{scale}").read_bytes()
            logs.append(run(small, spec, tmp_path / f"two-{scale}", executor=executor).read_bytes())
            assert logs[-1] == one
    assert logs[0] != logs[1]


def test_a_log_that_was_ended_before_its_sidecar_was_complete(small, tmp_path):
    """The last row is in the log, but the sidecar says that the session is running."""
    path = run(small, BIASED, tmp_path)
    whole, facts = path.read_bytes(), sidecar(path)
    path.with_suffix(".json").write_text(json.dumps(facts | {"status": "running", "n_logged": 0, "finished": None}))
    folder = path.with_suffix(".units")
    folder.mkdir()
    (folder / "trials-1-3.json").write_text("its rows are in the log")
    (folder / "trials-4-6.json.part").write_text("it was not written to its end")
    run(small, BIASED, tmp_path, executor=Workers())
    assert sidecar(path)["status"] == "complete" and path.read_bytes() == whole and not folder.exists()


def test_units_of_a_deleted_log_are_not_used(small, tmp_path):
    path = tmp_path / "small/small_biased-0.7_session-1.csv"
    workers = Workers(list("abcdef"), last_first=True)

    def stop(done, total):
        if workers.n_computed == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small, BIASED, tmp_path, executor=workers, progress=stop)
    assert list(path.with_suffix(".units").iterdir())
    path.unlink()
    path.with_suffix(".json").unlink()
    others = Workers()
    run(small, BIASED, tmp_path, executor=others)
    assert others.n_computed == 11


def test_a_run_without_workers_removes_the_units_of_one_with_workers(small, tmp_path):
    workers = Workers(list("abcdef"), last_first=True)

    def stop(done, total):
        if workers.n_computed == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small, BIASED, tmp_path, executor=workers, progress=stop)
    path = run(small, BIASED, tmp_path)
    assert sidecar(path)["status"] == "complete" and not path.with_suffix(".units").exists()


def test_a_unit_of_an_earlier_run_with_other_weights_is_repeated(small, tmp_path, monkeypatch):
    workers, told = Workers(list("abcdef"), last_first=True), []

    def stop(done, total):
        if workers.n_computed == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(small, BIASED, tmp_path / "two", executor=workers, progress=stop)
    path = tmp_path / "two/small/small_biased-0.7_session-1.csv"
    for number, unit in enumerate(sorted(path.with_suffix(".units").iterdir())):
        content = json.loads(unit.read_text()) | {"provenance": {"revision": "2" if number else "1"}}
        facts = {key: value for key, value in content.items() if key not in ("identity", "sha256")}
        unit.write_text(json.dumps(content | {"sha256": _digest(facts)}))
    monkeypatch.setattr("experiments.running.worker.provenance_of", lambda observer: {"revision": "2"})
    run(small, BIASED, tmp_path / "two", executor=Workers(), notify=told.append)
    assert path.read_bytes() == run(small, BIASED, tmp_path / "one").read_bytes()
    assert len(told) == 1 and told[0].endswith("computed in an earlier run with other weights or settings than the log")


def test_packages_of_workers_are_in_the_sidecar(small, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.running.worker.worker_packages", lambda: {"python": "3.11", "torch": "9.9"})
    told = []
    path = run(small, BIASED, tmp_path, executor=Workers(), notify=told.append)
    assert sidecar(path)["other_environments"] == [{"packages": {"python": "3.11", "torch": "9.9"}}]
    assert len(told) == 1 and told[0].startswith("a has python 3.11, ") and "torch 9.9" in told[0]


def test_trials_of_a_shard_are_named_by_their_numbers_in_the_session(small, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING.replace("OwnError(8, ", "ValueError(8, ").replace("== 8", "== 30"))
    spec = ObserverSpec(f"{tmp_path}/failing.py:Failing")
    with pytest.raises(IncompleteRun, match=r"trials 29 to 31 of .* failed twice: a raised ValueError"):
        run(small, spec, tmp_path / "logs", executor=Workers(), shard=(2, 2))


def test_after_an_error_units_are_saved_in_files(small, tmp_path, monkeypatch):
    """The disk is full at one row, and then has space again."""
    from experiments.log import LogWriter

    write, n_calls = LogWriter.write, []

    def write_or_fail(self, cells):
        n_calls.append(1)
        if len(n_calls) == 6:
            raise LogError("the disk is full")
        write(self, cells)

    monkeypatch.setattr(LogWriter, "write", write_or_fail)
    with pytest.raises(LogError, match="the disk is full"):
        run(small, BIASED, tmp_path / "two", executor=Workers())
    run(small, BIASED, tmp_path / "two", executor=Workers())
    path = tmp_path / "two/small/small_biased-0.7_session-1.csv"
    assert path.read_bytes() == run(small, BIASED, tmp_path / "one").read_bytes()
    assert not path.with_suffix(".units").exists()
