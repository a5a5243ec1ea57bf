"""Delete the data of one participant from folders of trial logs and exports, and record the deletion."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import filelock

from core.errors import LogError
from core.files import check_regular, resolve
from experiments.deletion_records import record_deletion, recorded_date
from experiments.people.mentions import PARTICIPANTS, files_in, mentions_code, remove_participant_row
from experiments.people.personal_data import PersonalData, SessionFiles, find_personal_data
from observers.people.codes import check_code


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
    resolved = {resolve(folder): Path(folder) for folder in folders}
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
    return next((date for folder in folders if (date := recorded_date(code, folder))), "")


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
    folders = list(folders)
    personal_data = find_in_folders(code, folders, any_kind=any_kind)
    sessions = _sessions(personal_data)
    roots = sorted({session.root for session in sessions if session.root is not None})
    with ExitStack() as locks:
        _lock_sessions(sessions, locks)
        for root in roots:
            locks.enter_context(_lock(root / ".forgotten.lock"))
        for root in roots:
            record_deletion(code, root, [session.n_trials for session in sessions if session.root == root])
        # From now on, the code is refused. A session that began before is found and locked, or it is in use.
        personal_data = find_in_folders(code, folders, any_kind=any_kind)
        known = {session.lock for session in sessions}
        sessions = _sessions(personal_data)
        _lock_sessions([session for session in sessions if session.lock not in known], locks)
        deleted = list(_delete(sessions, (".csv", ".tsv", ".part")))
    deleted += _delete(sessions, (".lock",))
    deleted += _delete(sessions, (".json",))
    tables = [path for data in personal_data for path in files_in(data.folder) if path.name == PARTICIPANTS]
    return deleted + [path for path in tables if remove_participant_row(path, code)]


def remaining_mentions(code: str, folders: Iterable[Path]) -> list[Path]:
    """Return the files that contain the code in their name or content, after the data of the participant were deleted.

    Args:
        code: Participant code.
        folders: Folders of trial logs and of exports.
    """
    return [
        path
        for folder in folders
        for path in files_in(Path(folder))
        if mentions_code(path, path.relative_to(folder), code)
    ]


def _sessions(personal_data: Iterable[PersonalData]) -> list[SessionFiles]:
    return [session for data in personal_data for session in data.sessions]


def _lock_sessions(sessions: Iterable[SessionFiles], locks: ExitStack) -> None:
    """Acquire the locks of logs. Raises LogError if a running session holds one of them."""
    for session in sessions:
        if session.lock is not None:
            locks.enter_context(_lock(session.lock))


def _lock(path: Path) -> filelock.BaseFileLock:
    """Acquire a lock file. Raises LogError if a running session holds it."""
    check_regular(path)
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
