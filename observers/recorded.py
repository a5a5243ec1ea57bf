"""Replay of recorded responses of people or models.

The recording is a CSV file in our own format (`experiments.log`) or in the model-vs-human format
(`stimuli.published.dialect`). The observer responds to a trial with the recorded response to the same image in the same
condition."""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from attrs import field, frozen

from observers.protocol import KINDS, Kind, ObserverError, Response, Trial
from stimuli.published import dialect
from stimuli.published.datasets import DATASETS

MAX_BYTES = 1 << 30


@frozen(eq=False)
class RecordedTrial:
    """One recorded trial.

    Attributes:
        observer: Name of the observer.
        kind: Kind of the observer.
        category: The correct answer.
        choice: The response, or None if the observer did not choose.
        rt: Response time in seconds, or None if it was not recorded.
        n_evaluations: Number of model evaluations, or None if it was not recorded.
        evidence: Evidence by choice, or None if it was not recorded.
    """

    observer: str
    kind: Kind
    category: str
    choice: str | None
    rt: float | None
    n_evaluations: int | None
    evidence: dict[str, float] | None


def read_recorded_trials(path: Path, observer: str | None = None) -> dict[tuple[str, str], RecordedTrial]:
    """Read the trials of one observer from a CSV file in our own or the model-vs-human format.

    In a file in our own format, an incomplete last row, which a crash can leave, is skipped.

    Args:
        path: The CSV file.
        observer: Name of the observer; it is only needed if the file has several observers.

    Returns:
        The trials, with the pair (stimulus, condition) as key.

    Raises:
        ObserverError: If the file cannot be read or is not a trial log, if it has several observers and `observer` is None,
            if it does not have this observer, or if the observer answered the same image in the same condition twice.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ObserverError(f"{path} is larger than {MAX_BYTES >> 20} MiB, so it is not a trial log")
        text = path.read_text("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ObserverError(f"the recording {path} cannot be read: {error}") from None
    columns = set(rows[0]) if rows else set()
    if {"subj", "imagename", "object_response"} <= columns:
        parse = _parse_model_vs_human
    elif {"observer", "stimulus", "response"} <= columns:
        parse = _parse_own_format
        if not text.endswith("\n"):  # a crash can leave an incomplete last row, whose cells may be truncated
            rows.pop()
    else:
        raise ObserverError(
            f"{path} is not a trial log: expected the columns {','.join(dialect.COLUMNS)}, or at least "
            f"observer, stimulus and response"
        )
    recorded = []
    for number, row in enumerate(rows, start=2):
        try:
            if None in row or None in row.values():
                raise ValueError("the number of cells differs from the header")
            recorded.append(parse(row, path))
        except KeyError as error:
            raise ObserverError(f"{path} lacks the column {error}") from None
        except ValueError as error:
            raise ObserverError(f"{path}, row {number}: {error}") from None
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


def _parse_model_vs_human(row: dict[str, str], path: Path) -> tuple[tuple[str, str], RecordedTrial]:
    """Return the (stimulus, condition) and the trial of one row in the model-vs-human format."""
    name = dialect.infer_dataset(path, tuple(DATASETS))
    condition = "" if row["condition"] in dialect.MISSING else row["condition"]
    if name in DATASETS:
        condition = DATASETS[name].canonical(condition)
    trial = RecordedTrial(
        observer=row["subj"],
        kind=dialect.infer_kind(row["subj"], row["imagename"]),
        category=row["category"],
        choice=None if row["object_response"] == dialect.NO_ANSWER else row["object_response"],
        rt=None if row.get("rt", "") in dialect.MISSING else float(row["rt"]),
        n_evaluations=None,
        evidence=None,
    )
    return (dialect.extract_image_id(row["imagename"]), condition), trial


def _parse_own_format(row: dict[str, str], path: Path) -> tuple[tuple[str, str], RecordedTrial]:
    """Return the (stimulus, condition) and the trial of one row in the format of `experiments.log`."""
    if row["kind"] not in KINDS:
        raise ObserverError(f"{path}: {row['kind']!r} is not a kind of observer; expected one of {', '.join(KINDS)}")
    evidence = {name.removeprefix("evidence_"): cell for name, cell in row.items() if name.startswith("evidence_")}
    trial = RecordedTrial(
        observer=row["observer"],
        kind=row["kind"],
        category=row["category"],
        choice=row["response"] or None,
        rt=float(row["rt"]) if row["rt"] else None,
        n_evaluations=int(row["n_evaluations"]) if row["n_evaluations"] else None,
        evidence={c: float(cell) for c, cell in evidence.items()} if evidence and all(evidence.values()) else None,
    )
    return (row["stimulus"], row["condition"]), trial


@frozen
class Recorded:
    """An observer that replays the recorded responses in a CSV file (`recorded:FILE.csv`).

    The observer has the name and the kind that are recorded in the file. The response times, the evidence and the
    counts of model evaluations are replayed too.

    Evidence: the recorded evidence, in the unit of the recorded observer; None if the evidence of a choice is missing.

    Attributes:
        path: CSV file in our own or the model-vs-human format.
        observer: Name of the observer; it is only needed if the file has several observers.

    Example:
        >>> make_observer("recorded:cue-conflict_subject-01_session_1.csv").name
        'subject-01'
    """

    path: Path = field(converter=Path)
    observer: str | None = None

    @cached_property
    def _trials(self) -> dict[tuple[str, str], RecordedTrial]:
        return read_recorded_trials(self.path, self.observer)

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
        return {"recording_sha256": hashlib.sha256(self.path.read_bytes()).hexdigest()}

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        """Yield the recorded response to each trial.

        Raises:
            ObserverError: If the recording cannot be read, or lacks a response to a stimulus in its condition.
        """
        for trial in trials:
            s = trial.stimulus
            recorded = self._trials.get((s.id, s.condition))
            if recorded is None:
                where = f" in condition {s.condition!r}" if s.condition else ""
                raise ObserverError(f"{self.path} does not have a response of {self.name} to {s.id}{where}")
            evidence = None
            if recorded.evidence is not None and set(recorded.evidence) >= set(trial.choices):
                evidence = np.array([recorded.evidence[c] for c in trial.choices])
            yield Response(recorded.choice, recorded.rt, evidence, recorded.n_evaluations)
