"""Deletion of the data of one participant: it is complete, leaves other data alone, and can be repeated after a crash."""

import csv
import hashlib
import itertools
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.io.bids import export_bids
from analysis.io.frame import read_trials
from core.errors import LogError, ObserverError
from experiments.deletion_records import is_forgotten, record_deletion, refuse_forgotten
from experiments.log import LogWriter, log_path
from experiments.people import forgetting
from experiments.people.forgetting import find_in_folders, forget
from experiments.people.serving import WebSession
from experiments.running.session import run
from experiments.running.session_log import Session, SessionLog
from experiments.sets.registry import make_experiment
from observers.people.participant import Participant
from observers.simulated import Ideal
from tests.unit.experiments.people.people_in_logs import CODE, OTHER, Person, contents, paths_with_code


def without_locks(tree: dict) -> dict:
    return {name: content for name, content in tree.items() if not name.endswith(".lock")}


@pytest.mark.slow
def test_all_data_of_one_participant_are_deleted_and_nothing_else(folders):
    before = contents(*folders)
    expected = {name: content for name, content in before.items() if f"{CODE}_" not in name and f"{CODE}-" not in name}
    expected = {name: content for name, content in expected.items() if f"sub-{CODE}/" not in name + "/"}
    deleted = forget(CODE, folders)
    after = contents(*folders)
    assert {name for name in before if name not in after} >= {str(p) for p in deleted if p.name != "participants.tsv"}
    records, table = str(folders[0] / "forgotten.csv"), str(folders[1] / "participants.tsv")
    remaining = {
        name: content for name, content in after.items() if name not in (records, table) and "forgotten" not in name
    }
    assert remaining == {name: content for name, content in expected.items() if name != table}
    assert paths_with_code(after) == []
    assert before[table].replace(f"sub-{CODE}\t{CODE}\thuman\thomo sapiens\n".encode(), b"") == after[table]
    assert len([path for path in deleted if path.suffix == ".csv"]) == 5 + 4
    assert len([path for path in deleted if path.suffix == ".tsv"]) == 4 + 1
    with open(records, newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"code_sha256": hashlib.sha256(CODE.encode()).hexdigest(), "date": f"{datetime.now(UTC):%Y-%m-%d}",
             "n_sessions": "5", "n_trials": "11"}
        ]  # fmt: skip
    assert set(read_trials([folders[0]])["observer"]) == {OTHER, "ideal"}
    assert set(read_trials([folders[1]])["observer"]) == {OTHER, "ideal"}


def test_a_deleted_code_is_refused(folders, small):
    logs = folders[0]
    assert not is_forgotten(CODE, logs)
    forget(CODE, folders)
    assert is_forgotten(CODE, logs)
    assert not is_forgotten(OTHER, logs)
    # Exports have no deletion records, because they may be published.
    assert not any((folder / "forgotten.csv").exists() for folder in folders[1:])
    assert forget(CODE, folders) == []
    forget(OTHER, [logs])
    assert is_forgotten(CODE, logs) and is_forgotten(OTHER, logs)
    with pytest.raises(LogError, match=f"the data of {CODE} were deleted from .*: use another participant code"):
        refuse_forgotten(CODE, logs)
    with pytest.raises(LogError, match=f"the data of {CODE} were deleted"):
        WebSession(make_experiment("drawn-cue-conflict"), CODE, logs, {})
    with pytest.raises(LogError, match=f"the data of {CODE} were deleted"):
        run(small, Person(CODE), logs, limit=2)
    run(small, Person(CODE), logs.with_name("elsewhere"), limit=2)
    shutil.copytree(logs.with_name("elsewhere"), logs, dirs_exist_ok=True)  # a copy is put back
    forget(CODE, [logs])
    assert len((logs / "forgotten.csv").read_text().splitlines()) == 3
    assert "5,11" in (logs / "forgotten.csv").read_text()


class Crash(BaseException):
    pass


def crash_after(n: int, patch: pytest.MonkeyPatch) -> None:
    """Let the first `n` changes to the disk succeed and raise Crash at the next one."""
    allowed = iter(range(n))

    def limit(function):
        def limited(*arguments, **options):
            if next(allowed, None) is None:
                raise Crash
            return function(*arguments, **options)

        return limited

    for owner, name in ((Path, "unlink"), (Path, "replace"), (os, "rmdir")):
        patch.setattr(owner, name, limit(getattr(owner, name)))


@pytest.mark.slow
def test_the_same_call_completes_a_deletion_that_crashed_at_any_step(folders, tmp_path, monkeypatch):
    def restore():
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(tmp_path / "backup" / folder.name, folder)

    for folder in folders:
        shutil.copytree(folder, tmp_path / "backup" / folder.name)
    forget(CODE, folders)
    expected = without_locks(contents(*folders))
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
        assert without_locks(contents(*folders)) == expected, n
        assert paths_with_code(contents(*folders)) == []
    assert n > 30


def test_nothing_is_deleted_while_a_session_is_running(folders, small):
    path = log_path(folders[0], small.name, CODE, 2)
    before = without_locks(contents(*folders))
    writer = LogWriter(path)
    try:
        with pytest.raises(
            LogError, match=r"the logs in .*small are in use: nothing was deleted; run the command again"
        ):
            forget(CODE, folders)
    finally:
        writer.close()
    assert without_locks(contents(*folders)) == before
    forget(CODE, folders)
    assert paths_with_code(contents(*folders)) == []


def test_links_are_not_followed(folders, small, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    target = run(small, Person(CODE), elsewhere, limit=2)
    (folders[0] / "linked").symlink_to(elsewhere)
    (folders[0] / "small" / f"copy_{CODE}_session-9.csv").symlink_to(target)
    before = contents(elsewhere)
    (data,) = find_in_folders(CODE, folders[:1])
    assert [path.name for path in data.mentions] == [f"copy_{CODE}_session-9.csv"]
    forget(CODE, folders)
    assert contents(elsewhere) == before
    assert (folders[0] / "linked").is_symlink()


def test_incomplete_sessions_are_deleted(small, tmp_path):
    """Whatever a crash of a session or of a deletion leaves is found, and the same files of another observer are kept."""
    path = run(small, Person(CODE), tmp_path / "complete", limit=2)
    lines, sidecar = path.read_bytes().splitlines(keepends=True), path.with_suffix(".json").read_bytes()
    stem = f"small_{CODE}_session-1"
    cases = {
        "sidecar only": {f"{stem}.json": sidecar},
        "lock only": {f".{stem}.lock": b""},
        "no sidecar": {f"{stem}.csv": b"".join(lines)},
        "header only": {f"{stem}.csv": lines[0]},
        "incomplete header": {f"{stem}.csv": lines[0][:30]},
        "empty": {f"{stem}.csv": b""},
        "incomplete first row": {f"{stem}.csv": lines[0] + lines[1][:12], f"{stem}.json": sidecar},
        "incomplete last row": {f"{stem}.csv": b"".join(lines)[:-3]},
        "incomplete sidecar": {f"{stem}.json": sidecar[:99]},
        "new sidecar": {f"{stem}.json.part": sidecar},
        "incomplete new sidecar": {f"{stem}.json.part": sidecar[:99]},
        "other file names": {"mine.csv": b"".join(lines), "mine.json": sidecar},
    }
    for case, files in cases.items():
        folder = tmp_path / case.replace(" ", "-") / "logs"
        (folder / "small").mkdir(parents=True)
        for name, content in files.items():
            (folder / "small" / name).write_bytes(content)
            (folder / "small" / name.replace(CODE, OTHER).replace("mine", "other")).write_bytes(
                content.replace(CODE.encode(), OTHER.encode())
            )
        (folder / "small" / "table.csv").write_text("a,b\n1,2\n")
        n_before = len(list((folder / "small").iterdir()))
        deleted = {path.name for path in forget(CODE, [folder]) if path.suffix != ".lock"}
        assert deleted == {name for name in files if not name.endswith(".lock")}, case
        remaining = [path for path in (folder / "small").iterdir() if "forgotten" not in path.name]
        assert len(remaining) == n_before - len(files), case
        assert is_forgotten(CODE, folder), case
        assert not is_forgotten(OTHER, folder), case


def test_simulated_participants_are_deleted_and_models_are_not(small, tmp_path):
    run(small, Participant(code="AB", simulate="biased"), tmp_path, limit=2)
    run(small, Ideal(), tmp_path, limit=2)
    export_bids(read_trials([tmp_path]), tmp_path / "bids")
    forget("AB", [tmp_path])
    assert paths_with_code(contents(tmp_path), "AB") == []
    before = contents(tmp_path)
    with pytest.raises(
        LogError, match=r"no data of a participant ideal in .*; use --any-kind to include an observer of"
    ):
        forget("ideal", [tmp_path])
    assert contents(tmp_path) == before
    forget("ideal", [tmp_path], any_kind=True)
    assert paths_with_code(contents(tmp_path), "ideal") == []


def test_a_file_with_trials_of_several_observers_is_refused(folders, small):
    path = log_path(folders[0], small.name, CODE, 1)
    path.write_text(path.read_text().replace(f",{CODE},", ",other,", 1))
    before = contents(*folders)
    with pytest.raises(
        LogError, match=rf"session-1\.csv contains trials of {CODE} and of other observers: remove the rows"
    ):
        forget(CODE, folders)
    assert contents(*folders) == before


def test_files_that_mention_the_code_are_listed_and_kept(folders):
    report = folders[0] / "report"
    report.mkdir()
    (report / "index.html").write_text(f"<p>{CODE}</p>")
    (report / "other.html").write_text(f"<p>{OTHER}</p>")
    (report / f"{CODE}.png").write_bytes(b"png")
    (report / "table.json").write_text(json.dumps({"Observer": CODE, "Kind": "human"}))
    (data, _, _) = find_in_folders(CODE, folders)
    assert [path.name for path in data.mentions] == [f"{CODE}.png", "index.html", "table.json"]
    forget(CODE, folders)
    assert len(list(report.iterdir())) == 4


def test_nested_and_missing_folders(folders, small, tmp_path):
    with pytest.raises(LogError, match="small contains the logs of one experiment: give its parent folder"):
        forget(CODE, [folders[0] / "small"])
    with pytest.raises(LogError, match=r"the folder .*nowhere does not exist"):
        forget(CODE, [tmp_path / "nowhere"])
    forget(CODE, [folders[0], folders[0] / "small", tmp_path, folders[0]])
    assert paths_with_code(contents(*folders)) == []
    assert is_forgotten(CODE, folders[0])  # the record is in the folder of logs, where sessions look for it
    assert not (tmp_path / "forgotten.csv").exists()


def test_invalid_and_unknown_codes_are_refused(tmp_path):
    with pytest.raises(ObserverError, match="'subject-01' is not a valid participant code"):
        forget("subject-01", [tmp_path])
    with pytest.raises(LogError, match="there are no data of a participant K7Q2ZP in"):
        forget(CODE, [tmp_path])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not contain valid deletion records: expected the columns code_sha256,date,n_sessions,n_trials"),
        ("a,b\n", "not contain valid deletion records"),
        ("code_sha256,date,n_sessions,n_trials\n1,2\n", "not contain valid deletion records"),
        ('code_sha256,date,n_sessions,n_trials\n"', "the deletion records in .* cannot be read"),
    ],
)
def test_damaged_deletion_records_are_refused(folders, text, message):
    (folders[0] / "forgotten.csv").write_text(text)
    before = without_locks(contents(*folders))
    for read_records in (lambda: is_forgotten(CODE, folders[0]), lambda: forget(CODE, folders)):
        with pytest.raises(LogError, match=message):
            read_records()
    assert without_locks(contents(*folders)) == before


def test_an_unreadable_log_with_the_code_is_refused(folders, small):
    path = log_path(folders[0], small.name, CODE, 1)
    path.write_bytes(path.read_bytes() + b"x" * 200_000 + b"\n")
    with pytest.raises(
        LogError, match=r"contains K7Q2ZP but is not a valid CSV file \(.*\): move it away or delete it by"
    ):
        forget(CODE, folders)


@pytest.mark.slow
@pytest.mark.parametrize(
    "participant", [Person(CODE), Participant(code=CODE, simulate="biased")], ids=["real", "simulated"]
)
def test_a_session_that_was_planned_before_the_deletion_is_refused(participant, folders, small):
    """The session has passed the first check, and opens its log after the deletion."""
    session = Session(small, participant, folders[0], number=7)
    forget(CODE, folders)
    with pytest.raises(LogError, match=f"the data of {CODE} were deleted"):
        SessionLog.open(session)
    assert not session.path.exists()


def test_a_session_that_began_during_the_search_is_not_missed(folders, small, monkeypatch):
    """The session opens its log after `forget` has searched the folders and before it records the deletion."""
    begun = []

    def begin_and_record(*arguments):
        if not begun:
            begun.append(SessionLog.open(Session(small, Person(CODE), folders[0], number=7)))
            begun[0].start()
        return record_deletion(*arguments)

    monkeypatch.setattr(forgetting, "record_deletion", begin_and_record)
    with pytest.raises(LogError, match="are in use: nothing was deleted; run the command again"):
        forget(CODE, folders)
    begun[0].close()
    forget(CODE, folders)
    assert paths_with_code(contents(*folders)) == []


def test_a_folder_that_is_a_link_to_itself(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        find_in_folders(CODE, [tmp_path / "loop"])
