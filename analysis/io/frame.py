"""Reads trial logs of any supported format into one validated table, the frame, which all measures take as input.

A frame has one row per trial and the columns `COLUMNS`. Text stays text: `condition` is never a number or a truth
value, and a missing response is "". `rt` is in seconds, and `correct` is whether the response equals the category. If a
log has further columns, these follow: cue columns of the stimulus set (such as `shape` and `texture`),
`evidence_<choice>` and `measured_<quantity>`.
`frame.attrs["notes"]` lists limitations of the data: incomplete logs, simulated observers, excluded pilot sessions, and an
assumed number of choices.
An observer is identified by dataset and name: the observers `subject-01` of two datasets are different people.
"""

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from analysis.io import bids
from analysis.io.answerable import exclude_unanswerable
from analysis.io.choices import count_in_log, store_n_choices
from analysis.io.log_tables import convert_cells
from analysis.io.notes import add_notes
from core.errors import LogError, UnknownName
from core.kinds import KINDS
from core.participants import is_pilot_name
from core.trial_columns import FRAME_COLUMNS as COLUMNS
from core.trial_columns import FRAME_NAMES, NAMES, TRIAL_COLUMNS, is_numeric_extra
from experiments import log
from stimuli.published import dialect
from stimuli.published.datasets import DATASETS, data_folders, find
from stimuli.published.trial_files import PATTERNS, complete_rows, parse_header, read_cells, to_own_cells

# Name of each column of text, and whether a text may be missing.
TEXTS = {FRAME_NAMES.get(c.name, c.name): c.can_be_empty for c in TRIAL_COLUMNS if c.type == "text"}
MAX_NAMED_LOGS = 2  # if more logs are incomplete, a note gives their number instead of their names


def read_trials(
    *logs: Path | str | Iterable[Path | str], ambiguous: bool = False, n_choices: int | None = None
) -> pd.DataFrame:
    """Read trial logs into one frame.

    The files may be our own trial logs, CSV files in model-vs-human format and exported BIDS tables, in any mixture. Pilot
    sessions are excluded. `attrs["notes"]` lists all exclusions and limitations of the data, and each of them is also a
    `DataWarning`.

    Args:
        logs: Files, and folders that are searched recursively; also lists of them. Other files in a folder are skipped, but
            a file that is named here must be a trial log. A path that is not in the current folder is looked up in the
            data folders, so that "humans", "humans/edge" and "networks/edge" are the recorded people and networks.
        ambiguous: Include trials whose image does not have a correct answer (illusions).
        n_choices: Number of choices of the datasets whose logs do not record it (see `analysis.io.choices`).

    Returns:
        The frame: one row per trial, with `COLUMNS` and the further columns of the logs.

    Raises:
        LogError: If a path does not exist, if a file is damaged or occurs twice, if logs contradict each other (one
            observer with two kinds, or one dataset name for different images), or if no trials remain. The message
            names the file.

    Example:
        >>> frame = read_trials("logs", "humans/edge")
        >>> frame.attrs["notes"]
    """
    requested = [_locate(path) for path in _flatten(logs) if str(path)]
    parts: list[pd.DataFrame] = []
    reading_notes = _ReadingNotes()
    seen: set[Path] = set()
    files, n_unmerged = _find_files(requested)
    if n_unmerged:
        reading_notes.notes.append(
            f"{n_unmerged} part logs of shards are not merged and were skipped: run `observers merge` with their folder"
        )
    for file, must_be_log in files.items():
        if file.resolve() in seen:
            continue
        seen.add(file.resolve())
        part = _read_file(file, must_be_log, reading_notes)
        if part is not None:
            parts.append(part)
    places = ", ".join(map(str, requested)) or "an empty list"
    if not parts and reading_notes.pilots:
        raise LogError(
            f"{places} contains only pilot sessions, which are excluded from analysis: {reading_notes.list_pilots()}"
        )
    if not parts:
        remarks = "".join(f"; {note}" for note in reading_notes.notes)
        raise LogError(f"found no trials in {places}; pass trial logs, or folders that contain them{remarks}")
    frame = pd.concat(parts, ignore_index=True)
    for column in frame.columns:
        if column not in COLUMNS and not is_numeric_extra(column):
            frame[column] = frame[column].fillna("")
    frame["correct"] = ((frame["response"] == frame["category"]) & (frame["response"] != "")).to_numpy(bool)
    _check_one_kind_per_observer(frame)
    _check_duplicate_trials(frame)
    other_columns = [c for c in frame.columns if c not in COLUMNS]
    frame = frame[[*COLUMNS, *other_columns]]
    notes = [*reading_notes.notes, *_incomplete_log_notes(reading_notes.incomplete)]
    if reading_notes.pilots:
        notes.append(f"pilot sessions are excluded: {reading_notes.list_pilots()}")
    notes += simulated_observers_note(frame)
    notes += store_n_choices(frame, reading_notes.n_choices, n_choices)
    frame.attrs["notes"], frame.attrs["simulated_are_noted"] = notes, True
    frame = frame if ambiguous else exclude_unanswerable(frame)
    add_notes(frame, frame.attrs["notes"])
    return frame


# (dataset, number of trials in the log, number of trials of a complete session) -> names of the logs.
IncompleteLogs = dict[tuple[str, int, int], list[str]]


@frozen
class _ReadingNotes:
    """Facts that are collected while logs are read."""

    notes: list[str] = field(factory=list)
    pilots: set[tuple[str, str]] = field(factory=set)  # (observer, dataset)
    incomplete: IncompleteLogs = field(factory=dict)
    n_choices: dict[str, set[int]] = field(factory=dict)  # dataset -> the numbers of choices that its logs record
    images: dict[str, tuple[str, Path]] = field(factory=dict)  # dataset -> (digest of its stimuli, path of a log)

    def list_pilots(self) -> str:
        """Return the pilot sessions as text."""
        return ", ".join(f"{observer} in {dataset}" for observer, dataset in sorted(self.pilots))


def simulated_observers_note(frame: pd.DataFrame) -> list[str]:
    """Return a note that names the simulated observers of a frame, or an empty list if it has none."""
    names = sorted(set(frame.loc[frame["kind"] == "simulated", "observer"]))
    return (
        [f"simulated observers are included (their responses are not measurements): {', '.join(names)}"]
        if names
        else []
    )


def _flatten(logs: Iterable[Path | str | Iterable[Path | str]]) -> Iterator[Path | str]:
    """Yield every path, including the paths in lists. Raises LogError for other objects."""
    for item in logs:
        parts = item if isinstance(item, Iterable) and not isinstance(item, str | pd.DataFrame) else (item,)
        for part in parts:
            if not isinstance(part, str | Path):
                raise LogError(
                    f"expected the path of a trial log or of a folder, or a list of paths, got {type(part).__name__}"
                )
            yield part


def _locate(log_or_folder: Path | str) -> Path:
    """Return the path if it exists, and otherwise the same path in a data folder. Raise LogError if neither exists."""
    path = Path(log_or_folder)
    if path.is_file() or path.is_dir():
        return path
    recorded = None if path.is_absolute() else find(*path.parts)
    if recorded is None:
        folders = "" if path.is_absolute() else f" in {' or '.join(map(str, [Path.cwd(), *data_folders()]))}"
        hint = "; run `observers fetch humans` to get the recorded people" if path.parts[:1] == ("humans",) else ""
        raise LogError(f"there is no trial log or folder {path}{folders}{hint}")
    return recorded


def _find_files(requested: list[Path]) -> tuple[dict[Path, bool], int]:
    """Return the files to read, and the number of part logs in the folders that are not merged yet.

    The value of a file is True if it was requested by name, so that it must be a trial log.
    """
    files: dict[Path, bool] = {}
    unmerged: set[Path] = set()
    for path in requested:
        if path.is_dir():
            in_folder = sorted(file for pattern in PATTERNS for file in path.rglob(pattern))
            parts = {file for file in in_folder if file.parent.suffix == log.SHARDS}
            unmerged |= {file for file in parts if not file.parent.with_suffix(".csv").exists()}
            logs = (file for file in in_folder if file not in files and file not in parts)
            files |= {file: False for file in logs if file.is_file()}
        else:
            files[path] = True
    return files, len(unmerged)


def _incomplete_log_notes(incomplete: IncompleteLogs) -> Iterator[str]:
    for (dataset, n, n_trials), names in incomplete.items():
        if len(names) <= MAX_NAMED_LOGS:
            yield from (f"incomplete: {name} has only {n} of {n_trials} trials" for name in names)
        else:
            yield f"incomplete: {len(names)} logs of {dataset} have only {n} of {n_trials} trials"


def _read_file(path: Path, must_be_log: bool, reading_notes: _ReadingNotes) -> pd.DataFrame | None:
    """Return the trials of a file except those of pilot sessions, or None if no trials remain."""
    content = path.read_bytes()
    header, form = parse_header(content, path)
    if form is None:
        if must_be_log:
            raise LogError(f"{path} is not a trial log: its first line is {header[:80]!r}, expected {','.join(NAMES)} "
                           f"or {','.join(dialect.COLUMNS)}")  # fmt: skip
        return None
    complete = complete_rows(content, form)
    if len(complete) < len(content):
        reading_notes.notes.append(f"the log {path.name} has an incomplete last row, which is ignored")
    names, rows = read_cells(complete, path, form)
    if not rows:
        return None
    sidecar = log.read_sidecar(path) if form == "own" else None
    try:
        if form == "model-vs-human":
            table = pd.DataFrame(to_own_cells(names, rows, path), dtype="str")
        else:
            table = pd.DataFrame(rows, columns=names, dtype="str")
        if form == "bids":
            table, sidecar = bids.to_trial_log(table, path)
        _check_kinds(table["kind"], path)
        part = convert_cells(table, path)
    except KeyError as error:
        raise LogError(f"{path} has no column {error}") from None
    part["source"] = str(path)
    _check_text(part, path)
    is_pilot = _find_pilots(part, sidecar)
    pilots = part.loc[is_pilot, ["observer", "dataset"]]
    reading_notes.pilots.update(pilots.itertuples(index=False, name=None))
    part = part[~is_pilot]
    if len(part):
        n_choices = count_in_log(part, None if sidecar is None else sidecar["identity"])
        known = reading_notes.n_choices.setdefault(str(part["dataset"].iloc[0]), set())
        known |= set() if n_choices is None else {n_choices}
    if sidecar is not None and len(part):
        _compare_with_sidecar(part, sidecar["identity"], path, reading_notes)
    return part if len(part) else None


def _check_kinds(kinds: pd.Series, path: Path) -> None:
    """Raise LogError if a log has an unknown kind of observer."""
    unknown = set(kinds) - {*KINDS}
    if unknown:
        raise LogError(
            f"{path}: unknown kind of observer {', '.join(sorted(unknown))}; the kinds are {', '.join(KINDS)}"
        )


def _find_pilots(part: pd.DataFrame, sidecar: dict[str, Any] | None) -> pd.Series:
    """Return a mask of the trials from pilot sessions, recognized by the sidecar or by the name of the person."""
    observer = {} if sidecar is None else sidecar["identity"].get("observer")
    options = observer.get("options") if isinstance(observer, dict) else None
    all_are_pilot = isinstance(options, dict) and options.get("pilot") is True
    pilot_names = [name for name in part["observer"].unique() if is_pilot_name(name)]
    return ((part["kind"] == "human") & part["observer"].isin(pilot_names)) | all_are_pilot


def _compare_with_sidecar(
    part: pd.DataFrame, identity: dict[str, Any], path: Path, reading_notes: _ReadingNotes
) -> None:
    """Add a note if the session is incomplete; raise LogError if other logs of the dataset have different images."""
    dataset, n_trials = str(part["dataset"].iloc[0]), identity.get("n_trials")
    if isinstance(n_trials, int) and len(part) < n_trials:
        reading_notes.incomplete.setdefault((dataset, len(part), n_trials), []).append(path.name)
    digest = str(identity.get("stimuli"))
    known_digest, known_path = reading_notes.images.setdefault(dataset, (digest, path))
    if digest != known_digest:
        raise LogError(
            f"{path} and {known_path} used different images with the same dataset name {dataset}; analyze them separately"
        )


def _check_text(part: pd.DataFrame, path: Path) -> None:
    """Raise LogError for names that are empty, or that contain characters which break terminals, tables or figures."""
    for column, can_be_empty in TEXTS.items():
        for text in part[column].unique():
            if not (text or can_be_empty) or not text.isprintable():
                line = int(np.flatnonzero(part[column] == text)[0]) + 2
                raise LogError(
                    f"{path}, line {line}: {column} is {text!r}, expected text without line breaks or other unprintable "
                    f"characters"
                )


def _check_one_kind_per_observer(frame: pd.DataFrame) -> None:
    observers = frame[["dataset", "observer", "kind"]].drop_duplicates()
    repeated = observers[observers.duplicated(["dataset", "observer"])]
    if len(repeated):
        name, dataset = repeated.iloc[0]["observer"], repeated.iloc[0]["dataset"]
        raise LogError(
            f"these logs contain two observers of {dataset} with the same name, {name}, but of different kinds; "
            f"pass only the logs of one of them"
        )


def _check_duplicate_trials(frame: pd.DataFrame) -> None:
    key = ["dataset", "observer", "session", "trial"]
    is_duplicate = frame.duplicated(key) & frame["trial"].notna()
    if is_duplicate.any():
        trial = frame[is_duplicate].iloc[0]
        is_same = (frame[key] == trial[key]).all(axis=1)
        files = list(dict.fromkeys(frame.loc[is_same, "source"]))
        remedy = "pass only one of them" if len(files) > 1 else "remove one of the two rows"
        raise LogError(
            f"trial {trial['trial']} of {trial['observer']}, session {trial['session']} of {trial['dataset']} occurs twice, "
            f"in {' and in '.join(files)}; {remedy}"
        )


def condition_order(dataset: str, conditions: Iterable[str]) -> list[str]:
    """Return the unique conditions in their published order.

    Conditions of an unpublished dataset are sorted by the numbers in their names; names without numbers keep their order.
    """
    unique = list(dict.fromkeys(conditions))
    if dataset in DATASETS:
        published = [c.name for c in DATASETS[dataset].conditions]
        return [c for c in published if c in unique] + [c for c in unique if c not in published]
    return sorted(unique, key=_number_key)


def _number_key(condition: str) -> tuple[float, list[tuple[str, float]]]:
    """Return a sort key that puts 0.35 before 10 before inf, c05 before c30 before c100, and 8-10-10 before 16-10-10."""
    with suppress(ValueError):
        if not math.isnan(number := float(condition)):
            return number, []
    parts = re.findall(r"(\D*)(\d*\.?\d*)", condition)
    has_number = any(number.strip(".") for _, number in parts)
    return math.inf, [
        (text, float(number) if number.strip(".") else 0.0) for text, number in parts
    ] if has_number else []


def dataset_order(datasets: Iterable[str]) -> list[str]:
    """Return the unique datasets: published ones in the order of `DATASETS`, then the others sorted by name."""
    unique = set(datasets)
    return [name for name in DATASETS if name in unique] + sorted(unique - set(DATASETS))


def observer_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the unique pairs of `observer` and `kind` in a frame, sorted by kind (people first) and then by name."""
    observers = frame[["observer", "kind"]].drop_duplicates()
    rank = observers["kind"].map({kind: i for i, kind in enumerate(KINDS)})
    return observers.assign(rank=rank).sort_values(["rank", "observer"])[["observer", "kind"]].reset_index(drop=True)


def select_dataset(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the trials of one dataset. Raises UnknownName if the frame does not contain it."""
    if dataset not in set(frame["dataset"]):
        raise UnknownName("dataset in these logs", dataset, set(frame["dataset"]))
    return frame[frame["dataset"] == dataset].reset_index(drop=True)
