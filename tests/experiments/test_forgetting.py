import csv
import hashlib
import itertools
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import evolve, frozen

import commands.forget as forget_command
from analysis.bids import export_bids
from analysis.export import export
from analysis.frame import read_trials
from experiments.forgetting import find_in_folders, forget, is_forgotten, refuse_forgotten
from experiments.log import LogWriter, log_path
from experiments.registry import make_experiment
from experiments.serving import WebSession
from experiments.session import run
from observers.people.participant import Participant
from observers.protocol import Response
from observers.simulated import Ideal
from stimuli.errors import LogError, ObserverError
from tests.commands import observers

CODE, OTHER = "K7Q2ZP", "K7Q2ZPX"


@frozen
class Person:
    """A person who always answers the first choice."""

    name: str
    kind: str = "human"

    def observe(self, trials):
        for trial in trials:
            yield Response(trial.choices[0], rt=0.5)


def contents(*folders: Path) -> dict[str, bytes | None]:
    """Everything that is there: files with what is in them, and folders."""
    found = {str(path): path for folder in folders for path in folder.rglob("*")}
    return {name: path.read_bytes() if path.is_file() else None for name, path in found.items()}


def without_locks(before: dict) -> dict:
    return {name: content for name, content in before.items() if not name.endswith(".lock")}


def names(tree: dict, code: str = CODE) -> list[str]:
    """Files that name the person, or have them in it."""
    words = [code.encode() + end for end in (b",", b"-", b'"', b"\t", b"_", b"\n")]
    texts = {name: name.encode() + b"\n" + (content or b"") for name, content in tree.items()}
    return [name for name, text in texts.items() if any(word in text for word in words)]


@pytest.fixture
def folders(small, tmp_path):
    """Two experiments with practice and a pilot, exported both ways; another person of nearly that name, and a model."""
    logs, bids, field = tmp_path / "logs", tmp_path / "bids", tmp_path / "field"
    second = evolve(small, name="second")
    for code in (CODE, OTHER):
        run(small, Person(code), logs, limit=3)
        run(small, Person(code), logs, session=2, limit=2)
        run(second, Person(code), logs, limit=4)
        run(evolve(small, name="small-practice"), Person(code), logs, limit=1)
    run(small, Person(CODE + "-pilot"), logs, limit=1)
    run(small, Ideal(), logs, limit=3)
    frame = read_trials([logs])
    export_bids(frame, bids)
    export(frame, field)
    return logs, bids, field


def test_everything_of_one_person_goes_and_nothing_else(folders):
    before = contents(*folders)
    expected = {name: content for name, content in before.items() if f"{CODE}_" not in name and f"{CODE}-" not in name}
    expected = {name: content for name, content in expected.items() if f"sub-{CODE}/" not in name + "/"}
    removed = forget(CODE, folders)
    after = contents(*folders)
    assert {name for name in before if name not in after} >= {str(p) for p in removed if p.name != "participants.tsv"}
    tombs, rows = str(folders[0] / "forgotten.csv"), str(folders[1] / "participants.tsv")
    new = {name: content for name, content in after.items() if name not in (tombs, rows) and "forgotten" not in name}
    assert new == {name: content for name, content in expected.items() if name != rows}
    assert names(after) == []
    assert before[rows].replace(f"sub-{CODE}\t{CODE}\thuman\thomo sapiens\n".encode(), b"") == after[rows]
    assert len([path for path in removed if path.suffix == ".csv"]) == 5 + 4
    assert len([path for path in removed if path.suffix == ".tsv"]) == 4 + 1
    with open(tombs, newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"code_sha256": hashlib.sha256(CODE.encode()).hexdigest(), "date": f"{datetime.now(UTC):%Y-%m-%d}",
             "n_sessions": "5", "n_trials": "11"}
        ]  # fmt: skip
    assert set(read_trials([folders[0]])["observer"]) == {OTHER, "ideal"}
    assert set(read_trials([folders[1]])["observer"]) == {OTHER, "ideal"}


def test_a_code_is_refused_afterwards(folders, small):
    logs = folders[0]
    assert not is_forgotten(CODE, logs)
    forget(CODE, folders)
    assert is_forgotten(CODE, logs)
    assert not is_forgotten(OTHER, logs)
    assert not any((folder / "forgotten.csv").exists() for folder in folders[1:])  # exports may be given away
    assert forget(CODE, folders) == []
    forget(OTHER, [logs])
    assert is_forgotten(CODE, logs) and is_forgotten(OTHER, logs)
    with pytest.raises(LogError, match=f"{CODE} asked to be forgotten in .*: take another code"):
        refuse_forgotten(CODE, logs)
    with pytest.raises(LogError, match=f"{CODE} asked to be forgotten"):
        WebSession(make_experiment("drawn-cue-conflict"), CODE, logs, {})
    with pytest.raises(LogError, match=f"{CODE} asked to be forgotten"):
        run(small, Person(CODE), logs, limit=2)
    run(small, Person(CODE), logs.with_name("elsewhere"), limit=2)
    shutil.copytree(logs.with_name("elsewhere"), logs, dirs_exist_ok=True)  # a copy comes back
    forget(CODE, [logs])
    assert len((logs / "forgotten.csv").read_text().splitlines()) == 3
    assert "5,11" in (logs / "forgotten.csv").read_text()


class Crash(BaseException):
    pass


def crash_after(n: int, patch: pytest.MonkeyPatch) -> None:
    """Let the first `n` changes of the disk be made, and no more."""
    left = iter(range(n))

    def limited(real):
        def step(*arguments, **options):
            if next(left, None) is None:
                raise Crash
            return real(*arguments, **options)

        return step

    for owner, name in ((Path, "unlink"), (Path, "replace"), (os, "rmdir")):
        patch.setattr(owner, name, limited(getattr(owner, name)))


def test_a_crash_at_any_step_is_finished_by_the_same_command(folders, tmp_path, monkeypatch):
    def restore():
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(tmp_path / "safe" / folder.name, folder)

    for folder in folders:
        shutil.copytree(folder, tmp_path / "safe" / folder.name)
    forget(CODE, folders)
    whole = without_locks(contents(*folders))
    for n in itertools.count():
        restore()
        with monkeypatch.context() as patch:
            crash_after(n, patch)
            try:
                forget(CODE, folders)
                break
            except Crash:
                pass
        assert n == 0 or is_forgotten(CODE, folders[0])
        forget(CODE, folders)
        assert without_locks(contents(*folders)) == whole, n
        assert names(contents(*folders)) == []
    assert n > 30


def test_a_log_that_is_being_written(folders, small):
    path = log_path(folders[0], small.name, CODE, 2)
    before = without_locks(contents(*folders))
    writer = LogWriter(path)
    try:
        with pytest.raises(LogError, match=r"a session in .*small is being written: nothing was removed; wait for its"):
            forget(CODE, folders)
    finally:
        writer.close()
    assert without_locks(contents(*folders)) == before
    forget(CODE, folders)
    assert names(contents(*folders)) == []


def test_links_are_not_followed(folders, small, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    kept = run(small, Person(CODE), elsewhere, limit=2)
    (folders[0] / "linked").symlink_to(elsewhere)
    (folders[0] / "small" / f"copy_{CODE}_session-9.csv").symlink_to(kept)
    before = contents(elsewhere)
    (traces,) = find_in_folders(CODE, folders[:1])
    assert [path.name for path in traces.mentions] == [f"copy_{CODE}_session-9.csv"]
    forget(CODE, folders)
    assert contents(elsewhere) == before
    assert (folders[0] / "linked").is_symlink()


def test_what_is_left_of_sessions(small, tmp_path):
    """By a crash, of the experiment or of forgetting: each is found alone, and that of another observer is not."""
    path = run(small, Person(CODE), tmp_path / "whole", limit=2)
    lines, sidecar = path.read_bytes().splitlines(keepends=True), path.with_suffix(".json").read_bytes()
    stem = f"small_{CODE}_session-1"
    left = {
        "sidecar alone": {f"{stem}.json": sidecar},
        "lock alone": {f".{stem}.lock": b""},
        "no sidecar": {f"{stem}.csv": b"".join(lines)},
        "nothing but a header": {f"{stem}.csv": lines[0]},
        "torn in its header": {f"{stem}.csv": lines[0][:30]},
        "empty": {f"{stem}.csv": b""},
        "torn in its first row": {f"{stem}.csv": lines[0] + lines[1][:12], f"{stem}.json": sidecar},
        "torn in its last row": {f"{stem}.csv": b"".join(lines)[:-3]},
        "torn sidecar": {f"{stem}.json": sidecar[:99]},
        "new sidecar": {f"{stem}.json.part": sidecar},
        "torn new sidecar": {f"{stem}.json.part": sidecar[:99]},
        "other name": {"mine.csv": b"".join(lines), "mine.json": sidecar},
    }
    for what, files in left.items():
        folder = tmp_path / what.replace(" ", "-") / "logs"
        (folder / "small").mkdir(parents=True)
        for name, content in files.items():
            (folder / "small" / name).write_bytes(content)
            (folder / "small" / name.replace(CODE, OTHER).replace("mine", "other")).write_bytes(
                content.replace(CODE.encode(), OTHER.encode())
            )
        (folder / "small" / "table.csv").write_text("a,b\n1,2\n")
        n = len(list((folder / "small").iterdir()))
        removed = {path.name for path in forget(CODE, [folder]) if path.suffix != ".lock"}
        assert removed == {name for name in files if not name.endswith(".lock")}, what
        kept = [path for path in (folder / "small").iterdir() if "forgotten" not in path.name]
        assert len(kept) == n - len(files), what
        assert is_forgotten(CODE, folder), what
        assert not is_forgotten(OTHER, folder), what


def test_a_simulated_participant_is_one_and_a_model_of_that_name_is_not(small, tmp_path):
    run(small, Participant(code="AB", simulate="biased"), tmp_path, limit=2)
    run(small, Ideal(), tmp_path, limit=2)
    export_bids(read_trials([tmp_path]), tmp_path / "bids")
    forget("AB", [tmp_path])
    assert names(contents(tmp_path), "AB") == []
    before = contents(tmp_path)
    with pytest.raises(LogError, match=r"there is no person ideal in .*; an observer that is no person is left alone"):
        forget("ideal", [tmp_path])
    assert contents(tmp_path) == before
    forget("ideal", [tmp_path], any_kind=True)
    assert names(contents(tmp_path), "ideal") == []


def test_a_file_of_several(folders, small):
    path = log_path(folders[0], small.name, CODE, 1)
    path.write_text(path.read_text().replace(f",{CODE},", ",other,", 1))
    before = contents(*folders)
    with pytest.raises(LogError, match=rf"session-1\.csv holds trials of {CODE} and of others: take those of"):
        forget(CODE, folders)
    assert contents(*folders) == before


def test_what_is_not_removed_is_named(folders):
    report = folders[0] / "report"
    report.mkdir()
    (report / "index.html").write_text(f"<p>{CODE}</p>")
    (report / "other.html").write_text(f"<p>{OTHER}</p>")
    (report / f"{CODE}.png").write_bytes(b"png")
    (report / "table.json").write_text(json.dumps({"Observer": CODE, "Kind": "human"}))
    (traces, _, _) = find_in_folders(CODE, folders)
    assert [path.name for path in traces.mentions] == [f"{CODE}.png", "index.html", "table.json"]
    forget(CODE, folders)
    assert len(list(report.iterdir())) == 4


def test_folders_in_one_another(folders, small, tmp_path):
    with pytest.raises(LogError, match="small holds one experiment: give its parent folder"):
        forget(CODE, [folders[0] / "small"])
    with pytest.raises(LogError, match=r"there is no folder .*nowhere"):
        forget(CODE, [tmp_path / "nowhere"])
    forget(CODE, [folders[0], folders[0] / "small", tmp_path, folders[0]])
    assert names(contents(*folders)) == []
    assert is_forgotten(CODE, folders[0])  # where a session looks
    assert not (tmp_path / "forgotten.csv").exists()


def test_what_is_no_code(tmp_path):
    with pytest.raises(ObserverError, match="'subject-01' is no participant code"):
        forget("subject-01", [tmp_path])
    with pytest.raises(LogError, match="there is no person K7Q2ZP in"):
        forget(CODE, [tmp_path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not say who was forgotten: expected the columns code_sha256,date,n_sessions,n_trials"),
        ("a,b\n", "does not say who was forgotten"),
        ("code_sha256,date,n_sessions,n_trials\n1,2\n", "does not say who was forgotten"),
        ('code_sha256,date,n_sessions,n_trials\n"', "which says who was forgotten, cannot be read"),
    ],
)
def test_a_damaged_tombstone(folders, text, message):
    (folders[0] / "forgotten.csv").write_text(text)
    before = without_locks(contents(*folders))
    for look in (lambda: is_forgotten(CODE, folders[0]), lambda: forget(CODE, folders)):
        with pytest.raises(LogError, match=message):
            look()
    assert without_locks(contents(*folders)) == before


def test_a_log_that_names_them_and_cannot_be_read(folders, small):
    path = log_path(folders[0], small.name, CODE, 1)
    path.write_bytes(path.read_bytes() + b"x" * 200_000 + b"\n")
    with pytest.raises(LogError, match=r"names K7Q2ZP and cannot be read: .*; move it away, or remove it by hand"):
        forget(CODE, folders)


def test_the_command_asks(folders, monkeypatch):
    command = ["forget", CODE, *(word for folder in folders for word in ("--out", folder))]
    before = contents(*folders)
    assert "--yes removes without asking" in observers(*command, code=2).stderr
    monkeypatch.setattr(forget_command, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    said = observers(*command, answer="n\n", code=1).stdout
    assert f"{folders[0]}/small/small_{CODE}_session-1.csv\n" in said
    assert contents(*folders) == before
    said = observers(*command, answer="y\n").stdout
    assert f"removed: {folders[0]}/small/small_{CODE}-pilot_session-1.json\n" in said
    assert f"removed from: {folders[1]}/participants.tsv\n" in said
    assert f"{CODE}: 11 trials were removed from the logs\n" in said
    assert names(contents(*folders)) == []
    said = observers(*command).stdout
    assert said == f"{CODE}: no data remained to be removed; it was forgotten on {datetime.now(UTC):%Y-%m-%d}\n"
    assert "there is no person AB in" in observers("forget", "AB", "--out", folders[0], "--yes", code=1).stderr


def test_the_command_without_a_terminal(folders):
    (folders[0] / "notes.txt").write_text(f"{CODE} came twice")
    done = observers("forget", CODE, "--yes", "--out", folders[0])
    assert f"note: {folders[0]}/notes.txt mentions {CODE} and was kept: check it by hand\n" in done.stderr
