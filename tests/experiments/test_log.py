"""The log: a row on disk before the next trial, repaired where it was torn, refused in words where it is damaged."""

import json
import os
import threading
import time
from pathlib import Path

import pytest
from attrs import evolve, frozen

from experiments import log
from experiments.experiment import Experiment
from experiments.session import run
from observers.protocol import ObserverError, Response
from observers.simulated import Biased, Chance, Ideal
from stimuli.errors import LogError
from tests.experiments.logs import rows, sidecar


@pytest.mark.parametrize("torn", range(1, 90, 11))
def test_a_torn_last_line_is_cut_off_and_said(small, tmp_path, torn):
    whole = run(small, Biased(0.8), tmp_path / "whole").read_bytes()
    path = run(small, Biased(0.8), tmp_path / "torn")
    path.write_bytes(whole[:-torn])
    said = []
    run(small, Biased(0.8), tmp_path / "torn", notify=said.append)
    assert path.read_bytes() == whole
    assert bool(said) == (not whole[:-torn].endswith(b"\n"))
    if said:
        assert "cut off a torn last line" in said[0]


@pytest.mark.parametrize("left", [0, 14, 400])
def test_a_log_cut_off_in_its_header_or_first_row(small, tmp_path, left):
    path = run(small, Ideal(), tmp_path)
    whole, said = path.read_bytes(), []
    path.write_bytes(whole[:left])
    assert whole[:left].count(b"\n") == (left == 400)
    assert run(small, Ideal(), tmp_path, notify=said.append).read_bytes() == whole
    assert len(said) == (left > 0)


def test_what_a_power_cut_leaves_is_cut_off(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    whole, said = path.read_bytes(), []
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]) + b"small,id" + b"\0" * 200)
    assert run(small, Ideal(), tmp_path, notify=said.append).read_bytes() == whole
    assert "cut off a torn last line of 208 bytes" in said[0]


def test_a_log_that_is_gone_is_written_again(small, tmp_path):
    path = run(small, Ideal(), tmp_path)
    whole = path.read_bytes()
    path.unlink()
    assert run(small, Ideal(), tmp_path).read_bytes() == whole


def test_cues_are_logged_by_name(drawn, tmp_path):
    one, two = drawn.stimuli.stimuli[1:3]
    turned = evolve(two, cues=dict(reversed(two.cues.items())))
    experiment = Experiment("turned", evolve(drawn.stimuli, stimuli=(one, turned)), drawn.choices)
    logged = {row["stimulus"]: (row["shape"], row["texture"]) for row in rows(run(experiment, Ideal(), tmp_path))}
    assert logged == {s.id: (s.cues["shape"], s.cues["texture"]) for s in (one, two)}


def damage(path: Path, how: str) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "no sidecar":
        path.with_suffix(".json").unlink()
    elif how == "broken sidecar":
        path.with_suffix(".json").write_text("{")
    elif how == "no format":
        path.with_suffix(".json").write_text("{}")
    elif how == "identity":
        path.with_suffix(".json").write_text(json.dumps(sidecar(path) | {"identity": [1]}))
    elif how == "newer":
        path.with_suffix(".json").write_text(json.dumps(sidecar(path) | {"format": 99}))
    elif how == "observer":
        path.write_bytes(b"".join([*lines[:3], lines[3].replace(b"ideal", b"other"), *lines[4:]]))
    elif how in ("category", "response", "shape", "evidence", "rt"):
        names, cells = (line.decode().strip().split(",") for line in (lines[0], lines[3]))
        cells[names.index("evidence_truck" if how == "evidence" else how)] = "zebra"
        path.write_bytes(b"".join([*lines[:3], ",".join(cells).encode() + b"\n", *lines[4:]]))
    elif how in ("line ends", "old line ends"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n" if how == "line ends" else b"\r"))
    elif how == "NUL":
        path.write_bytes(b"".join([*lines[:3], lines[3].replace(b"ideal", b"\0\0"), *lines[4:]]))
    elif how == "columns":
        path.write_bytes(b"x" + b"".join(lines))
    elif how == "order":
        path.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    elif how == "cells":
        path.write_bytes(b"".join([*lines[:3], b"1,2,3\n", *lines[4:]]))
    elif how == "rows":
        path.write_bytes(b"".join([*lines, lines[-1]]))
    elif how == "bytes":
        path.write_bytes(b"".join([*lines[:3], b"\xff\xfe\n", *lines[4:]]))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no sidecar", "has no sidecar, so what it holds is unknown"),
        ("broken sidecar", "sidecar .* cannot be read"),
        ("no format", "is no sidecar of a trial log, it has no format number: move it away"),
        ("identity", "is damaged: it has no identity; move log and sidecar away"),
        ("newer", "has format 99; this version reads up to 1: update observers"),
        ("observer", "trial 3: its observer is 'other', expected 'ideal'; move log and"),
        ("columns", "has other columns than this session writes"),
        ("order", "trial 1: its trial is '2', expected '1'"),
        ("category", "trial 3: its category is 'zebra', expected"),
        ("response", "trial 3: its response 'zebra' is none of the choices"),
        ("shape", "trial 3: its shape is 'zebra', expected"),
        ("evidence", "trial 3: its evidence_truck is 'zebra', expected a number"),
        ("rt", "trial 3: its rt is 'zebra', expected a number"),
        ("line ends", "has other line ends than a log"),
        ("old line ends", "has other line ends than a log"),
        ("NUL", "has other line ends than a log, or NUL bytes"),
        ("cells", "line 4: 3 cells where the header has"),
        ("rows", "holds 33 trials and the session has 32"),
        ("bytes", "cannot be read"),
    ],
)
def test_a_damaged_log_is_refused_in_words(small, tmp_path, how, message):
    path = run(small, Ideal(), tmp_path)
    damage(path, how)
    left = path.read_bytes()
    with pytest.raises(LogError, match=message):
        run(small, Ideal(), tmp_path)
    assert path.read_bytes() == left


def test_one_writer(small, tmp_path):
    path = log.log_path(tmp_path, "small", "ideal", 1)
    other = log.LogWriter(path)
    with pytest.raises(LogError, match="is being written by another run"):
        run(small, Ideal(), tmp_path)
    other.close()
    run(small, Ideal(), tmp_path)


def test_a_trial_is_on_disk_before_the_next_is_taken(small, tmp_path):
    seen = []

    @frozen
    class Looking:
        name: str = "looking"
        kind: str = "human"

        def observe(self, trials):
            for trial in trials:
                path = log.log_path(tmp_path, "small", "looking", 1)
                seen.append(len(rows(path)) == trial.number - 1)
                yield Response(None, rt=0.7512345678901234 if trial.number == 1 else None)

    path = run(small, Looking(), tmp_path)
    assert all(seen)
    assert rows(path)[0]["rt"] == "0.7512345678901234"  # in full
    assert rows(path)[0]["response"] == ""


def test_names_cannot_lead_out_of_the_folder(small, tmp_path):
    path = run(small, Chance(name='../../etc/passwd,"ü'), tmp_path)
    assert path.parent == tmp_path / "small"
    assert rows(path)[0]["observer"] == '../../etc/passwd,"ü'
    for name in ("", "a\nb", "a\0b", "\x1b[31m", 5, "x" * 1001):
        with pytest.raises(
            ObserverError, match="is no name for a log: expected 1 to 1000 characters, without line breaks"
        ):
            run(small, Chance(name=name), tmp_path)


def test_long_names_are_cut_and_told_apart(small, tmp_path):
    names = ["x" * 400 + end for end in "ab"]
    paths = [run(small, Ideal(name=name), tmp_path, limit=1) for name in names]
    assert paths[0] != paths[1]
    assert [rows(path)[0]["observer"] for path in paths] == names
    assert all(len(path.name) < 200 for path in paths)


def test_synced_by_rows_and_by_time(tmp_path, monkeypatch):
    syncs = []
    monkeypatch.setattr(os, "fsync", syncs.append)
    writer = log.LogWriter(tmp_path / "x.csv")
    for _ in range(log.SYNC_ROWS * 2):
        writer.write(["a"])
    assert len(syncs) == 2
    monkeypatch.setattr(log, "SYNC_SECONDS", 0.01)
    writer.write(["a"])  # and then nothing more for long
    deadline = time.monotonic() + 10
    while len(syncs) < 3:
        assert time.monotonic() < deadline, "never synced"
        time.sleep(0.005)
    writer.write(["a"])
    writer.close()
    assert len(syncs) >= 4


def test_a_log_is_not_closed_while_the_timer_syncs_it(tmp_path, monkeypatch):
    syncing, go_on, order = threading.Event(), threading.Event(), []
    fsync, close = os.fsync, os.close

    def slow(file):
        syncing.set()
        assert go_on.wait(10)
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
    assert closing.is_alive()  # it waits
    go_on.set()
    closing.join(10)
    assert order[0] == "synced" and "closed" in order


def test_a_full_disk_is_said(small, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "write", lambda file, line: len(line) - 1)
    with pytest.raises(LogError, match="the disk is full"):
        run(small, Ideal(), tmp_path)

    def fail(file, line):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(LogError, match="No space left on device; put that right"):
        run(small, Ideal(), tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(Path, "write_text", lambda self, *_: fail(0, b""))
    with pytest.raises(LogError, match=r"session-1\.json: No space left on device; put that right"):
        run(small, Ideal(), tmp_path)
