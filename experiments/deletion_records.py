"""Records of deletions in a folder of trial logs. Sessions refuse the code of a participant whose data were deleted.

The file `forgotten.csv` in a folder of logs has one row with the columns DELETION_RECORD for each deleted participant. The
row contains the SHA-256 of the participant code, so that later sessions can refuse the code although the file does not show
it. Codes are so short that a reader of the file can recover one by trying all codes, but a code alone does not identify
a person.
"""

import csv
import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from core.atomic import write_atomically
from core.errors import LogError
from core.files import open_regular
from core.participants import participant_code
from observers.protocol import Observer

DELETION_RECORDS = "forgotten.csv"
DELETION_RECORD = ("code_sha256", "date", "n_sessions", "n_trials")


def refuse_forgotten(code: str, directory: Path) -> None:
    """Raise LogError if the data of the participant were deleted from this folder of logs."""
    if is_forgotten(code, directory):
        raise LogError(f"the data of {code} were deleted from {directory} on request: use another participant code")


def refuse_forgotten_observer(observer: Observer, directory: Path) -> None:
    """Raise LogError if the observer is a person whose data were deleted from these logs, also in a pilot session.

    The same holds for a simulated participant, who has a participant code like a person.
    """
    if observer.kind == "human" or (observer.kind == "simulated" and hasattr(observer, "code")):
        refuse_forgotten(participant_code(observer.name), directory)


def is_forgotten(code: str, directory: Path) -> bool:
    """Return whether the data of the participant were deleted from this folder of logs.

    Raises LogError if the deletion records cannot be read.
    """
    # If a user has renamed or moved a log, its deletion record is in the folder of the experiment.
    folders = [Path(directory), *(path.parent for path in Path(directory).glob(f"*/{DELETION_RECORDS}"))]
    return any(recorded_date(code, folder) for folder in folders)


def record_deletion(code: str, root: Path, n_trials: Sequence[int]) -> None:
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
        with open(open_regular(path), newline="", encoding="utf-8") as file:
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


def recorded_date(code: str, directory: Path) -> str:
    """Return the date in the deletion record of the participant in this folder, or "" if there is no record."""
    return next((date for sha256, date, *_ in _read_records(directory) if sha256 == _sha256(code)), "")


def _sha256(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
