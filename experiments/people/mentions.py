"""Mentions of a participant code in files that are not the participant's own: rows of participants.tsv, and other texts."""

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

from core.atomic import write_atomically
from core.participants import pilot_name

PARTICIPANTS = "participants.tsv"
_CHUNK = 1 << 20  # bytes that are read at a time
_MAX_CODE = 256  # bytes by which two chunks overlap, so that a code at their border is not missed
_BOM = b"\xef\xbb\xbf"
# The pixels of images are not searched, because short codes occur in them by chance.
_IMAGES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".avif",
    ".jfif",
    ".npy",
    ".npz",
    ".gz",
    ".zip",
)


def files_in(folder: Path) -> Iterator[Path]:
    """Yield all files and links below a folder. Raises OSError if a folder cannot be read, since it may contain data."""

    def stop(error: OSError) -> None:
        raise error

    for directory, folders, names in os.walk(folder, onerror=stop):
        folders.sort()
        for name in sorted(names) + [name for name in folders if Path(directory, name).is_symlink()]:
            yield Path(directory, name)


def mentions_code(path: Path, relative_path: Path, code: str) -> bool:
    """Return whether a file contains the code as a whole word in its relative path or in its content (UTF-8 or UTF-16).

    The content of links, of special files and of images is not read. The end of a Parquet file, which is not compressed,
    has the codes of all people.
    """
    word = re.compile(rf"(?<![A-Za-z0-9]){re.escape(code)}(?![A-Za-z0-9])")
    if word.search(str(relative_path)):
        return True
    if path.suffix.lower() in _IMAGES or path.is_symlink() or not path.is_file():
        return False
    binary_word = re.compile(word.pattern.encode())
    wide = code.encode("utf-16-le")  # with another byte order, the same bytes begin one byte later
    with path.open("rb") as file:
        overlap = b""
        while chunk := file.read(_CHUNK):
            content = overlap + chunk
            if binary_word.search(content) or wide in content:
                return True
            overlap = content[-_MAX_CODE:]
    return False


def has_participant_row(participants: Path, code: str) -> bool:
    """Return whether `remove_participant_row` would remove a row from a participants.tsv."""
    return _without_participant(participants, code, set()) is not None


def remove_participant_row(participants: Path, code: str) -> bool:
    """Remove the participant from the participants.tsv of a BIDS export, and delete the participant's empty folders.

    A row is kept if the folder of the subject still contains files. Returns whether a row was removed.
    """
    subjects: set[str] = set()
    content = _without_participant(participants, code, subjects)
    if content is None:
        return False
    for subject in subjects:
        for directory, _, _ in os.walk(participants.parent / subject, topdown=False):
            os.rmdir(directory)
    write_atomically(participants, content)
    return True


def _without_participant(participants: Path, code: str, subjects: set[str]) -> bytes | None:
    """Return the content of a participants.tsv without the participant's rows, or None if it does not have any.

    A row is removed only if the folder of its subject contains no files. The labels of these subjects are added to
    `subjects`.
    """
    if participants.is_symlink() or not participants.is_file():
        return None
    content = participants.read_bytes()
    lines = content.removeprefix(_BOM).splitlines(keepends=True)
    columns = _cells(lines[0]) if lines else []
    if not {"participant_id", "observer"} <= set(columns):
        return None
    subject, observer = columns.index("participant_id"), columns.index("observer")
    remaining = []
    for line in lines:
        cells = _cells(line)  # a row may lack its last cells
        if (
            len(cells) > max(subject, observer)
            and cells[observer] in (code, pilot_name(code))
            and re.fullmatch(r"sub-[A-Za-z0-9]+", cells[subject])
            and _has_no_files(participants.parent / cells[subject])
        ):
            subjects.add(cells[subject])
        else:
            remaining.append(line)
    return (_BOM if content.startswith(_BOM) else b"") + b"".join(remaining) if subjects else None


def _cells(line: bytes) -> list[str]:
    """Return the cells of a line of a participants.tsv, which may be in quotation marks."""
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter="\t"), [])]
    except csv.Error:  # a cell that is too long
        return []


def _has_no_files(folder: Path) -> bool:
    """Return whether a folder contains no files or does not exist. The result is False for a link."""
    return not folder.is_symlink() and not (folder.is_dir() and any(files_in(folder)))
