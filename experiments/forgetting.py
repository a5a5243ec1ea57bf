"""One person's data, gone from a folder of logs; what stays is a tombstone that names nobody.

`<folder>/forgotten.csv` has a row for each person forgotten: TOMBSTONE. A code is in it as its sha256, so that a session
can refuse it and nobody reads it there. A code is short, so whoever suspects one can find out whether it was there: it is
no secret, and says nothing about a person.
"""

import csv
import hashlib
from pathlib import Path

from stimuli.errors import LogError

TOMBSTONES = "forgotten.csv"
TOMBSTONE = ("code_sha256", "date", "n_sessions", "n_trials")


def is_forgotten(code: str, directory: Path) -> bool:
    """Was the person of that code forgotten in this folder of logs? Raises LogError where that cannot be read."""
    return _digest(code) in {row[0] for row in read_tombstones(Path(directory))}


def read_tombstones(directory: Path) -> list[list[str]]:
    """The rows of TOMBSTONES; none where nobody was forgotten. Raises LogError."""
    path = directory / TOMBSTONES
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, strict=True))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"{path}, which says who was forgotten, cannot be read: {error}") from None
    if not rows or tuple(rows[0]) != TOMBSTONE or any(len(row) != len(TOMBSTONE) for row in rows):
        raise LogError(f"{path} does not say who was forgotten: expected the columns {','.join(TOMBSTONE)}")
    return rows[1:]


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
