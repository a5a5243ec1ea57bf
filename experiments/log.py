"""The trial log: one CSV row a trial, on disk before the next trial, and a JSON sidecar that says what was run.

    <out>/<experiment>/<experiment>_<observer>_session-<n>.csv     and the same stem with .json

Columns: COLUMNS, the set's cues, `evidence_<choice>` for every choice, `measured_<what>` for what else the observer
measures. Measured facts only; whether an answer is correct is computed in `analysis.frame`. An empty cell is none; text
stays text. Each row is one write, so that a kill loses nothing that was answered; the disk is told to sync every
SYNC_SECONDS or SYNC_ROWS, whichever comes first.
"""

import csv
import hashlib
import io
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock

from observers.protocol import Observer, Response, Trial, measures_of
from stimuli.errors import LogError, ObserverError

VERSION = 1  # of this format; a reader refuses what is newer
COLUMNS = (
    "experiment", "observer", "kind", "session", "block", "trial", "stimulus", "condition", "category", "response",
    "rt", "n_evaluations",
)  # fmt: skip
EVIDENCE, MEASURED = "evidence_", "measured_"
SYNC_SECONDS, SYNC_ROWS = 1.0, 64
MAX_NAME = 80


def file_name(text: str) -> str:
    """`text` as part of a file name: only letters, digits, dot and hyphen are kept, so that no name can be a path."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip(".-") or "unnamed"
    # File systems end at 255 bytes; what is cut off is told apart by its hash.
    return name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def log_path(directory: Path, experiment: str, observer: str, session: int) -> Path:
    stem = f"{file_name(experiment)}_{file_name(observer)}_session-{session}"
    return Path(directory) / file_name(experiment) / f"{stem}.csv"


def column_names(cues: Sequence[str], choices: Sequence[str], measures: Sequence[str] = ()) -> list[str]:
    return [*COLUMNS, *cues, *(EVIDENCE + choice for choice in choices), *(MEASURED + what for what in measures)]


def format_row(
    experiment: str, observer: Observer, session: int, cues: Sequence[str], trial: Trial, response: Response
) -> list[str]:
    """The cells of one trial, in the order of `header`: times in full, evidence to the nine digits that float32 needs."""
    s = trial.stimulus
    evidence = ["" for _ in trial.choices] if response.evidence is None else [_number(x) for x in response.evidence]
    return [
        experiment, observer.name, observer.kind, str(session), str(trial.block), str(trial.number), s.id, s.condition,
        s.category, response.choice or "", "" if response.rt is None else repr(float(response.rt)),
        "" if response.n_evaluations is None else str(response.n_evaluations), *(s.cues[cue] for cue in cues), *evidence,
        *_measured(observer, response),
    ]  # fmt: skip


def _measured(observer: Observer, response: Response) -> list[str]:
    """In full. Raises ObserverError for what the observer has not said that it measures."""
    found, names = response.measured or {}, measures_of(observer)
    unknown = sorted(found.keys() - set(names))
    if unknown:
        raise ObserverError(f"observer {observer.name} measured {', '.join(unknown)}, which its measures do not name")
    return [repr(float(found[name])) if name in found else "" for name in names]


def describe_mismatch(
    cells: Sequence[str], experiment: str, observer: Observer, session: int, cues: Sequence[str], trial: Trial
) -> str:
    """What a logged row says otherwise than the session could have written; "" where it is its row."""
    asked = format_row(experiment, observer, session, cues, trial, Response(None))
    for name, cell, expected in zip(
        column_names(cues, trial.choices, measures_of(observer)), cells, asked, strict=True
    ):
        if name == "response":
            if cell not in ("", *trial.choices):
                return f"its response {cell[:80]!r} is none of the choices"
        elif name in ("rt", "n_evaluations") or name.startswith((EVIDENCE, MEASURED)):
            if not _is_number(cell):
                return f"its {name} is {cell[:80]!r}, expected a number"
        elif cell != expected:
            return f"its {name} is {cell[:80]!r}, expected {expected!r}"
    return ""


def _is_number(cell: str) -> bool:
    """Empty is a number that there is none of."""
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True


def _number(value: float | None) -> str:
    return "" if value is None else format(value, ".9g")


def _line(cells: Sequence[str]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode()


class LogWriter:
    """Appends rows to a log that it alone may write, from opening to `close`. Raises LogError if another has it open."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = filelock.FileLock(path.with_name(f".{path.stem}.lock"))
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise LogError(f"{path} is being written by another run; wait for it, or take another --session") from None
        self._file: int | None = None
        self._n_unsynced = 0
        self._timer: threading.Timer | None = None
        self._syncing = threading.Lock()  # the timer has its own thread, and must not sync a file that is closed

    def write(self, cells: Sequence[str]) -> None:
        """Append one row, in one write."""
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        line = _line(cells)
        try:
            n_written = os.write(self._file, line)
        except OSError as error:
            raise LogError(f"{self.path}: {error.strerror}; put that right, then run the same command again") from None
        if n_written != len(line):
            raise LogError(f"{self.path}: the disk is full; make room, then run the same command again")
        with self._syncing:
            self._n_unsynced += 1
            if self._timer is None:  # the next row may be long in coming
                self._timer = threading.Timer(SYNC_SECONDS, self.sync)
                self._timer.daemon = True
                self._timer.start()
        if self._n_unsynced >= SYNC_ROWS:
            self.sync()

    def sync(self) -> None:
        """Have all rows on the disk."""
        with self._syncing:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._file is not None and self._n_unsynced:
                os.fsync(self._file)
            self._n_unsynced = 0

    def close(self) -> None:
        try:
            self.sync()
            with self._syncing:
                if self._file is not None:
                    os.close(self._file)
                    self._file = None
        finally:
            self._lock.release()


def has_rows(path: Path) -> bool:
    """Does the log hold a trial, beyond its header and a torn line?"""
    if not path.exists():
        return False
    content = path.read_bytes().replace(b"\r", b"\n")  # as another program may have saved it
    return content.count(b"\n") > 1


def remove_incomplete_row(path: Path) -> int:
    """Cut off a torn last line, left by a crash in the middle of a write; how many bytes that were (0 as a rule).

    Raises LogError for line ends or NUL bytes that a log does not have: another program has saved it since.
    """
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]  # what a power cut may leave behind it, such as NUL bytes, is torn
    if b"\r" in content or b"\0" in whole:
        raise LogError(
            f"{path} has other line ends than a log, or NUL bytes: another program has saved it; put the original back, "
            f"or take another --session"
        )
    torn = len(content) - len(whole)
    if torn:
        with open(path, "r+b") as file:
            file.truncate(len(whole))
    return torn


def read_rows(path: Path) -> list[list[str]]:
    """Header and rows of a log as text. Raises LogError for an empty one, and naming the line of what is damaged."""
    try:
        text = path.read_text("utf-8")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"the trial log {path} cannot be read: {error}") from None
    if not rows:
        raise LogError(f"the trial log {path} is empty: expected a header and a row a trial")
    for number, cells in enumerate(rows, start=1):
        if len(cells) != len(rows[0]):
            raise LogError(f"{path}, line {number}: {len(cells)} cells where the header has {len(rows[0])}")
    return rows


def sidecar_path(log: Path) -> Path:
    return log.with_suffix(".json")


def read_sidecar(log: Path) -> dict[str, Any] | None:
    """The sidecar of a log, None where there is none. Raises LogError for a damaged one or a newer format."""
    path = sidecar_path(log)
    try:
        sidecar = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise LogError(f"the sidecar {path} cannot be read ({error}): put the original back, or move it away") from None
    if not isinstance(sidecar, dict) or not isinstance(sidecar.get("format"), int):
        raise LogError(f"{path} is no sidecar of a trial log, it has no format number: move it away")
    if sidecar["format"] > VERSION:
        raise LogError(f"{path} has format {sidecar['format']}; this version reads up to {VERSION}: update observers")
    for part in ("identity", "provenance"):
        if not isinstance(sidecar.get(part), dict):
            raise LogError(f"{path} is damaged: it has no {part}; move log and sidecar away, or take another --session")
    return sidecar


def write_sidecar(log: Path, sidecar: Mapping[str, Any]) -> None:
    """Replace the sidecar in one step, so that there is always a whole one."""
    path = sidecar_path(log)
    partial = path.with_suffix(".json.part")
    try:
        partial.write_text(json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n", "utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}; put that right, then run the same command again") from None
