"""Replay of recorded responses of people or models.

The recording is a file with one of the layouts of `stimuli.published.layouts.table`, such as our own trial log and the CSV
files of model-vs-human. The observer responds to a trial with the recorded response to the same image in the same
condition."""

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, field, frozen

from core.errors import LogError
from core.files import read_bytes
from core.trial_columns import EVIDENCE, TRIAL_COLUMNS
from observers.protocol import KINDS, Kind, ObserverError, Response, Trial
from stimuli.published.included import check_included, find_included, is_included
from stimuli.published.layouts.compressed import open_maybe_compressed, plain_path
from stimuli.published.layouts.files import expected_headers, parse_header, read_own_cells
from stimuli.published.normalize import file_of, spell

MAX_BYTES = 1 << 30


@frozen(eq=False)
class RecordedTrial:
    """One recorded trial.

    Attributes:
        observer: Name of the observer.
        kind: Kind of the observer.
        category: The correct answer.
        response: The response, without evidence.
        evidence: Evidence by choice, or None if it was not recorded.
    """

    observer: str
    kind: Kind
    category: str
    response: Response
    evidence: dict[str, float] | None


def read_recorded_trials(
    path: Path, observer: str | None = None, notes: list[str] | None = None
) -> dict[tuple[str, str], RecordedTrial]:
    """Read the trials of one observer from a file with a recognized layout.

    An incomplete last row is skipped.

    Args:
        path: The file.
        observer: Name of the observer; it is only needed if the file has several observers.
        notes: A list to which notes are added: what was changed or inferred, and what looks wrong.

    Returns:
        The trials, with the pair (stimulus, condition) as key.

    Raises:
        ObserverError: If the file cannot be read or is not a trial log, if it has several observers and `observer` is None,
            if it does not have this observer, or if the observer answered the same image in the same condition twice.
    """
    try:
        cells = _read_own_cells(path, notes)
        recorded = [_parse(row, path, n) for n, row in enumerate(_rows(cells), start=2)]
    except KeyError as error:
        raise ObserverError(f"{path} lacks the column {error}") from None
    except OSError as error:
        raise ObserverError(f"the recording {path} cannot be read: {error}") from None
    except LogError as error:
        raise ObserverError(str(error)) from None
    names = sorted({trial.observer for _, trial in recorded})
    if observer is None and len(names) > 1:
        raise ObserverError(f"{path} has several observers ({', '.join(names)}): choose one with -o observer=NAME")
    if observer is not None and observer not in names:
        raise ObserverError(f"the observer {observer!r} is not in {path}, which contains {', '.join(names)}")
    trials: dict[tuple[str, str], RecordedTrial] = {}
    for key, trial in recorded:
        if observer in (None, trial.observer):
            if key in trials:
                raise ObserverError(f"{path}: {trial.observer} answered {key[0]} in condition {key[1]!r} twice")
            trials[key] = trial
    return trials


def _read_own_cells(path: Path, notes: list[str] | None) -> Mapping[str, Sequence[str]]:
    """Return the cells of a file as the columns of our own trial log.

    Raises ObserverError if the file is not a trial log or does not contain trials, and LogError or KeyError if its cells
    are not valid (see `read_own_cells`).
    """
    if path.stat().st_size > MAX_BYTES:
        raise ObserverError(f"{path} is larger than {MAX_BYTES >> 20} MiB, so it is not a trial log")
    if is_included(path):
        notes = [] if notes is None else notes
        notes += check_included(path)
    with open_maybe_compressed(path) as file:
        content = file.read()
    layout = parse_header(content, plain_path(path))[1]
    if layout is None:
        raise ObserverError(
            f"{path} is not a trial log: expected the columns {expected_headers(path)}; `observers import` converts other "
            f"tables"
        )
    cells = read_own_cells(content, plain_path(path), layout, notes=notes)
    if not cells:
        raise ObserverError(f"{path} does not have a complete trial: expected a header and one row per trial")
    return cells


def _rows(cells: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    for row in zip(*cells.values(), strict=True):
        yield dict(zip(cells, row, strict=True))


def _parse(row: dict[str, str], path: Path, number: int) -> tuple[tuple[str, str], RecordedTrial]:
    """Return the (stimulus, condition) and the trial of one row. Raises ObserverError if a cell is not valid."""
    if row["kind"] not in KINDS:
        raise ObserverError(f"{path}: {row['kind']!r} is not a kind of observer; expected one of {', '.join(KINDS)}")
    evidence = {name.removeprefix(EVIDENCE): cell for name, cell in row.items() if name.startswith(EVIDENCE)}
    has_evidence = bool(evidence) and all(evidence.values())
    columns = [column for column in TRIAL_COLUMNS if column.response and (column.required or column.name in row)]
    try:
        response: dict[str, Any] = {column.response: column.parse(row[column.name]) for column in columns}
        trial = RecordedTrial(
            observer=row["observer"],
            kind=row["kind"],
            category=row["category"],
            response=Response(**response),
            evidence={choice: float(cell) for choice, cell in evidence.items()} if has_evidence else None,
        )
    except ValueError as error:
        raise ObserverError(f"{path}, row {number}: {error}") from None
    return (row["stimulus"], row["condition"]), trial


def _file_name(image: str) -> str:
    """Return the name of an image without its folder, its suffix and capitals."""
    return Path(file_of(image)).stem.casefold()


def _locate(path: Path | str) -> Path:
    """Return the path, or that of the included recording with this name if the path does not exist."""
    path = Path(path)
    return path if path.exists() or path.is_absolute() else find_included(*path.parts) or path


@frozen
class Recorded:
    """An observer that replays the recorded responses in a CSV file (`recorded:FILE.csv`).

    The observer has the name and the kind that are recorded in the file. The response times, the evidence and the
    counts of model evaluations are replayed too.

    Evidence: the recorded evidence, in the unit of the recorded observer; None if the evidence of a choice is missing.

    Attributes:
        path: File with a recognized layout, such as our own trial log or a CSV file of model-vs-human, also compressed with
            gzip; or the name of an included recording, such as microcosm/microcosm-edge.
        observer: Name of the observer; it is only needed if the file has several observers.

    Example:
        >>> make_observer("recorded:cue-conflict_subject-01_session_1.csv").name
        'subject-01'
    """

    path: Path = field(converter=_locate)
    observer: str | None = None

    @cached_property
    def _trials(self) -> dict[tuple[str, str], RecordedTrial]:
        """The trials of the observer. Notes about the file are printed when it is read."""
        notes: list[str] = []
        trials = read_recorded_trials(self.path, self.observer, notes)
        for note in notes:
            print(f"note: {note}", file=sys.stderr, flush=True)
        return trials

    @property
    def name(self) -> str:
        """The name of the recorded observer. Raises the errors of `read_recorded_trials`."""
        return next(iter(self._trials.values())).observer

    @property
    def kind(self) -> Kind:
        """The kind of the recorded observer. Raises the errors of `read_recorded_trials`."""
        return next(iter(self._trials.values())).kind

    def provenance(self) -> dict[str, str]:
        """Return the SHA-256 of the recording."""
        return {"recording_sha256": hashlib.sha256(read_bytes(self.path)).hexdigest()}

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield the recorded response to each trial.

        Raises:
            ObserverError: If the recording cannot be read, or lacks a response to a stimulus in its condition.
        """
        for trial in trials:
            s = trial.stimulus
            recorded = self._trials.get((s.id, s.condition))
            if recorded is None:
                raise self._no_response(s.id, s.condition)
            evidence = None
            if recorded.evidence is not None and set(recorded.evidence) >= set(trial.choices):
                evidence = np.array([recorded.evidence[c] for c in trial.choices])
            choice = recorded.response.choice
            spelled = None if choice is None else spell(choice, set(trial.choices)) or choice
            yield evolve(recorded.response, evidence=evidence, choice=spelled)

    def _no_response(self, stimulus: str, condition: str) -> ObserverError:
        """Return the error for an image without a recorded response, which names similar images that have one."""
        where = f" in condition {condition!r}" if condition else ""
        message = f"{self.path} does not have a response of {self.name} to {stimulus}{where}"
        others = sorted({other for image, other in self._trials if image == stimulus})
        if others:
            labels = ", ".join(f"in condition {other!r}" if other else "without a condition" for other in others)
            wanted = f"the condition {condition!r}" if condition else "no condition"
            return ObserverError(
                f"{message}: it has one {labels}, but the image of the experiment has {wanted}; use the same text "
                f"in the column condition of both"
            )
        file = _file_name(stimulus)
        similar = next((image for image, _ in self._trials if _file_name(image) == file), None)
        example = similar or next(image for image, _ in self._trials)
        return ObserverError(f"{message}; it has one to {example!r}: equal images need equal names")
