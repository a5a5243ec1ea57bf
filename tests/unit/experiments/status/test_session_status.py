"""The status of sessions: states, numbers of trials, times, shards, and commands that continue them."""

import json
import shlex
import threading
import time
from pathlib import Path

import pytest
from attrs import frozen

from core.errors import LogError, ObserverError
from experiments.experiment import Experiment
from experiments.log import LogWriter, read_sidecar, write_sidecar
from experiments.people.collecting import collect
from experiments.running.session import run
from experiments.status.resume_command import join_commands
from experiments.status.session_status import STATES, read_status
from observers.people.participant import Participant
from observers.people.texts.reading import load_texts
from observers.protocol import Response
from observers.simulated import Biased
from observers.spec import ObserverSpec


@frozen
class Failing:
    """An observer that stops with an error after two responses, and says where its weights are."""

    name: str = "failing"
    kind: str = "discriminative"

    def observe(self, trials):
        for trial in trials:
            if trial.number > 2:
                raise ObserverError("the weights /home/someone/weights/a.bin are damaged")
            yield Response(trial.choices[0])


def one(folder: Path, observer: str):
    return next(status for status in read_status([folder]) if status.observer == observer)


def test_states_of_sessions(small, tmp_path):
    run(small, Biased(0.8), tmp_path)
    run(small, Biased(0.2), tmp_path, limit=5)
    killed = run(small, Biased(0.4), tmp_path, limit=6)
    write_sidecar(killed, (read_sidecar(killed) or {}) | {"status": "running", "n_logged": 3})
    with pytest.raises(ObserverError):
        run(small, Failing(), tmp_path)
    (tmp_path / "stimuli.json").write_text("{}")
    states = {status.observer: status for status in read_status([tmp_path])}
    assert {name: status.state for name, status in states.items()} == {
        "biased-0.2": "stopped", "biased-0.4": "killed", "biased-0.8": "complete", "failing": "failed",
    }  # fmt: skip
    assert {status.state for status in states.values()} <= set(STATES)
    assert [states[name].n_logged for name in sorted(states)] == [5, 6, 32, 2]  # of a killed run, the rows are counted
    assert states["failing"].error == "the weights a.bin are damaged" and states["biased-0.8"].command is None
    assert states["biased-0.8"].seconds is not None and states["biased-0.8"].started is not None
    run(small, Biased(0.2), tmp_path)
    resumed = one(tmp_path, "biased-0.2")
    assert resumed.state == "complete"
    assert [entry["n_trials"] for entry in read_sidecar(resumed.path)["runs"]] == [5, 27]
    before = resumed.path.with_suffix(".json").read_bytes()
    run(small, Biased(0.2), tmp_path)
    assert resumed.path.with_suffix(".json").read_bytes() == before  # a run without a new trial is not recorded


def test_an_error_is_removed_when_the_session_is_resumed(few, tmp_path):
    with pytest.raises(ObserverError):
        run(few, Failing(), tmp_path)
    path = tmp_path / "few" / "few_failing_session-1.csv"
    sidecar = read_sidecar(path)
    assert sidecar["error"] and sidecar["status"] == "partial"
    with pytest.raises(ObserverError):
        run(few, Failing(), tmp_path, limit=3)
    sidecar = read_sidecar(path)
    run(few, Failing(), tmp_path, limit=2)  # there is nothing to do, so the reason stays
    assert read_sidecar(path) == sidecar and "error" in sidecar


def test_a_session_that_a_process_writes_is_running(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path, limit=5)
    writer = LogWriter(path)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    try:
        assert one(tmp_path, "biased-0.8").state == "running"
    finally:
        writer.close()
    assert one(tmp_path, "biased-0.8").state == "stopped"
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == files  # nothing was changed


def test_a_run_waits_while_its_lock_is_looked_at(small, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    path = run(small, Biased(0.8), tmp_path, limit=5)
    with open(path.with_name(f".{path.stem}.lock"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        threading.Timer(0.05, lambda: fcntl.flock(lock, fcntl.LOCK_UN)).start()
        LogWriter(path).close()


def test_commands_continue_the_session(drawn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = ObserverSpec("biased", {"shape_bias": "0.3", "name": "a b"})
    run(drawn, spec, "logs", session=2, seed=7, limit=3)
    run(drawn, Biased(0.5), "logs", limit=3)
    collect(drawn, Participant(code="K7Q2XZ", simulate="biased", keys=True), Path("logs"), limit=3, n_practice=2)
    by_name = {(s.observer, s.is_practice): s.command for s in read_status(["logs"])}
    assert by_name["a b", False] == (
        "observers run-experiment drawn-cue-conflict --observer biased -o shape_bias=0.3 -o 'name=a b' --session 2 --seed 7"
    )
    assert by_name["biased-0.5", False] is None  # it was made by a program
    assert shlex.split(by_name["K7Q2XZ", False])[1:] == [
        "collect", "drawn-cue-conflict", "--participant", "K7Q2XZ", "--resume", "--keys", "--simulate", "biased",
        "--seed", "0",
    ]  # fmt: skip
    assert by_name["K7Q2XZ", True] is None


def test_commands_name_what_the_participant_read(drawn, tmp_path):
    collect(drawn, Participant(code="K7Q2XZ", simulate="biased"), tmp_path, limit=3)
    path = tmp_path / drawn.name / f"{drawn.name}_K7Q2XZ_session-1.csv"
    sidecar = read_sidecar(path)
    assert "--texts" not in one(tmp_path, "K7Q2XZ").command

    def command(texts, **records):
        observer = sidecar["identity"]["observer"]
        person = observer | {"class": "WebParticipant", "options": {"code": "K7Q2XZ", "distance": 60.0}}
        identity = sidecar["identity"] | {"observer": person}
        write_sidecar(path, sidecar | {"identity": identity, "session_records": {"texts": [texts], **records}})
        return one(tmp_path, "K7Q2XZ").command

    german = load_texts("de").describe()
    assert "--language de --no-consent --seed" in command(german)
    assert "--no-consent" not in command(german, consent=[{"version": "1", "language": "de"}])
    assert "--no-consent" not in command(german | {"consent_version": None})
    assert "--language de --texts TEXTS" in command(german | {"sha256": "0" * 64})
    assert "--language fr --texts TEXTS" in command(german | {"language": "fr"})


def test_one_server_continues_the_sessions_of_all_participants():
    commands = [
        "observers serve small --participant AB12 --out 'a b'", "observers collect small --participant K7 --resume",
        "observers serve small --participant CD34 --out 'a b'", "observers serve small --participant CD34 --out 'a b'",
        "observers serve small --participant EF56 --pilot --out 'a b'", "observers merge \"it's\"",
    ]  # fmt: skip
    assert join_commands(commands) == [
        "observers serve small --participant AB12 --participant CD34 --out 'a b'", commands[1], commands[4],
        shlex.join(["observers", "merge", "it's"]),
    ]  # fmt: skip


def test_shards(small, tmp_path):
    spec = ObserverSpec("biased", {"shape_bias": "0.3"})
    for index in (1, 3):
        run(small, spec, tmp_path, shard=(index, 4))
    (status,) = read_status([tmp_path])
    assert (status.state, status.n_logged, status.n_trials) == ("stopped", 16, 32)
    assert status.shards == {"count": 4, "complete": 2, "running": "", "missing": "2,4"}
    assert "--shard I/4" in status.command and str(tmp_path) in status.command
    run(small, spec, tmp_path, shard=(4, 4))
    assert "--shard 2/4" in one(tmp_path, "biased-0.3").command
    run(small, spec, tmp_path, shard=(2, 4))
    status = one(tmp_path, "biased-0.3")
    assert (status.state, status.command) == ("unmerged", f"observers merge {tmp_path}")


def test_finished_units_are_counted_by_their_names(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path, limit=5)
    folder = path.with_suffix(".units")
    folder.mkdir()
    for name in ("trials-4-8.json", "trials-9-12.json", "other.json"):
        (folder / name).touch()
    assert one(tmp_path, "biased-0.8").n_waiting == 3 + 4


def test_damaged_and_missing(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path, limit=5)
    path.with_suffix(".json").write_text("{")
    (status,) = read_status([path])
    assert status.state == "damaged" and "cannot be read" in status.error
    with pytest.raises(LogError, match=r"the folder or trial log .* does not exist"):
        read_status([tmp_path / "nothing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(LogError, match="does not contain any sessions"):
        read_status([tmp_path / "empty"])


def test_a_log_of_an_earlier_version_has_the_time_from_start_to_end(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path)
    sidecar = read_sidecar(path)
    del sidecar["runs"]
    times = {"started": "2026-01-01T10:00:00+00:00", "finished": "2026-01-01T10:02:00+00:00"}
    write_sidecar(path, sidecar | times)
    assert one(tmp_path, "biased-0.8").seconds == 120
    write_sidecar(path, sidecar | times | {"finished": None})
    assert one(tmp_path, "biased-0.8").seconds is None


@pytest.mark.slow
def test_a_thousand_logs_are_read_in_seconds(small, tmp_path):
    path = run(small, Biased(0.8), tmp_path, limit=5)
    content, sidecar = path.read_bytes(), json.loads(path.with_suffix(".json").read_text())
    for i in range(1000):
        copy = path.with_name(f"small_observer-{i}_session-1.csv")
        copy.write_bytes(content)
        sidecar["identity"]["observer"]["name"] = f"observer-{i}"
        copy.with_suffix(".json").write_text(json.dumps(sidecar))
    begin = time.perf_counter()
    assert len(read_status([tmp_path])) == 1001
    assert time.perf_counter() - begin < 10


def test_recent_rate_excludes_the_time_before_the_first_trial(monkeypatch):
    from experiments.running import run_times

    now = [0.0]
    monkeypatch.setattr(run_times.time, "monotonic", lambda: now[0])
    times = run_times.RunTimes(10, 0.0)
    assert times.describe(10) == {"n_trials": 0, "seconds": 0.0, "recent_rate": None}
    for n, second in ((11, 100.0), (12, 102.0), (13, 104.0)):
        now[0] = second
        times.add(n)
    assert times.describe(13) == {"n_trials": 3, "seconds": 104.0, "recent_rate": 0.5}
    now[0] = 1000.0
    times.add(14)
    now[0] = 1001.0
    times.add(16)
    assert times.describe(16)["recent_rate"] == 2.0  # only the last five minutes count


def test_experiments_with_an_own_instruction(few, tmp_path):
    experiment = Experiment("few", few.stimuli, few.choices, n_blocks=2, instruction="Was sehen Sie auf dem Bild?")
    run(experiment, ObserverSpec("ideal"), tmp_path, limit=2)
    assert "--instruction 'Was sehen Sie auf dem Bild?'" in one(tmp_path, "ideal").command
