"""Export of trials as BIDS behavioral tables, and conversion of such tables back to trials, without loss.

    <out>/sub-<label>/[ses-<label>/]beh/sub-<label>_[ses-<label>_]task-<label>_beh.tsv     with a .json file of the same stem

A table is tab-separated, has one row per trial and the columns of a frame, and uses `n/a` for missing values. `rt` is
renamed to `response_time`, as BIDS prescribes. The JSON file describes every column and contains the values that are the
same in all rows: TaskName (the dataset), Observer, Kind, Session, and Logs (the sidecars of the trial logs). A label
consists of the letters and digits of a name. Models are listed as subjects, too; `participants.tsv` has the kind of every
observer.
Reference: https://bids-specification.readthedocs.io/en/v1.10.1/modality-specific-files/behavioral-experiments.html
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from analysis.io.archive import read_archived_sidecars
from analysis.io.columns import is_text
from core.errors import LogError
from core.files import read_text
from core.paths import without_folders
from core.staging import LOCK, READY, WRITING, staged_files
from core.trial_columns import COMPUTED, EVIDENCE, FRAME_NAMES, INFO, MEASURED, TRIAL_COLUMNS
from experiments import log
from stimuli.published.layouts.bids import BIDS, METADATA, MISSING, RT, read_metadata
from stimuli.published.layouts.files import detect_layout
from stimuli.published.layouts.own import OWN

VERSION = "1.10.1"  # version of the BIDS specification
# Columns of a frame that are stored in the JSON file, because all rows of a table have the same value.
JSON_COLUMNS = tuple(FRAME_NAMES.get(column.name, column.name) for column in TRIAL_COLUMNS if column.is_constant)
MAX_LABEL = 64  # largest number of characters of a label, not counting its hash
MAX_LEVELS = 32  # if a column has more different values, the JSON file does not list them
COLUMNS = {  # column -> (description, unit)
    RT if column.name == "rt" else column.name: (column.description.format(missing=MISSING), column.unit)
    for column in TRIAL_COLUMNS
    if not column.is_constant
}
MEASURES = {  # measured_<quantity> of people at a screen -> (description, unit)
    "onset": ("Time of the screen flip that showed the image, by the clock of the session", "s"),
    "offset": ("Time of the screen flip that removed the image, by the clock of the session", "s"),
    "grid_onset": ("Time of the screen flip that showed the choices, by the clock of the session", "s"),
    "n_frames": ("Number of frames that showed the image", ""),
    "n_dropped": ("Number of late frames before the choices", ""),
    "frame_rate": ("Measured frame rate of the screen", "Hz"),
}
README = """# Trials of observers

This folder contains behavioral tables (BIDS {version}), one per observer, session and task, in `sub-*/`. The JSON file next
to a table describes its columns, names the observer and the experiment, and holds the sidecar of the trial log: seed,
choices, options of the observer, and software versions. An observer is a person or a model: see `kind` in
`participants.tsv`; `species` is n/a for models. A person whose name begins with `subject-` is a different person in every
task. Pilot sessions are excluded.
{public}
These files were written by `observers export --format bids`. `observers analyze` and `observers report` can read them.
"""
TOP_LEVEL = ("dataset_description.json", "participants.tsv", "participants.json", "README.md")
OWN_FILES = (WRITING, READY, LOCK)  # of `staged_files`
PUBLIC = "\nFor publication, dates and times of the sessions and folder names of files were removed.\n"

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?")
Key = TypeVar("Key", bound=Hashable)


def export_bids(frame: pd.DataFrame, out: Path, *, public: bool = False) -> list[Path]:
    """Write all trials of a frame as a BIDS data set of behavioral tables.

    Args:
        frame: Trials as returned by `read_trials`.
        out: Folder to write to; it must be empty, or contain an earlier export of the same trials.
        public: Remove dates, times and folder names from the sidecars, for publication.

    Returns:
        The paths of the tables.

    Raises:
        LogError: If the folder contains other files, or if BIDS cannot represent a column name or a text.
        UserError: If another process is writing into the folder.

    Example:
        >>> export_bids(read_trials("logs"), Path("bids"), public=True)
    """
    out = Path(out)
    rows = frame[["dataset", "observer", "kind"]].drop_duplicates().itertuples(index=False, name=None)
    identities = {(dataset, observer): _identify(dataset, observer, kind) for dataset, observer, kind in rows}
    subjects = _make_labels({key: "-".join(filter(None, reversed(key[::2]))) for key in identities.values()})
    tasks = _make_labels({dataset: dataset for dataset in frame["dataset"].unique()})
    sessions = _make_labels({session: str(session) for session in frame["session"].dropna().unique()})
    tables: dict[Path, pd.DataFrame] = {}
    for _, trials in frame.groupby(["dataset", "observer", "session"], sort=False, dropna=False):
        dataset, observer, session = trials.iloc[0][["dataset", "observer", "session"]]
        names = [f"sub-{subjects[identities[dataset, observer]]}"]
        names += [] if pd.isna(session) else [f"ses-{sessions[session]}"]
        path = out.joinpath(*names, "beh", "_".join([*names, f"task-{tasks[dataset]}", "beh.tsv"]))
        assert path not in tables, path
        tables[path] = trials
    _check_exportable(frame)
    with staged_files(out) as new:
        _check_folder(out, tables, list(frame["source"].unique()))
        _write_top_level_files(new, sorted(tasks), {subjects[key]: key for key in identities.values()}, public)
        columns = {dataset: _describe_columns(frame, dataset) for dataset in tasks}
        for table, trials in tables.items():
            path = new / table.relative_to(out)
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptions = columns[trials["dataset"].iloc[0]]
            logs = [sidecar for source in trials["source"].unique() for sidecar in read_sidecars(Path(source))]
            metadata = _metadata(trials, [strip_times_and_folders(sidecar) for sidecar in logs] if public else logs)
            _write_json(path.with_suffix(".json"), metadata | descriptions)
            cells = [_to_cells(trials["rt" if name == RT else name]) for name in descriptions]
            _write_table(path, list(descriptions), list(zip(*cells, strict=True)))
    return list(tables)


def read_sidecars(source: Path) -> list[dict[str, Any]]:
    """Return the sidecars of a log or of a log in an archive, or an empty list if the file or its sidecar does not exist."""
    if (archived := read_archived_sidecars(source)) is not None:
        return archived
    layout = detect_layout(source) if source.is_file() else None
    if layout is BIDS:
        return list(read_metadata(source)["Logs"])
    sidecar = log.read_sidecar(source) if layout is OWN else None
    return [] if sidecar is None else [sidecar]


def _identify(dataset: str, observer: str, kind: str) -> tuple[str, str, str]:
    """Return a key that identifies an observer: (observer, kind, dataset or "").

    The same name is the same observer in all datasets, except for the numbered people of the published datasets.
    """
    is_numbered = re.search(r"(^|-)subject-", observer) is not None
    return observer, kind, dataset if kind == "human" and is_numbered else ""


def _make_labels(names: Mapping[Key, str]) -> dict[Key, str]:
    """Return a unique label for each name.

    A label consists of the letters and digits of the name. A hash is appended if the label is empty, too long, or shared by
    two names.
    """
    plain = {key: re.sub("[^A-Za-z0-9]", "", name) for key, name in names.items()}
    n = Counter(label.casefold() for label in plain.values())  # some file systems ignore case
    hashes = {key: hashlib.sha256(repr(key).encode()).hexdigest()[:8] for key in names}
    is_unique = {key: 0 < len(label) <= MAX_LABEL and n[label.casefold()] == 1 for key, label in plain.items()}
    return {key: label if is_unique[key] else label[:MAX_LABEL] + hashes[key] for key, label in plain.items()}


def _describe_columns(frame: pd.DataFrame, dataset: str) -> dict[str, dict[str, Any]]:
    """Return a description of each column in the tables of one dataset.

    A column is included if every log has it, if it is not empty in this dataset, or if it is empty in all datasets.
    """
    in_dataset = (frame["dataset"] == dataset).to_numpy()
    descriptions = {}
    for name in frame.columns.drop([*JSON_COLUMNS, *COMPUTED]):
        has_value = (frame[name].notna() & (frame[name] != "")).fillna(False).to_numpy(bool)
        if name in (*COLUMNS, "rt") or has_value[in_dataset].any() or not has_value.any():
            descriptions[RT if name == "rt" else name] = _describe_column(name, frame.loc[in_dataset, name])
    return descriptions


def _describe_column(name: str, column: pd.Series) -> dict[str, Any]:
    """Return the description, unit and possible values (`Levels`) of a column in the form that BIDS requires."""
    description, unit = COLUMNS.get(RT if name == "rt" else name, (f"The {name} of the image", ""))
    if name.startswith(EVIDENCE):
        choice = name.removeprefix(EVIDENCE)
        description, unit = f"Evidence for the choice {choice}, as defined by the observer", "arbitrary"
    elif name.startswith(MEASURED):
        quantity = name.removeprefix(MEASURED)
        description, unit = MEASURES.get(quantity, (f"Measured {quantity}, as defined by the observer", ""))
    elif name.startswith(INFO):
        description = f"The text {name.removeprefix(INFO)}, as defined by the observer or the imported file"
    levels = sorted(set(column.unique()) - {""}) if is_text(name) and name != "stimulus" else []
    result: dict[str, Any] = {"Description": description} | ({"Units": unit} if unit else {})
    if 0 < len(levels) <= MAX_LEVELS:
        result["Levels"] = {level: f"{name} {level}" for level in levels}
    return result


def _to_cells(column: pd.Series) -> list[str]:
    """Return the cells of a column as text; numbers have full precision."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return [MISSING if number is pd.NA else str(number) for number in column]
    if pd.api.types.is_float_dtype(column.dtype):
        return [MISSING if pd.isna(number) else repr(float(number)) for number in column]
    return [text or MISSING for text in column]


def _check_exportable(frame: pd.DataFrame) -> None:
    """Raise LogError if a column name or a text has another meaning in BIDS."""
    reserved = sorted({*METADATA, RT} & set(frame.columns))
    if reserved:
        raise LogError(f"a column named {reserved[0]} cannot be exported, because BIDS reserves this name; rename it")
    for name in frame.columns.difference([*JSON_COLUMNS, *COMPUTED]):
        for text in frame[name].unique() if is_text(name) else ():
            if text == MISSING or re.search(r"[\r\n\0]", text):
                raise LogError(
                    f"the {name} {text[:80]!r} cannot be exported: in BIDS, n/a means a missing value and a line break "
                    "ends a row"
                )


def _check_folder(out: Path, tables: Mapping[Path, object], sources: Sequence[str]) -> None:
    """Raise LogError if the folder has files from outside this export, which readers would mistake for a part of it."""
    files = [path for path in out.rglob("*") if not path.is_dir() and path.relative_to(out).parts[0] not in OWN_FILES]
    if not files:
        return
    description = out / TOP_LEVEL[0]
    try:
        text = read_text(description)
        generator = json.loads(text)["GeneratedBy"][0]["Name"] if text.strip("\0\n ") else ""
    except (OSError, ValueError, LookupError, TypeError):
        generator = None
    # An earlier version that was killed, or a computer without power, can leave an empty description among own files.
    own = {*tables, *(path.with_suffix(".json") for path in tables), *(out / name for name in TOP_LEVEL)}
    if generator == "" and own.issuperset(files):
        generator = "observers"
    if generator != "observers":
        raise LogError(f"{out} is not empty and is not a BIDS export of observers; choose another folder with --out")
    for old in sorted(out.rglob("*_beh.tsv")):
        if old not in tables:
            raise LogError(
                f"{old} belongs to an export of other trials; choose another folder with --out, or delete it"
            )
        if any(Path(source).exists() and old.samefile(source) for source in sources):
            raise LogError(f"{old} is one of the logs to export and would be overwritten; choose another --out folder")


def _metadata(trials: pd.DataFrame, logs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return `METADATA` of the trials of one table."""
    first = trials.iloc[0]
    session = None if pd.isna(first["session"]) else int(first["session"])
    return dict(zip(METADATA, (first["dataset"], first["observer"], first["kind"], session, logs), strict=True))


def strip_times_and_folders(value: Any) -> Any:
    """Return a sidecar without dates and times, and with paths shortened to their last part."""
    return without_folders(_strip_times(value))


def _strip_times(value: Any) -> Any:
    """Return a sidecar without dates and times."""
    if isinstance(value, dict):
        return {k: _strip_times(part) for k, part in value.items() if k not in ("started", "finished", "runs")}
    if isinstance(value, list):
        return [_strip_times(part) for part in value]
    return _TIME.sub("", value) if isinstance(value, str) else value


def _write_top_level_files(
    out: Path, datasets: list[str], subjects: Mapping[str, tuple[str, str, str]], public: bool
) -> None:
    """Write dataset_description.json, participants.tsv, participants.json and README.md."""
    _write_json(
        out / "dataset_description.json",
        {
            "Name": f"Trials of observers: {', '.join(datasets)}",
            "BIDSVersion": VERSION,
            "DatasetType": "raw",
            "GeneratedBy": [{"Name": "observers", "Version": version("observers")}],
        },
    )
    rows = [
        (f"sub-{label}", observer, kind, "homo sapiens" if kind == "human" else MISSING)
        for label, (observer, kind, _) in sorted(subjects.items())
    ]
    _write_table(out / "participants.tsv", ["participant_id", "observer", "kind", "species"], rows)
    kinds = {kind: f"{kind} observer" for kind in sorted({row[2] for row in rows})}
    _write_json(
        out / "participants.json",
        {
            "observer": {"Description": "Name of the observer; a code for a person"},
            "kind": {"Description": "Kind of the observer", "Levels": kinds},
            "species": {"Description": "homo sapiens for people, n/a for models"},
        },
    )
    text = README.format(version=VERSION, public=PUBLIC if public else "")
    (out / "README.md").write_text(text, "utf-8", newline="\n")


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows([header, *rows])
    path.write_text(text.getvalue(), "utf-8", newline="\n")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8", newline="\n")
