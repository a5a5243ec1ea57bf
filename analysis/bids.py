"""Trials as BIDS behavioral tables, and back: nothing that a frame holds is lost.

    <out>/sub-<label>/[ses-<label>/]beh/sub-<label>_[ses-<label>_]task-<label>_beh.tsv     and the same stem .json

A table is tab-separated, a row a trial, `n/a` where there is none, and has the columns of a frame; `rt` has the name that
BIDS gives it, `response_time`. What is the same in all rows is in the JSON, beside a description of every column: TaskName
(the dataset), Observer, Kind, Session, and Logs, the sidecars. A label is what a name has of letters and digits. Models are
subjects too; `participants.tsv` says of which kind each is.
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

from analysis.formats import format_of
from experiments import log
from stimuli.errors import LogError

VERSION = "1.10.1"  # of BIDS
NONE = "n/a"
RT = "response_time"
IN_JSON = ("dataset", "observer", "kind", "session")
FACTS = ("TaskName", "Observer", "Kind", "Session", "Logs")
MADE = ("correct", "source")  # on reading
MAX_LABEL = 64
MAX_LEVELS = 32
COLUMNS = {  # of every log; what it says, and its unit
    "block": ("Number of the block, from 1", ""),
    "trial": ("Number of the trial in its session, from 1", ""),
    "stimulus": ("Image that was shown; the same name is the same image", ""),
    "condition": ("How the image was made or distorted", ""),
    "category": ("What the image shows: the right answer", ""),
    "response": ("What was answered; n/a: nothing", ""),
    RT: ("From the onset of the choices to the answer; n/a for machines, and where nothing was answered", "s"),
    "n_evaluations": ("Evaluations of the model that the answer took", ""),
}
MEASURED = {  # of people at a screen
    "onset": ("Flip that showed the image, by the clock of the session", "s"),
    "offset": ("Flip that took the image away, by the clock of the session", "s"),
    "grid_onset": ("Flip that showed the choices, by the clock of the session", "s"),
    "n_frames": ("Frames that showed the image", ""),
    "n_dropped": ("Frames that came late, up to the choices", ""),
    "frame_rate": ("Measured rate of the screen", "Hz"),
}
README = """# Trials of observers

Behavioral tables (BIDS {version}): one for each observer, session and task, in `sub-*/`. The JSON beside a table describes
its columns, names the observer and the experiment in full, and holds what the trial log knew: seed, choices, the observer's
options, versions. An observer is a person or a model: `kind` in `participants.tsv` says which, and `species` is n/a for
models. A person whose name begins with `subject-` is another one in every task. Pilot sessions are left out.
{public}
Written by `observers export --format bids`; `observers analyze` and `observers report` read this folder as it is.
"""
PUBLIC = "\nFor the public: dates and times of the sessions and folders of files are left out.\n"

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?")
# Of a path that begins at a root, a home or a drive, all but its last part; `owner/repository` and addresses stay.
_FOLDERS = re.compile(
    r"""(?<![\w/\\:.])(?:~\w*|[A-Za-z]:|\.{1,2})?(?:[/\\]+[^\s/\\:;,"'][^/\\:;,"']*)*[/\\]+(?=[^/\\\s])"""
)
Key = TypeVar("Key", bound=Hashable)


def export_bids(frame: pd.DataFrame, out: Path, *, public: bool = False) -> list[Path]:
    """Write a data set with all trials of the frame; its tables. `public` leaves out when and in which folders.

    Raises LogError for a folder that holds anything but an earlier export of these trials, and for what BIDS cannot say.
    """
    out = Path(out)
    who = frame[["dataset", "observer", "kind"]].drop_duplicates().itertuples(index=False, name=None)
    persons = {(dataset, observer): _person(dataset, observer, kind) for dataset, observer, kind in who}
    subjects = _labels({person: "-".join(filter(None, reversed(person[::2]))) for person in persons.values()})
    tasks = _labels({dataset: dataset for dataset in frame["dataset"].unique()})
    sessions = _labels({session: str(session) for session in frame["session"].dropna().unique()})
    tables: dict[Path, pd.DataFrame] = {}
    for _, trials in frame.groupby(["dataset", "observer", "session"], sort=False, dropna=False):
        dataset, observer, session = trials.iloc[0][["dataset", "observer", "session"]]
        names = [f"sub-{subjects[persons[dataset, observer]]}"]
        names += [] if pd.isna(session) else [f"ses-{sessions[session]}"]
        path = out.joinpath(*names, "beh", "_".join([*names, f"task-{tasks[dataset]}", "beh.tsv"]))
        assert path not in tables, path
        tables[path] = trials
    _refuse_what_it_cannot_say(frame)
    _refuse_other_files(out, tables, list(frame["source"].unique()))
    out.mkdir(parents=True, exist_ok=True)
    _describe(out, sorted(tasks), {subjects[person]: person for person in persons.values()}, public)
    columns = {dataset: _columns(frame, dataset) for dataset in tasks}
    for path, trials in tables.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        described = columns[trials["dataset"].iloc[0]]
        logs = [sidecar for source in trials["source"].unique() for sidecar in sidecars(Path(source))]
        facts = _facts(trials, [to_give_away(sidecar) for sidecar in logs] if public else logs)
        _write_json(path.with_suffix(".json"), facts | described)
        cells = [_cells(trials["rt" if name == RT else name]) for name in described]
        _write_table(path, list(described), list(zip(*cells, strict=True)))
    return list(tables)


def as_log(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, dict[str, Any] | None]:
    """A table's cells, and its JSON, as our own log has them; with the sidecar if there was one. Raises LogError."""
    facts = _read_json(path)
    session = "" if facts["Session"] is None else str(facts["Session"])
    names = {"experiment": facts["TaskName"], "observer": facts["Observer"], "kind": facts["Kind"], "session": session}
    table = table.mask(table == NONE, "").rename(columns={RT: "rt"}).assign(**names)
    return table, facts["Logs"][0] if len(facts["Logs"]) == 1 else None


def _read_json(path: Path) -> dict[str, Any]:
    """FACTS of a table. Raises LogError."""
    try:
        facts = json.loads(path.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LogError(f"{path} needs its JSON, which says whose trials it holds: {error}") from None
    text = isinstance(facts, dict) and all(
        isinstance(facts.get(name), str) for name in ("TaskName", "Observer", "Kind")
    )
    if not text or not isinstance(facts.get("Session", ""), int | None) or not _are_sidecars(facts.get("Logs")):
        raise LogError(
            f"{path.with_suffix('.json')} was not written by `observers export`: it needs {', '.join(FACTS)}"
        )
    return {name: facts[name] for name in FACTS}


def _are_sidecars(logs: object) -> bool:
    return isinstance(logs, list) and all(
        isinstance(one, dict) and isinstance(one.get("identity"), dict) for one in logs
    )


def sidecars(source: Path) -> list[dict[str, Any]]:
    """The sidecars of a file that was read; none of one that has gone."""
    form = format_of(source) if source.is_file() else None
    if form == "bids":
        return list(_read_json(source)["Logs"])
    sidecar = log.read_sidecar(source) if form == "own" else None
    return [] if sidecar is None else [sidecar]


def _person(dataset: str, observer: str, kind: str) -> tuple[str, str, str]:
    """Who it is: one name is one observer in all datasets, but for the numbered people of published ones."""
    return observer, kind, dataset if kind == "human" and observer.startswith("subject-") else ""


def _labels(names: Mapping[Key, str]) -> dict[Key, str]:
    """Letters and digits of each name; of their hash as well where that is nothing, too long, or the same for two."""
    plain = {key: re.sub("[^A-Za-z0-9]", "", name) for key, name in names.items()}
    n = Counter(label.casefold() for label in plain.values())  # there are file systems that do not tell case
    hashes = {key: hashlib.sha256(repr(key).encode()).hexdigest()[:8] for key in names}
    alone = {key: 0 < len(label) <= MAX_LABEL and n[label.casefold()] == 1 for key, label in plain.items()}
    return {key: label if alone[key] else label[:MAX_LABEL] + hashes[key] for key, label in plain.items()}


def _columns(frame: pd.DataFrame, dataset: str) -> dict[str, dict[str, Any]]:
    """What a table of the dataset has, described: what its observers have, and columns that are empty for everybody."""
    mine = (frame["dataset"] == dataset).to_numpy()
    out = {}
    for name in frame.columns.drop([*IN_JSON, *MADE]):
        there = (frame[name].notna() & (frame[name] != "")).fillna(False).to_numpy(bool)
        if name in (*COLUMNS, "rt") or there[mine].any() or not there.any():
            out[RT if name == "rt" else name] = _described(name, frame.loc[mine, name])
    return out


def _described(name: str, column: pd.Series) -> dict[str, Any]:
    """What BIDS wants to know of a column."""
    said, unit = COLUMNS.get(RT if name == "rt" else name, (f"The {name} of the image", ""))
    if name.startswith(log.EVIDENCE):
        said, unit = f"Support of the choice {name.removeprefix(log.EVIDENCE)}, as the observer defines it", "arbitrary"
    elif name.startswith(log.MEASURED):
        what = name.removeprefix(log.MEASURED)
        said, unit = MEASURED.get(what, (f"Measured {what}, as the observer defines it", ""))
    text = pd.api.types.is_string_dtype(column.dtype) and name != "stimulus"
    levels = sorted(set(column) - {""}) if text else []
    described: dict[str, Any] = {"Description": said} | ({"Units": unit} if unit else {})
    return described | ({"Levels": {one: f"{name} {one}" for one in levels}} if 0 < len(levels) <= MAX_LEVELS else {})


def _cells(column: pd.Series) -> list[str]:
    """Text as it is, numbers in full."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return [NONE if number is pd.NA else str(number) for number in column]
    if pd.api.types.is_float_dtype(column.dtype):
        return [NONE if pd.isna(number) else repr(float(number)) for number in column]
    return [text or NONE for text in column]


def _refuse_what_it_cannot_say(frame: pd.DataFrame) -> None:
    taken = sorted({*FACTS, RT} & set(frame.columns))
    if taken:
        raise LogError(f"a column named {taken[0]} cannot be exported: in BIDS the name means something else")
    for name in frame.columns.difference([*IN_JSON, *MADE]):
        for text in frame[name].unique() if pd.api.types.is_string_dtype(frame[name].dtype) else ():
            if text == NONE or re.search(r"[\r\n\0]", text):
                raise LogError(
                    f"the {name} {text[:80]!r} cannot be exported: in BIDS n/a means that there is none, and a line is a row"
                )


def _refuse_other_files(out: Path, tables: Mapping[Path, object], sources: Sequence[str]) -> None:
    """An export is all that is in its folder: what was there of others would be taken for a part of it."""
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        by = json.loads((out / "dataset_description.json").read_text("utf-8"))["GeneratedBy"][0]["Name"]
    except (OSError, ValueError, LookupError, TypeError):
        by = None
    if by != "observers":
        raise LogError(f"{out} is not empty, and no BIDS export of observers: give another --out")
    for old in sorted(out.rglob("*_beh.tsv")):
        if old not in tables:
            raise LogError(f"{old} is there of an export of other trials: give another --out, or remove it")
        if any(Path(source).exists() and old.samefile(source) for source in sources):
            raise LogError(f"{old} is what is exported, and would be overwritten: give another --out")


def _facts(trials: pd.DataFrame, logs: list[dict[str, Any]]) -> dict[str, Any]:
    first = trials.iloc[0]
    session = None if pd.isna(first["session"]) else int(first["session"])
    return dict(zip(FACTS, (first["dataset"], first["observer"], first["kind"], session, logs), strict=True))


def to_give_away(value: Any) -> Any:
    """Without when, and without the folders in paths."""
    if isinstance(value, dict):
        return {name: to_give_away(part) for name, part in value.items() if name not in ("started", "finished")}
    if isinstance(value, list):
        return [to_give_away(part) for part in value]
    return _FOLDERS.sub("", _TIME.sub("", value)) if isinstance(value, str) else value


def _describe(out: Path, datasets: list[str], subjects: Mapping[str, tuple[str, str, str]], public: bool) -> None:
    """The files that a BIDS data set has at its top."""
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
        (f"sub-{label}", observer, kind, "homo sapiens" if kind == "human" else NONE)
        for label, (observer, kind, _) in sorted(subjects.items())
    ]
    _write_table(out / "participants.tsv", ["participant_id", "observer", "kind", "species"], rows)
    kinds = {kind: f"{kind} observer" for kind in sorted({row[2] for row in rows})}
    _write_json(
        out / "participants.json",
        {
            "observer": {"Description": "Name of the observer; of a person, a code"},
            "kind": {"Description": "What the observer is", "Levels": kinds},
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
