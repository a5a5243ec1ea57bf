"""The trial log, a CSV file with one row per trial, and its sidecar, a JSON file that describes the session.

    <out>/<experiment>/<experiment>_<observer>_session-<n>.csv     is the log
    <out>/<experiment>/<experiment>_<observer>_session-<n>.json    is the sidecar

`experiments.log_rows` makes the rows, with the columns of `core.trial_columns`. The log contains only measurements;
`analysis.io.frame` computes whether a response is correct. An empty cell is a missing value. Conditions and categories are
text, even if they look like numbers.

Each row is written in one system call, so that no response is lost if the process is killed. Rows are synchronized to the
disk every SYNC_SECONDS or SYNC_ROWS rows, whichever comes first.
"""

import csv
import hashlib
import io
import json
import os
import re
import threading
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import filelock

from core.atomic import write_atomically
from core.errors import LogError
from core.files import check_regular, open_regular, read_bytes, read_text
from core.json_files import JsonError, read_json
from core.names import is_device
from experiments.sidecar_checks import check_sidecar
from observers.instructions import DEFAULT_INSTRUCTION
from stimuli.published.layouts.compressed import plain_path

VERSION = 1  # version of the format; a log with a newer version is refused
SYNC_SECONDS, SYNC_ROWS = 1.0, 64
SHARDS = ".shards"  # suffix of the folder beside a log in which its shards write their part logs
LOCK_SECONDS = 0.2  # seconds to wait for `observers status`, which holds the lock for some microseconds
MAX_NAME = 80  # maximum number of characters that a name takes up in a file name


def file_name(text: str) -> str:
    """Return `text` in a form that can be part of a file name on every operating system.

    Characters other than letters, digits, dots and hyphens of ASCII are replaced with hyphens, so that the result cannot be
    a path. A hash of the full name is appended if characters that are not ASCII were replaced, if the name was shortened
    because it is long, or if it is the name of a device in Windows, such as `con`.
    """
    name = _earlier_file_name(text)
    if text.isascii() and not is_device(name):
        return name
    name = name.replace(".", "-") if is_device(name) else name
    return f"{name[:MAX_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _earlier_file_name(text: str) -> str:
    """Return the form that earlier versions used in file names. It is the same for many names that are not ASCII."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip(".-") or "unnamed"
    return name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def log_path(directory: Path, experiment: str, observer: str, session: int) -> Path:
    """Return the path of a log.

    Args:
        directory: Folder of the logs.
        experiment: Name of the experiment.
        observer: Name of the observer.
        session: Number of the session; the first session is 1.

    Returns:
        DIRECTORY/EXPERIMENT/EXPERIMENT_OBSERVER_session-N.csv, with the names converted by `file_name`. An existing log of
        this session keeps its path, even if an earlier version converted the names in another way.
    """
    path = _log_path(directory, file_name(experiment), file_name(observer), session)
    earlier = _log_path(directory, _earlier_file_name(experiment), _earlier_file_name(observer), session)
    if earlier != path and earlier.is_file() and not path.exists():
        with suppress(LogError):
            sidecar = read_sidecar(earlier) or {"identity": {}}
            recorded = sidecar["identity"].get("observer")
            names = sidecar["identity"].get("experiment"), recorded.get("name") if isinstance(recorded, dict) else None
            if names == (experiment, observer):
                return earlier
    return path


def _log_path(directory: Path, experiment: str, observer: str, session: int) -> Path:
    """Return the path of a log from names that have been converted."""
    return Path(directory) / experiment / f"{experiment}_{observer}_session-{session}.csv"


def lock_path(log: Path) -> Path:
    """Return the path of the file that the process that writes a log has locked."""
    return log.with_name(f".{log.stem}.lock")


def _to_line(cells: Sequence[str]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode()


class LogWriter:
    """Writer that appends rows to a log. Only one writer can have a log open at a time.

    Rows are written immediately and synchronized to the disk at least every SYNC_SECONDS or SYNC_ROWS rows. The file is
    created with the first row. The writer must be closed.

    Attributes:
        path: The path of the log. Its folder is created if it does not exist.

    Raises:
        LogError: If another writer has this log open.

    Example:
        >>> writer = LogWriter(log_path(Path("logs"), "edge", "ideal", session=1))
        >>> writer.write(log_rows.column_names(cues, choices))
        >>> writer.close()
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        lock = lock_path(path)
        try:
            check_regular(lock)
            check_regular(path)
            self._lock = filelock.FileLock(lock)
            self._lock.acquire(timeout=LOCK_SECONDS, poll_interval=LOCK_SECONDS / 10)
        except filelock.Timeout:
            raise LogError(
                f"{path} is being written by another run; wait until it ends, or choose another --session"
            ) from None
        self._file: int | None = None
        self._digest = hashlib.sha256()
        self._n_unsynced = 0
        self._timer: threading.Timer | None = None
        self._sync_lock = threading.Lock()  # the timer runs in another thread and must not sync a closed file

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content of the log, after `continue_from` for a log that existed before."""
        return self._digest.hexdigest()

    def continue_from(self, content: bytes) -> None:
        """Set the content that the log has before the first row is written."""
        self._digest = hashlib.sha256(content)

    def write(self, cells: Sequence[str]) -> None:
        """Append one row in one system call. Raises LogError if the row cannot be written."""
        if self._file is None:
            self._file = open_regular(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        line = _to_line(cells)
        try:
            n_written = os.write(self._file, line)
        except OSError as error:
            raise LogError(f"{self.path}: {error.strerror}; fix that and run the same command again") from None
        if n_written != len(line):
            with suppress(OSError):
                os.ftruncate(self._file, os.fstat(self._file).st_size - n_written)  # so that a later row can follow
            raise LogError(f"{self.path}: the disk is full; free some space and run the same command again")
        self._digest.update(line)
        with self._sync_lock:
            self._n_unsynced += 1
            if self._timer is None:  # the timer synchronizes this row even if no further row is written soon
                self._timer = threading.Timer(SYNC_SECONDS, self.sync)
                self._timer.daemon = True
                self._timer.start()
        if self._n_unsynced >= SYNC_ROWS:
            self.sync()

    def sync(self) -> None:
        """Synchronize all rows to the disk."""
        with self._sync_lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._file is not None and self._n_unsynced:
                os.fsync(self._file)
            self._n_unsynced = 0

    def close(self) -> None:
        """Synchronize and close the file, and let other writers open it."""
        try:
            self.sync()
            with self._sync_lock:
                if self._file is not None:
                    os.close(self._file)
                    self._file = None
        finally:
            self._lock.release()


def has_rows(path: Path) -> bool:
    """Return whether the log exists and has at least one complete row besides the header."""
    return path.exists() and count_rows(path) > 0


def count_rows(path: Path) -> int:
    """Return the number of complete rows of a log besides the header, or of its lines if the line endings were changed."""
    return max(0, read_bytes(path).replace(b"\r", b"\n").count(b"\n") - 1)


def remove_incomplete_row(path: Path) -> int:
    """Remove an incomplete last row, which a crash in the middle of a write can leave.

    Args:
        path: The log.

    Returns:
        The number of bytes removed, usually 0.

    Raises:
        LogError: If the log has a byte order mark, carriage returns or NUL bytes, which means that another program has
            changed it.
    """
    content = read_bytes(path)
    complete = content[: content.rfind(b"\n") + 1]  # the incomplete rest may contain NUL bytes after a power cut
    if content.startswith((BOM_UTF8, BOM_UTF16_LE, BOM_UTF16_BE)) or b"\r" in content or b"\0" in complete:
        raise LogError(
            f"{path} has different line endings than a trial log, or NUL bytes or a byte order mark: another program, such "
            f"as Excel, has changed it; restore the original, or choose another --session"
        )
    n_bytes = len(content) - len(complete)
    if n_bytes:
        with open(path, "r+b") as file:
            file.truncate(len(complete))
    return n_bytes


def read_rows(path: Path) -> list[list[str]]:
    """Read a log as text.

    Args:
        path: The log.

    Returns:
        The cells of the header and of each row.

    Raises:
        LogError: If the log cannot be read, is empty, or has a row with a different number of cells than the header.
    """
    try:
        text = read_text(path)
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"the trial log {path} cannot be read: {error}") from None
    if not rows:
        raise LogError(f"the trial log {path} is empty: expected a header and one row per trial")
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(rows[0]):
            raise LogError(f"{path}, line {number}: {len(cells)} cells, but the header has {len(rows[0])}")
    return rows


def describe_rows(content: bytes, n_rows: int) -> dict[str, int | str]:
    """Return the entry `hashed` of a sidecar: the number of rows in a log, and the SHA-256 of its header and these rows."""
    return {"n_rows": n_rows, "sha256": hashlib.sha256(content).hexdigest()}


def check_hashed_rows(path: Path, sidecar: Mapping[str, Any]) -> bytes:
    """Compare the rows of a log that were hashed when its sidecar was written, and return the content of the log.

    Later rows, which were written before a crash, are not compared, and neither are those of a log that has lost its last
    rows or whose sidecar does not have the hash.

    Args:
        path: The log.
        sidecar: The contents of its sidecar.

    Raises:
        LogError: If one of the rows was changed, or if the entry `hashed` of the sidecar is damaged.
    """
    content, hashed = read_bytes(path), sidecar.get("hashed")
    if hashed is None:
        return content
    n_rows = hashed.get("n_rows") if isinstance(hashed, Mapping) else None
    if not isinstance(n_rows, int) or not isinstance(hashed.get("sha256"), str):
        raise LogError(f"the sidecar of {path} is damaged: it lacks the hash of the rows; restore the original")
    lines = content.splitlines(keepends=True)[: n_rows + 1]
    if len(lines) == n_rows + 1 and describe_rows(b"".join(lines), n_rows) != dict(hashed):
        raise LogError(
            f"{path} was changed after it was written: its first {n_rows} rows are not those of the session; restore the "
            f"original, or choose another --session"
        )
    return content


def sidecar_path(log: Path) -> Path:
    """Return the path of the sidecar of a log."""
    return plain_path(log).with_suffix(".json")


def read_sidecar(log: Path) -> dict[str, Any] | None:
    """Read the sidecar of a log.

    Args:
        log: The path of the log.

    Returns:
        The contents of the sidecar, with the keys format, status, started, finished, n_logged, identity, environment and
        provenance. None if the sidecar does not exist. The instruction of a log that was written before instructions were
        recorded is the default instruction.

    Raises:
        LogError: If the sidecar is damaged, or has a newer format than VERSION.
    """
    path = sidecar_path(log)
    try:
        sidecar = read_json(path, finite=False)
    except FileNotFoundError:
        return None
    except (OSError, JsonError) as error:
        if path.is_file() and not path.read_bytes().strip(b"\0 \r\n\t") and not has_rows(log):
            return None  # the computer lost power before the first trial
        raise LogError(f"the sidecar {path} cannot be read ({error}): restore the original, or move it away") from None
    if not isinstance(sidecar, dict) or not isinstance(sidecar.get("format"), int):
        raise LogError(f"{path} is not the sidecar of a trial log, because its format number is missing: move it away")
    if sidecar["format"] > VERSION:
        raise LogError(f"{path} has format {sidecar['format']}; this version reads up to {VERSION}: update observers")
    for part in ("identity", "provenance"):
        if not isinstance(sidecar.get(part), dict):
            raise LogError(
                f"{path} is damaged: it lacks its {part}; move log and sidecar away, or choose another --session"
            )
    check_sidecar(path, sidecar)
    sidecar["identity"].setdefault("instruction", DEFAULT_INSTRUCTION)
    return sidecar


def write_sidecar(log: Path, sidecar: Mapping[str, Any]) -> None:
    """Write the sidecar of a log. An old sidecar is replaced in one step, so that there is always a complete one.

    Args:
        log: The path of the log.
        sidecar: The contents.

    Raises:
        LogError: If the sidecar cannot be written.
    """
    path = sidecar_path(log)
    try:
        write_atomically(path, (json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n").encode(), sync=True)
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}; fix that and run the same command again") from None
