"""Delete the data of one participant from folders of trial logs and exports, and keep an anonymous record of the deletion.

The file `forgotten.csv` in a folder of logs has one row with the columns DELETION_RECORD for each deleted participant. The
row contains the SHA-256 of the participant code, so that later sessions can refuse the code although the file does not show
it. Codes are so short that a reader of the file can recover one by trying all codes, but a code alone does not identify
a person.
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
    remove_participant_row,
)
from observers.people.codes import check_code
from stimuli.atomic import write_atomically
from stimuli.errors import LogError

DELETION_RECORD = ("code_sha256", "date", "n_sessions", "n_trials")


def refuse_forgotten(code: str, directory: Path) -> None:
    """Raise LogError if the data of the participant were deleted from this folder of logs."""
    if is_forgotten(code, directory):
        raise LogError(f"the data of {code} were deleted from {directory} on request: use another participant code")


def is_forgotten(code: str, directory: Path) -> bool:
    """Return whether the data of the participant were deleted from this folder of logs.

    Raises LogError if the deletion records cannot be read.
    """
    # If a user has renamed or moved a log, its deletion record is in the folder of the experiment.
    folders = [Path(directory), *(path.parent for path in Path(directory).glob(f"*/{DELETION_RECORDS}"))]
    return any(_recorded_date(code, folder) for folder in folders)


def find_in_folders(code: str, folders: Iterable[Path], *, any_kind: bool = False) -> list[PersonalData]:
    """Find the data of a participant, including pilot sessions, without changing anything.

    Args:
        code: Participant code.
        folders: Folders of trial logs and of exports. A folder inside another one is searched only once.
        any_kind: Include the data of a model or a simulated observer with this name.

    Returns:
        The participant's files in each folder.

    Raises:
        ObserverError: If the code is not valid.
        LogError: If there are neither data nor a deletion record, or if it is unclear whose data a file contains.
    """
    check_code(code)
    resolved = {Path(folder).resolve(): Path(folder) for folder in folders}
    outer = [folder for path, folder in resolved.items() if not any(other in path.parents for other in resolved)]
    personal_data = [find_personal_data(code, folder, any_kind) for folder in outer]
    has_data = any(data.sessions or data.participant_tables for data in personal_data)
    if not has_data and not deletion_date(code, personal_data):
        hint = "" if any_kind else "; use --any-kind to include an observer of another kind with this name"
        raise LogError(f"there are no data of a participant {code} in {', '.join(map(str, outer))}{hint}")
    return personal_data


def deletion_date(code: str, personal_data: Iterable[PersonalData]) -> str:
    """Return the date (YYYY-MM-DD) of the first deletion record of the participant, or "" if there is no record."""
    folders = (folder for data in personal_data for folder in data.record_folders)
    return next((date for folder in folders if (date := _recorded_date(code, folder))), "")


def forget(code: str, folders: Iterable[Path], *, any_kind: bool = False) -> list[Path]:
    """Delete the data of a participant, and record the deletion so that the code is refused from then on.

    If the deletion is interrupted, the same call completes it.

    Args:
        code: Participant code.
        folders: Folders of trial logs and of exports.
        any_kind: Also delete the data of a model or a simulated observer with this name.

    Returns:
        The paths of the deleted files, followed by those of the participants.tsv files from which a row was removed.

    Raises:
        ObserverError: If the code is not valid.
        LogError: If there are no data, if it is unclear whose data a file contains, or if one of the logs is being written.
            Nothing is deleted in these cases.

    Example:
        >>> forget("K7Q2XZ", [Path("logs"), Path("bids")])
    """
    personal_data = find_in_folders(code, folders, any_kind=any_kind)
    sessions = [session for data in personal_data for session in data.sessions]
    roots = sorted({session.root for session in sessions if session.root is not None})
    lock_paths = [session.lock for session in sessions if session.lock is not None]
    with ExitStack() as locks:
        for path in (*lock_paths, *(root / ".forgotten.lock" for root in roots)):
            locks.enter_context(_lock(path))
        for root in roots:
            _record_deletion(code, root, [session.n_trials for session in sessions if session.root == root])
        deleted = list(_delete(sessions, (".csv", ".tsv", ".part")))
    deleted += _delete(sessions, (".lock",))
    deleted += _delete(sessions, (".json",))
    tables = [path for data in personal_data for path in files_in(data.folder) if path.name == PARTICIPANTS]
    return deleted + [path for path in tables if remove_participant_row(path, code)]


def _lock(path: Path) -> filelock.BaseFileLock:
    """Acquire a lock file. Raises LogError if a running session holds it."""
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise LogError(
            f"the logs in {path.parent} are in use: nothing was deleted; run the command again when the session has ended"
        ) from None
    return lock


def _delete(sessions: Iterable[SessionFiles], suffixes: Sequence[str]) -> Iterator[Path]:
    """Delete those files of the sessions whose names end in one of the suffixes, and yield their paths."""
    for session in sessions:
        for path in dict.fromkeys([*session.files, *([session.lock] if session.lock else [])]):
            if path.suffix in suffixes and path.exists():
                path.unlink()
                yield path


def _record_deletion(code: str, root: Path, n_trials: Sequence[int]) -> None:
    """Add a deletion record to a folder of logs, unless the folder has one. Call this before any file is deleted."""
    if is_forgotten(code, root):
        return
    new = [_sha256(code), f"{datetime.now(UTC):%Y-%m-%d}", str(sum(n > 0 for n in n_trials)), str(sum(n_trials))]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([DELETION_RECORD, *_read_records(root), new])
    write_atomically(root / DELETION_RECORDS, text.getvalue().encode())


def _read_records(directory: Path) -> list[list[str]]:
    """Return the deletion records of a folder, or [] if it does not have any. Raises LogError if the file is damaged."""
    path = directory / DELETION_RECORDS
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"the deletion records in {path} cannot be read: {error}") from None
    if not rows or tuple(rows[0]) != DELETION_RECORD or any(len(row) != len(DELETION_RECORD) for row in rows):
        raise LogError(
            f"{path} does not contain valid deletion records: expected the columns {','.join(DELETION_RECORD)}; restore the "
            f"file from a backup"
        )
    return rows[1:]


def _recorded_date(code: str, directory: Path) -> str:
    """Return the date in the deletion record of the participant in this folder, or "" if there is no record."""
    return next((date for sha256, date, *_ in _read_records(directory) if sha256 == _sha256(code)), "")


def _sha256(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
