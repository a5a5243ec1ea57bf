"""People and networks of the past, replayed from CSV files of either dialect: ours (`experiments.log`) or the field's.

A recorded observer answers a trial with what was answered to the same image in the same condition.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from attrs import field, frozen

from observers.protocol import KINDS, Kind, ObserverError, Response, Trial
from stimuli import dialect
from stimuli.datasets import DATASETS

MAX_BYTES = 1 << 30


@frozen(eq=False)
class RecordedTrial:
    """One recorded trial."""

    observer: str
    kind: Kind
    category: str
    choice: str | None
    rt: float | None
    n_evaluations: int | None
    evidence: dict[str, float] | None


def read_recorded_trials(path: Path, observer: str | None = None) -> dict[tuple[str, str], RecordedTrial]:
    """(stimulus, condition) -> Answer, from a CSV of either dialect.

    Raises ObserverError for no such file, other columns, several observers with none named, and an image answered twice.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ObserverError(f"{path} is larger than {MAX_BYTES >> 20} MiB; that is no trial log")
        text = path.read_text("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ObserverError(f"the recording {path} cannot be read: {error}") from None
    columns = set(rows[0]) if rows else set()
    if {"subj", "imagename", "object_response"} <= columns:
        read = _of_the_field
    elif {"observer", "stimulus", "response"} <= columns:
        read = _of_ours
        if not text.endswith("\n"):  # torn by a crash: what is left of its last cells may be wrong
            rows.pop()
    else:
        raise ObserverError(
            f"{path} is no trial log: expected columns {','.join(dialect.COLUMNS)}, or those of our own log"
        )
    answers = []
    for number, row in enumerate(rows, start=2):
        try:
            if None in row or None in row.values():
                raise ValueError("another number of cells than the header has")
            answers.append(read(row, path))
        except KeyError as error:
            raise ObserverError(f"{path} has no column {error}") from None
        except ValueError as error:
            raise ObserverError(f"{path}, row {number}: {error}") from None
    names = sorted({answer.observer for _, answer in answers})
    if observer is None and len(names) > 1:
        raise ObserverError(f"{path} holds several observers: say which with -o observer=NAME, of {', '.join(names)}")
    if observer is not None and observer not in names:
        raise ObserverError(f"{path} has no observer {observer!r}; it has {', '.join(names)}")
    out: dict[tuple[str, str], RecordedTrial] = {}
    for key, answer in answers:
        if observer in (None, answer.observer):
            if key in out:
                raise ObserverError(f"{path}: {answer.observer} answered {key[0]} in condition {key[1]!r} twice")
            out[key] = answer
    return out


def _of_the_field(row: dict[str, str], path: Path) -> tuple[tuple[str, str], RecordedTrial]:
    name = dialect.infer_dataset(path, tuple(DATASETS))
    condition = "" if row["condition"] in dialect.MISSING else row["condition"]
    if name in DATASETS:
        condition = DATASETS[name].canonical(condition)
    answer = RecordedTrial(
        observer=row["subj"],
        kind=dialect.infer_kind(row["subj"], row["imagename"]),  # type: ignore[arg-type]
        category=row["category"],
        choice=None if row["object_response"] == dialect.NO_ANSWER else row["object_response"],
        rt=None if row.get("rt", "") in dialect.MISSING else float(row["rt"]),
        n_evaluations=None,
        evidence=None,
    )
    return (dialect.extract_image_id(row["imagename"]), condition), answer


def _of_ours(row: dict[str, str], path: Path) -> tuple[tuple[str, str], RecordedTrial]:
    if row["kind"] not in KINDS:
        raise ObserverError(f"{path}: {row['kind']!r} is no kind of observer; kinds are {', '.join(KINDS)}")
    evidence = {name.removeprefix("evidence_"): cell for name, cell in row.items() if name.startswith("evidence_")}
    answer = RecordedTrial(
        observer=row["observer"],
        kind=row["kind"],  # type: ignore[arg-type]
        category=row["category"],
        choice=row["response"] or None,
        rt=float(row["rt"]) if row["rt"] else None,
        n_evaluations=int(row["n_evaluations"]) if row["n_evaluations"] else None,
        evidence={c: float(cell) for c, cell in evidence.items()} if evidence and all(evidence.values()) else None,
    )
    return (row["stimulus"], row["condition"]), answer


@frozen
class Recorded:
    """The observer in a CSV file; `observer` says which, where the file holds several."""

    path: Path = field(converter=Path)
    observer: str | None = None

    @cached_property
    def _answers(self) -> dict[tuple[str, str], RecordedTrial]:
        return read_recorded_trials(self.path, self.observer)

    @property
    def name(self) -> str:
        return next(iter(self._answers.values())).observer

    @property
    def kind(self) -> Kind:
        return next(iter(self._answers.values())).kind

    def provenance(self) -> dict[str, str]:
        return {"recording_sha256": hashlib.sha256(self.path.read_bytes()).hexdigest()}

    def observe(self, trials: Iterable[Trial]) -> Iterator[Response]:
        for trial in trials:
            s = trial.stimulus
            answer = self._answers.get((s.id, s.condition))
            if answer is None:
                where = f" in condition {s.condition!r}" if s.condition else ""
                raise ObserverError(f"{self.name} has no recorded answer to {s.id}{where} in {self.path}")
            evidence = None
            if answer.evidence is not None and set(answer.evidence) >= set(trial.choices):
                evidence = np.array([answer.evidence[c] for c in trial.choices])
            yield Response(answer.choice, answer.rt, evidence, answer.n_evaluations)
