"""The log: a row is on disk before the next trial, an incomplete last row is removed, and a damaged log is refused."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from attrs import evolve, frozen

from core.errors import LogError
from experiments import log
from experiments.experiment import Experiment
from experiments.running import session_log
from experiments.running.session import run
from observers.protocol import ObserverError, Response
from observers.simulated import Biased, Chance, Ideal
from tests.unit.experiments.logs import rows, sidecar


@pytest.mark.slow
@pytest.mark.parametrize("n_missing", range(1, 90, 11))
def test_incomplete_last_row_is_removed_and_reported(small, tmp_path, n_missing):
    complete = run(small, Biased(0.8), tmp_path / "complete").read_bytes()
    path = run(small, Biased(0.8), tmp_path / "truncated")
    path.write_bytes(complete[:-n_missing])
    notes = []
    run(small, Biased(0.8), tmp_path / "truncated", notify=notes.append)
    assert path.read_bytes() == complete
    assert bool(notes) == (not complete[:-n_missing].endswith(b"\n"))
    if notes:
        assert "removed an incomplete last row" in notes[0]
        assert "its trial will be repeated" in notes[0]


@pytest.mark.parametrize("n_bytes", [0, 14, 400])
def test_log_truncated_in_its_header_or_first_row_is_resumed(small, tmp_path, n_bytes):
    path = run(small, Ideal(), tmp_path)
    complete, notes = path.read_bytes(), []
    path.write_bytes(complete[:n_bytes])
    assert complete[:n_bytes].count(b"\n") == (n_bytes == 400)
    assert run(small, Ideal(), tmp_path, notify=notes.append).read_bytes() == complete
    assert len(notes) == (n_bytes > 0)


def test_nul_bytes_after_a_power_cut_are_removed(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    complete, notes = path.read_bytes(), []
    lines = complete.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]) + b"small,id" + b"\0" * 200)
    assert run(small, Ideal(), tmp_path, notify=notes.append).read_bytes() == complete
    assert "removed an incomplete last row of 208 bytes" in notes[0]


def test_a_complete_log_whose_sidecar_does_not_say_when_it_finished_is_kept(small, tmp_path):
    """Recordings are unpacked into such logs."""
    path = run(small, Ideal(), tmp_path)
    described = sidecar(path)
    del described["finished"]
    path.with_suffix(".json").write_text(json.dumps(described))
    complete = path.read_bytes()
    assert run(small, Ideal(), tmp_path).read_bytes() == complete
    assert sidecar(path)["status"] == "complete" and "finished" not in sidecar(path)


def test_deleted_log_is_written_again(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    complete = path.read_bytes()
    path.unlink()
    assert run(small, Ideal(), tmp_path).read_bytes() == complete


def test_cues_are_logged_by_name(drawn, tmp_path):
    first, second = drawn.stimuli.stimuli[1:3]
    reordered = evolve(second, cues=dict(reversed(second.cues.items())))
    experiment = Experiment("reordered", evolve(drawn.stimuli, stimuli=(first, reordered)), drawn.choices)
    logged = {row["stimulus"]: (row["shape"], row["texture"]) for row in rows(run(experiment, Ideal(), tmp_path))}
    assert logged == {s.id: (s.cues["shape"], s.cues["texture"]) for s in (first, second)}


def damage(path: Path, kind: str) -> None:
    """Damage a log or its sidecar in one of several ways."""
    lines = path.read_bytes().splitlines(keepends=True)
    if kind == "no sidecar":
        path.with_suffix(".json").unlink()
    elif kind == "broken sidecar":
        path.with_suffix(".json").write_text("{")
    elif kind == "no format":
        path.with_suffix(".json").write_text("{}")
    elif kind == "identity":
        path.with_suffix(".json").write_text(json.dumps(sidecar(path) | {"identity": [1]}))
    elif kind == "newer":
        path.with_suffix(".json").write_text(json.dumps(sidecar(path) | {"format": 99}))
    elif kind == "observer":
        path.write_bytes(b"".join([*lines[:3], lines[3].replace(b"ideal", b"other"), *lines[4:]]))
    elif kind in ("category", "response", "shape", "evidence", "rt"):
        names, cells = (line.decode().strip().split(",") for line in (lines[0], lines[3]))
        cells[names.index("evidence_truck" if kind == "evidence" else kind)] = "zebra"
        path.write_bytes(b"".join([*lines[:3], ",".join(cells).encode() + b"\n", *lines[4:]]))
    elif kind in ("line endings", "old line endings"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n" if kind == "line endings" else b"\r"))
    elif kind == "NUL":
        path.write_bytes(b"".join([*lines[:3], lines[3].replace(b"ideal", b"\0\0"), *lines[4:]]))
    elif kind == "columns":
        path.write_bytes(b"x" + b"".join(lines))
    elif kind == "order":
        path.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    elif kind == "cells":
        path.write_bytes(b"".join([*lines[:3], b"1,2,3\n", *lines[4:]]))
    elif kind == "rows":
        path.write_bytes(b"".join([*lines, lines[-1]]))
    elif kind == "bytes":
        path.write_bytes(b"".join([*lines[:3], b"\xff\xfe\n", *lines[4:]]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no sidecar", "the sidecar of .* is missing, so it is unknown what the log contains"),
        ("broken sidecar", "sidecar .* cannot be read"),
        ("no format", "is not the sidecar of a trial log, because its format number is missing: move it away"),
        ("identity", "is damaged: it lacks its identity; move log and sidecar away"),
        ("newer", "has format 99; this version reads up to 1: update observers"),
        ("observer", "trial 3: its observer is 'other', expected 'ideal'; move log and"),
        ("columns", "has other columns than this session writes"),
        ("order", "trial 1: its trial is '2', expected '1'"),
        ("category", "trial 3: its category is 'zebra', expected"),
        ("response", "trial 3: its response 'zebra' is not one of the choices"),
        ("shape", "trial 3: its shape is 'zebra', expected"),
        ("evidence", "trial 3: its evidence_truck is 'zebra', expected a number"),
        ("rt", "trial 3: its rt is 'zebra', expected a number"),
        ("line endings", "has different line endings than a trial log"),
        ("old line endings", "has different line endings than a trial log"),
        ("NUL", "has different line endings than a trial log, or NUL bytes"),
        ("cells", "line 4: 3 cells, but the header has"),
        ("rows", "has 33 trials but the session has 32"),
        ("bytes", "cannot be read"),
    ],
)
def test_damaged_log_is_refused_and_not_changed(small, tmp_path, kind, message):
    path = run(small, Ideal(), tmp_path)
    damage(path, kind)
    before = path.read_bytes()
    with pytest.raises(LogError, match=message):
        run(small, Ideal(), tmp_path)
    assert path.read_bytes() == before


def test_the_sidecar_is_updated_during_a_run(small, tmp_path, monkeypatch):
    """A reader of the sidecar sees the progress of a long session, and a kill leaves few rows without a hash."""
    monkeypatch.setattr(session_log, "SIDECAR_SECONDS", -1)
    seen = []

    def look(done, total):
        (path,) = tmp_path.rglob("*.json")
        seen.append((json.loads(path.read_text())["n_logged"], done))

    run(small, Ideal(), tmp_path, progress=look)
    assert all(logged == done for logged, done in seen[1:]) and len(seen) == 33


def test_only_one_writer_can_open_a_log(small, tmp_path):
    path = log.log_path(tmp_path, "small", "ideal", 1)
    other = log.LogWriter(path)
    with pytest.raises(LogError, match="is being written by another run"):
        run(small, Ideal(), tmp_path)
    other.close()
    run(small, Ideal(), tmp_path)


def test_row_is_on_disk_before_the_next_trial_is_taken(small, tmp_path):
    is_logged = []

    @frozen
    class Reader:
        name: str = "reader"
        kind: str = "human"

        def observe(self, trials):
            for trial in trials:
                path = log.log_path(tmp_path, "small", "reader", 1)
                is_logged.append(len(rows(path)) == trial.number - 1)
                yield Response(None, rt=0.7512345678901234 if trial.number == 1 else None)

    path = run(small, Reader(), tmp_path)
    assert all(is_logged)
    assert rows(path)[0]["rt"] == "0.7512345678901234"  # with full precision
    assert rows(path)[0]["response"] == ""


def test_names_cannot_escape_the_folder(small, tmp_path):
    path = run(small, Chance(name='../../etc/passwd,"ü'), tmp_path)
    assert path.parent == tmp_path / "small"
    assert rows(path)[0]["observer"] == '../../etc/passwd,"ü'
    for name in ("", "a\nb", "a\0b", "\x1b[31m", 5, "x" * 1001):
        with pytest.raises(
            ObserverError,
            match="cannot be used as a name in a log, because it ",
        ):
            run(small, Chance(name=name), tmp_path)


def test_long_names_are_shortened_and_stay_distinct(small, tmp_path):
    names = ["x" * 400 + end for end in "ab"]
    paths = [run(small, Ideal(name=name), tmp_path, limit=1) for name in names]
    assert paths[0] != paths[1]
    assert [rows(path)[0]["observer"] for path in paths] == names
    assert all(len(path.name) < 200 for path in paths)


def test_rows_are_synced_by_number_and_by_time(tmp_path, monkeypatch):
    syncs = []
    monkeypatch.setattr(os, "fsync", syncs.append)
    writer = log.LogWriter(tmp_path / "x.csv")
    for _ in range(log.SYNC_ROWS * 2):
        writer.write(["a"])
    assert len(syncs) == 2
    monkeypatch.setattr(log, "SYNC_SECONDS", 0.01)
    writer.write(["a"])  # and no further row for a long time
    deadline = time.monotonic() + 10
    while len(syncs) < 3:
        assert time.monotonic() < deadline, "never synced"
        time.sleep(0.005)
    writer.write(["a"])
    writer.close()
    assert len(syncs) >= 4


def test_log_is_not_closed_while_the_timer_syncs_it(tmp_path, monkeypatch):
    syncing, release, order = threading.Event(), threading.Event(), []
    fsync, close = os.fsync, os.close

    def slow(file):
        syncing.set()
        assert release.wait(10)
        fsync(file)
        order.append("synced")

    monkeypatch.setattr(log, "SYNC_SECONDS", 0.0)
    monkeypatch.setattr(os, "fsync", slow)
    writer = log.LogWriter(tmp_path / "x.csv")
    writer.write(["a"])
    assert syncing.wait(10)
    monkeypatch.setattr(os, "close", lambda file: (order.append("closed"), close(file)))
    closing = threading.Thread(target=writer.close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive()  # it waits for the sync
    release.set()
    closing.join(10)
    assert order[0] == "synced" and "closed" in order


def test_full_disk_is_reported(small, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "write", lambda file, line: len(line) - 1)
    with pytest.raises(LogError, match="the disk is full"):
        run(small, Ideal(), tmp_path)

    def fail(file, line):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(LogError, match="No space left on device; fix that"):
        run(small, Ideal(), tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(Path, "write_bytes", lambda self, *_: fail(0, b""))
    with pytest.raises(LogError, match=r"session-1\.json: No space left on device; fix that"):
        run(small, Ideal(), tmp_path)
