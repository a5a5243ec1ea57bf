"""One person's data, gone from folders of logs and exports; what stays is a tombstone that names nobody.

`forgotten.csv` in the folder of logs has a row for each person forgotten: TOMBSTONE. A code is in it as its sha256, so that
a session can refuse it and nobody reads it there. A code is short, so whoever suspects one can find out whether it was
there: it is no secret, and says nothing about a person.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import filelock

from experiments.personal_data import (
    DELETION_RECORDS,
    PARTICIPANTS,
    PersonalData,
    SessionFiles,
    files_in,
    find_personal_data,
    strike,
)
from observers.people.codes import check_code
from stimuli.atomic import write_atomically
from stimuli.errors import LogError

DELETION_RECORD = ("code_sha256", "date", "n_sessions", "n_trials")


def refuse_forgotten(code: str, directory: Path) -> None:
    """Raises LogError where the person was forgotten in that folder of logs."""
    if is_forgotten(code, directory):
        raise LogError(f"{code} asked to be forgotten in {directory}: take another code")


def is_forgotten(code: str, directory: Path) -> bool:
    """Was the person of that code forgotten in this folder of logs? Raises LogError where that cannot be read."""
    # A log that somebody renamed or moved has its tombstone beside it, in the folder of an experiment.
    places = [Path(directory), *(path.parent for path in Path(directory).glob(f"*/{DELETION_RECORDS}"))]
    return any(_date(code, place) for place in places)


def find(code: str, folders: Iterable[Path], *, any_kind: bool = False) -> list[PersonalData]:
    """What the folders hold of the person and of their pilot sessions; with `any_kind` of any observer of that name.

    Raises ObserverError for what is no code; LogError where nothing is there and never was, or it cannot be told apart.
    """
    check_code(code)
    places = {Path(folder).resolve(): Path(folder) for folder in folders}
    outer = [folder for place, folder in places.items() if not any(other in place.parents for other in places)]
    found = [find_personal_data(code, folder, any_kind) for folder in outer]
    if not any(traces.sessions or traces.participants for traces in found) and not forgotten_on(code, found):
        hint = "" if any_kind else "; an observer that is no person is left alone without --any-kind"
        raise LogError(f"there is no person {code} in {', '.join(map(str, outer))}{hint}")
    return found


def forgotten_on(code: str, found: Iterable[PersonalData]) -> str:
    """The date of the first tombstone, "" where there is none."""
    return next((date for traces in found for grave in traces.graves if (date := _date(code, grave))), "")


def forget(code: str, folders: Iterable[Path], *, any_kind: bool = False) -> list[Path]:
    """Remove what `find` finds; what was removed. What a crash leaves behind is removed by the same call.

    Raises LogError, before anything is removed, if one of the logs is being written.
    """
    found = find(code, folders, any_kind=any_kind)
    sessions = [session for traces in found for session in traces.sessions]
    roots = sorted({session.root for session in sessions if session.root is not None})
    locks = [session.lock for session in sessions if session.lock is not None]
    with ExitStack() as held:
        for lock in (*locks, *(root / ".forgotten.lock" for root in roots)):
            held.enter_context(_locked(lock))
        for root in roots:
            _bury(code, root, [session.n_trials for session in sessions if session.root == root])
        removed = list(_unlink(sessions, (".csv", ".tsv", ".part")))
    removed += _unlink(sessions, (".lock",))
    removed += _unlink(sessions, (".json",))
    tables = [path for traces in found for path in files_in(traces.folder) if path.name == PARTICIPANTS]
    return removed + [path for path in tables if strike(path, code)]


def _locked(path: Path) -> filelock.BaseFileLock:
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LogError(f"a session in {path.parent} is being written: nothing was removed; wait for its end") from None
    return lock


def _unlink(sessions: Iterable[SessionFiles], suffixes: Sequence[str]) -> Iterator[Path]:
    for session in sessions:
        for path in dict.fromkeys([*session.files, *([session.lock] if session.lock else [])]):
            if path.suffix in suffixes and path.exists():
                path.unlink()
                yield path


def _bury(code: str, root: Path, n_trials: Sequence[int]) -> None:
    """Put up the tombstone, before anything is gone; one that is there stays as it is."""
    if is_forgotten(code, root):
        return
    new = [_digest(code), f"{datetime.now(UTC):%Y-%m-%d}", str(sum(n > 0 for n in n_trials)), str(sum(n_trials))]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([DELETION_RECORD, *_tombstones(root), new])
    write_atomically(root / DELETION_RECORDS, text.getvalue().encode())


def _tombstones(directory: Path) -> list[list[str]]:
    """The rows of TOMBSTONES; none where nobody was forgotten. Raises LogError."""
    path = directory / DELETION_RECORDS
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"{path}, which says who was forgotten, cannot be read: {error}") from None
    if not rows or tuple(rows[0]) != DELETION_RECORD or any(len(row) != len(DELETION_RECORD) for row in rows):
        raise LogError(f"{path} does not say who was forgotten: expected the columns {','.join(DELETION_RECORD)}")
    return rows[1:]


def _date(code: str, directory: Path) -> str:
    return next((date for sha256, date, *_ in _tombstones(directory) if sha256 == _digest(code)), "")


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
