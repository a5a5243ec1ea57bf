"""Trial logs of any format -> one tidy, validated frame: the only way into the measures.

A frame has a row a trial and the columns COLUMNS: text where text was written (`condition` is never a number or a truth
value; a missing answer is ""), `rt` in seconds, `correct` = the response is the category. The cues of the stimulus set
(`shape`, `texture`), `evidence_<choice>` and `measured_<what>` follow where a log has them. `frame.attrs["notes"]` holds
sentences about what a reader must know: partial logs, simulated observers, pilot sessions (which are left out).
An observer is (dataset, observer): `subject-01` of two datasets are two people.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from analysis import bids
from analysis.answerable import with_answers
from analysis.formats import MAX_LINE, PATTERNS, begins
from experiments import log
from stimuli import dialect
from stimuli.datasets import DATASETS, parse_cues
from stimuli.errors import LogError, UnknownName

COLUMNS = (
    "dataset", "observer", "kind", "session", "block", "trial", "stimulus", "condition", "category", "response", "rt",
    "n_evaluations", "correct", "source",
)  # fmt: skip
KINDS = ("human", "generative", "contrastive", "discriminative", "simulated")  # in the order of tables and figures
N_NAMED = 2  # partial logs of a kind; more are counted
PILOT = "-pilot"  # at the end of a person's name in a session that does not count


def read_trials(paths: Iterable[Path | str], *, ambiguous: bool = False) -> pd.DataFrame:
    """All trials of the given files, and of the trial logs in the given folders, searched recursively.

    Trials without a right answer (illusions) are left out unless `ambiguous`; the notes say so.

    A file in a folder that is no trial log is passed over; one that is named must be a trial log. Raises LogError naming
    the file for what is missing, damaged, or there twice, and if no trial is left.
    """
    places = [Path(path) for path in paths if str(path)]
    files: dict[Path, bool] = {}  # file -> was it named?
    for path in places:
        if path.is_dir():
            inside = sorted(file for pattern in PATTERNS for file in path.rglob(pattern))
            files |= {file: False for file in inside if file not in files and file.is_file()}
        elif path.is_file():
            files[path] = True
        else:
            hint = ": get the recorded people with `observers fetch humans`" if path.parts[:1] == ("humans",) else ""
            raise LogError(f"there is no trial log or folder {path}{hint}")
    parts: list[pd.DataFrame] = []
    found = _ReadingNotes()
    seen: set[Path] = set()
    for file, named in files.items():
        if file.resolve() in seen:
            continue
        seen.add(file.resolve())
        part = _read(file, named, found)
        if part is not None:
            parts.append(part)
    if not parts and found.pilots:
        raise LogError(
            f"only pilot sessions in {', '.join(map(str, places))}, which do not count: {found.said_pilots()}"
        )
    if not parts:
        raise LogError(f"no trials in {', '.join(map(str, places))}: expected trial logs or folders of them")
    frame = pd.concat(parts, ignore_index=True)
    for column in frame.columns:
        if column not in COLUMNS and not column.startswith((log.EVIDENCE, log.MEASURED)):
            frame[column] = frame[column].fillna("")
    frame["correct"] = ((frame["response"] == frame["category"]) & (frame["response"] != "")).to_numpy(bool)
    _refuse_several_kinds(frame)
    _refuse_doubles(frame)
    notes = [*found.notes, *_partial_notes(found.partial)]
    if found.pilots:
        notes.append(f"pilot, left out: {found.said_pilots()}")
    simulated = sorted(set(frame.loc[frame["kind"] == "simulated", "observer"]))
    if simulated:
        notes.append(f"simulated, not measured: {', '.join(simulated)}")
    rest = [c for c in frame.columns if c not in COLUMNS]
    frame = frame[[*COLUMNS, *rest]]
    frame.attrs["notes"] = notes
    return frame if ambiguous else with_answers(frame)


# Dataset, trials that are there, and trials of a whole session -> the logs.
Partial = dict[tuple[str, int, int], list[str]]


@frozen
class _ReadingNotes:
    """What is learned of the logs as they are read."""

    notes: list[str] = field(factory=list)
    pilots: set[tuple[str, str]] = field(factory=set)  # observer, dataset
    partial: Partial = field(factory=dict)
    images: dict[str, tuple[str, Path]] = field(factory=dict)  # dataset -> digest of its stimuli, and a log that has it

    def said_pilots(self) -> str:
        return ", ".join(f"{observer} in {dataset}" for observer, dataset in sorted(self.pilots))


def _partial_notes(partial: Partial) -> Iterator[str]:
    for (dataset, n, n_trials), names in partial.items():
        if len(names) <= N_NAMED:
            yield from (f"partial: {name} holds {n} of {n_trials} trials" for name in names)
        else:
            yield f"partial: {len(names)} logs of {dataset} hold {n} of {n_trials} trials each"


def _read(path: Path, named: bool, found: _ReadingNotes) -> pd.DataFrame | None:
    content = path.read_bytes()
    head, form = begins(content, path)
    if form is None:
        if named:
            raise LogError(f"{path} is no trial log: it begins with {head[:80]!r}, expected {','.join(log.COLUMNS)} or "
                           f"{','.join(dialect.COLUMNS)}")  # fmt: skip
        return None
    if b"\0" in content or max(map(len, content.split(b"\n"))) > MAX_LINE:
        raise LogError(f"{path} holds a NUL byte or a line over {MAX_LINE} bytes; that is no trial log")
    if form != "field" and content and not content.endswith(b"\n"):
        content = content[: content.rfind(b"\n") + 1]
        found.notes.append(f"{path.name}: its last line is torn and was left out")
    table = _table(content, path, "\t" if form == "bids" else ",") if content else pd.DataFrame()
    if not len(table):
        return None
    sidecar = log.read_sidecar(path) if form == "own" else None
    if form == "bids":
        table, sidecar = bids.as_log(table, path)
    try:
        part = _of_the_field(table, path) if form == "field" else _ours(table, path)
    except KeyError as error:
        raise LogError(f"{path} has no column {error}") from None
    part["source"] = str(path)
    _refuse_odd_text(part, path)
    pilot = _pilots(part, sidecar)
    found.pilots.update(part.loc[pilot, ["observer", "dataset"]].itertuples(index=False, name=None))
    part = part[~pilot]
    if sidecar is not None and len(part):
        _compare(part, sidecar["identity"], path, found)
    return part if len(part) else None


def _pilots(part: pd.DataFrame, sidecar: dict[str, Any] | None) -> pd.Series:
    """Which trials were only tried out: by the sidecar all of them, or by the name of a person."""
    observer = {} if sidecar is None else sidecar["identity"].get("observer")
    options = observer.get("options") if isinstance(observer, dict) else None
    all_of_them = isinstance(options, dict) and options.get("pilot") is True
    return ((part["kind"] == "human") & part["observer"].str.endswith(PILOT)) | all_of_them


def _compare(part: pd.DataFrame, identity: dict[str, Any], path: Path, found: _ReadingNotes) -> None:
    """Are these all trials of the session, and were others who saw that dataset shown the same images?"""
    dataset, n_trials = str(part["dataset"].iloc[0]), identity.get("n_trials")
    if isinstance(n_trials, int) and len(part) < n_trials:
        found.partial.setdefault((dataset, len(part), n_trials), []).append(path.name)
    _refuse_other_images(dataset, str(identity.get("stimuli")), path, found.images)


def _refuse_odd_text(part: pd.DataFrame, path: Path) -> None:
    """Names that are empty, or that would break a terminal, a table or a figure."""
    for column in ("dataset", "observer", "stimulus", "category", "condition", "response"):
        optional = column in ("condition", "response")
        for text in part[column].unique():
            if not (text or optional) or not text.isprintable():
                line = int(np.flatnonzero(part[column] == text)[0]) + 2
                raise LogError(
                    f"{path}, line {line}: {column} is {text!r}, expected text without line breaks or others that cannot "
                    f"be seen"
                )


def _refuse_other_images(dataset: str, digest: str, path: Path, images: dict[str, tuple[str, Path]]) -> None:
    """Observers who saw different images under one name of a dataset cannot be compared."""
    known, other = images.setdefault(dataset, (digest, path))
    if digest != known:
        raise LogError(
            f"{path} and {other} were made on different images, all named {dataset}: give the logs of one of them at a time"
        )


def _table(content: bytes, path: Path, delimiter: str) -> pd.DataFrame:
    """All cells as text, blank lines left out. A row with fewer or more cells than the header is damaged, and refused."""
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True)
        header = next(rows)
        if len(set(header)) < len(header) or {"dataset", "source", "correct"} & set(header):
            raise LogError(
                f"{path} has a column twice, or one named dataset, source or correct, which are made on reading"
            )
        table = []
        for cells in rows:
            if cells and len(cells) != len(header):
                raise LogError(f"{path}, line {rows.line_num}: {len(cells)} cells where the header has {len(header)}")
            table += [cells] if cells else []
    except (UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"the trial log {path} cannot be read: {error}") from None
    return pd.DataFrame(table, columns=header, dtype="str")


def _ours(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    out = table.rename(columns={"experiment": "dataset"})
    unknown = set(out["kind"]) - set(KINDS)
    if unknown:
        raise LogError(f"{path}: {', '.join(sorted(unknown))} is no kind of observer; kinds are {', '.join(KINDS)}")
    for column in ("session", "block", "trial", "n_evaluations"):
        out[column] = _counts(out[column], path, column)
    for column in ("rt", *(c for c in out.columns if c.startswith((log.EVIDENCE, log.MEASURED)))):
        out[column] = _numbers(out[column], path, column)
    return out


def _of_the_field(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    table.columns = table.columns.str.lower()
    name = dialect.infer_dataset(path, tuple(DATASETS))
    imagenames = table["imagename"].tolist()  # going through a column of text itself is ten times slower
    images = [dialect.extract_image_id(imagename) for imagename in imagenames]
    first = dict(zip(reversed(table["subj"].tolist()), reversed(imagenames), strict=True))  # of each observer
    out = pd.DataFrame(
        {
            "dataset": name,
            "observer": table["subj"],
            "kind": table["subj"].map({subj: dialect.infer_kind(subj, image) for subj, image in first.items()}),
            "session": _counts(table["session"], path, "session"),
            "block": pd.array([pd.NA] * len(table), dtype="Int64"),
            "trial": _counts(table["trial"], path, "trial"),
            "stimulus": images,
            "condition": table["condition"].map(_conditions(table["condition"], name, path)),
            "category": table["category"],
            "response": table["object_response"].where(table["object_response"] != dialect.NO_ANSWER, ""),
            "rt": _numbers(table["rt"], path, "rt"),
            "n_evaluations": pd.array([pd.NA] * len(table), dtype="Int64"),
        }
    )
    if name in DATASETS and DATASETS[name].has_cues:
        cues = [parse_cues(image) for image in images]
        for cue in ("shape", "texture"):
            out[cue] = [found.get(cue, "") for found in cues]
    return out


def _conditions(raw: pd.Series, name: str, path: Path) -> dict[str, str]:
    """Spelling in the file -> spelling of the table of datasets."""
    plain = {text: "" if text in dialect.MISSING else text for text in raw.unique()}
    if name not in DATASETS:
        return plain
    try:
        return {text: DATASETS[name].canonical(condition) for text, condition in plain.items()}
    except ValueError as error:
        raise LogError(f"{path}: {error}") from None


def _numbers(column: pd.Series, path: Path, name: str) -> pd.Series:
    """Text to float64, NaN where the cell says that there is none. Raises LogError naming the line."""
    missing = column.isin(dialect.MISSING)
    numbers = pd.to_numeric(column.mask(missing), errors="coerce").astype(float)
    bad = np.flatnonzero(numbers.isna() & ~missing)
    if len(bad):
        raise LogError(f"{path}, line {bad[0] + 2}: {name} is {column.iloc[bad[0]]!r}, expected a number")
    return numbers


def _counts(column: pd.Series, path: Path, name: str) -> pd.Series:
    """Text to nullable whole numbers. Raises LogError naming the line."""
    numbers = _numbers(column, path, name)
    bad = np.flatnonzero(numbers.notna() & ((numbers.abs() > 2**53) | (numbers % 1 != 0)))
    if len(bad):
        raise LogError(f"{path}, line {bad[0] + 2}: {name} is {column.iloc[bad[0]]!r}, expected a whole number")
    return numbers.astype("Int64")


def _refuse_several_kinds(frame: pd.DataFrame) -> None:
    observers = frame[["dataset", "observer", "kind"]].drop_duplicates()
    double = observers[observers.duplicated(["dataset", "observer"])]
    if len(double):
        name, dataset = double.iloc[0]["observer"], double.iloc[0]["dataset"]
        raise LogError(f"{name} of {dataset} is of several kinds: give the logs of one observer of that name")


def _refuse_doubles(frame: pd.DataFrame) -> None:
    key = ["dataset", "observer", "session", "trial"]
    double = frame.duplicated(key) & frame["trial"].notna()
    if double.any():
        second = frame[double].iloc[0]
        same = (frame[key] == second[key]).all(axis=1)
        files = list(dict.fromkeys(frame.loc[same, "source"]))
        raise LogError(
            f"trial {second['trial']} of {second['observer']}, session {second['session']} of {second['dataset']} is there "
            f"twice, in {' and in '.join(files)}: leave one out"
        )


def condition_order(dataset: str, conditions: Iterable[str]) -> list[str]:
    """The conditions in the published order; of any other dataset by the numbers in them, else as they came."""
    unique = list(dict.fromkeys(conditions))
    if dataset in DATASETS:
        published = [c.name for c in DATASETS[dataset].conditions]
        return [c for c in published if c in unique] + [c for c in unique if c not in published]
    return sorted(unique, key=_by_number)


def _by_number(condition: str) -> tuple[float, list[tuple[str, float]]]:
    """A key for 0.35 before 10 before inf, for c05 before c30 before c100, and 8-10-10 before 16-10-10."""
    with suppress(ValueError):
        if not math.isnan(number := float(condition)):
            return number, []
    parts = re.findall(r"(\D*)(\d*\.?\d*)", condition)
    numbered = any(number.strip(".") for _, number in parts)
    return math.inf, [(text, float(number) if number.strip(".") else 0.0) for text, number in parts] if numbered else []


def dataset_order(datasets: Iterable[str]) -> list[str]:
    """Published datasets in the order of their table, then the others by name."""
    unique = set(datasets)
    return [name for name in DATASETS if name in unique] + sorted(unique - set(DATASETS))


def observer_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Unique `observer`, `kind` of a frame: people first, then kind by kind, each by name."""
    out = frame[["observer", "kind"]].drop_duplicates()
    rank = out["kind"].map({kind: i for i, kind in enumerate(KINDS)})
    return out.assign(rank=rank).sort_values(["rank", "observer"])[["observer", "kind"]].reset_index(drop=True)


def of_dataset(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The trials of one dataset. Raises UnknownName."""
    if dataset not in set(frame["dataset"]):
        raise UnknownName("dataset in these logs", dataset, set(frame["dataset"]))
    return frame[frame["dataset"] == dataset].reset_index(drop=True)
