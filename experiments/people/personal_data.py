"""Find the files of one participant in folders of trial logs and exports.

A file belongs to the participant if its content says so: the observer and the kind in its rows, in its sidecar, or in the
JSON file of a BIDS table. The name of a file decides only if the file has no readable content, as for the lock of a
session that never started. Links are not followed.
"""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from core.atomic import partial_path
from core.errors import LogError
from core.participants import pilot_name
from core.trial_columns import NAMES
from experiments.deletion_records import DELETION_RECORDS
from experiments.people.mentions import PARTICIPANTS, files_in, has_participant_row, mentions_code
from experiments.people.participation import records_of
from stimuli.published.layouts.files import detect_layout, header_names, parse_header
from stimuli.published.layouts.model_vs_human import MODEL_VS_HUMAN
from stimuli.published.layouts.own import OWN

# The suffix of the temporary file through which a sidecar is written.
PARTIAL_JSON = partial_path(Path(".json")).name
# The suffixes of the files of one session. The sidecar, which names the participant, is last, because it is deleted last.
SUFFIXES = (
    ".csv",
    ".tsv",
    PARTIAL_JSON,
    ".lock",
    ".json",
)
_PERSON_IMAGE_NAME = re.compile(
    r"\d{4,}_[^_]+_s"
)  # image names in the rows of people in model-vs-human format; those of models have _dnn


@frozen
class SessionFiles:
    """The files of one session of a participant.

    `lock` is the lock file of a trial log, and None for a table of an export and for the records of a participant
    (`experiments.people.participation`). `root` is the folder of logs that contains the experiment's folder or the records,
    and None for an export.
    """

    files: tuple[Path, ...]
    n_trials: int
    lock: Path | None = None
    root: Path | None = None


@frozen
class PersonalData:
    """The files of one participant in a folder.

    `participant_tables` are participants.tsv files that have a row about the participant, although their BIDS export
    contains no data files of the participant. `mentions` are other files that contain the code in their name or text;
    they are never deleted. `record_folders` are the folders that have a file of deletion records, whether or not it
    lists the participant.
    """

    folder: Path
    sessions: tuple[SessionFiles, ...]
    participant_tables: tuple[Path, ...]
    mentions: tuple[Path, ...]
    record_folders: tuple[Path, ...]


def find_personal_data(code: str, folder: Path, any_kind: bool) -> PersonalData:
    """Return a participant's files in a folder, and with `any_kind` those of any other observer of the same name.

    Raises LogError if the folder does not exist, or if a file belongs to several observers or cannot be read. Also
    raises LogError if the folder is that of a single experiment, because deletion records are kept in its parent
    folder.
    """
    if not folder.is_dir():
        raise LogError(f"the folder {folder} does not exist")
    paths = list(files_in(folder))
    groups: dict[Path, dict[str, Path]] = {}
    for path in paths:
        suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)
        if (
            suffix is not None
            and not path.is_symlink()
            and path.is_file()
            and (suffix != ".lock" or path.name.startswith("."))
        ):
            stem = path.name.removesuffix(suffix).removeprefix("." if suffix == ".lock" else "")
            groups.setdefault(path.with_name(stem), {})[suffix] = path
    records = [
        SessionFiles((path,), 0, root=path.parent.parent) for path in records_of({code, pilot_name(code)}, paths)
    ]
    candidates = [_session_files(code, stem, group, any_kind) for stem, group in groups.items()]
    sessions = (*(_with_root(session, folder) for session in candidates if session is not None), *records)
    session_paths = {path for session in sessions for path in session.files}
    tables = tuple(path for path in paths if path.name == PARTICIPANTS and has_participant_row(path, code))
    others = (path for path in paths if path not in session_paths and path not in tables)
    mentions = tuple(path for path in others if mentions_code(path, path.relative_to(folder), code))
    record_folders = tuple(path.parent for path in paths if path.name == DELETION_RECORDS)
    return PersonalData(folder, sessions, tables, mentions, record_folders)


def _with_root(session: SessionFiles, folder: Path) -> SessionFiles:
    """Return the session with its folder of logs as `root`. Raises LogError if `folder` is that of one experiment."""
    if session.lock is None:
        return session
    parent = session.lock.parent
    if not session.lock.name.startswith(f".{parent.resolve().name}_"):  # the log is not in the folder of its experiment
        return evolve(session, root=parent)
    if parent.resolve() == folder.resolve():
        raise LogError(
            f"{folder} contains the logs of one experiment: give its parent folder with --out, because that "
            f"folder may contain more logs of the participant"
        )
    return evolve(session, root=parent.parent)


def _session_files(code: str, stem: Path, group: dict[str, Path], any_kind: bool) -> SessionFiles | None:
    """Return files that share a stem as one session, or None if they do not belong to the participant."""
    if not any(code in path.name or code.encode() in path.read_bytes() for path in group.values()):
        return None
    names = {code, pilot_name(code)}
    rows = _read_owners(group[".csv"], code) if ".csv" in group else []
    if rows is None:
        return None
    is_bids = stem.name.endswith("_beh")
    owner_of = _owner_in_bids_json if is_bids else _owner_in_sidecar
    sidecar_owners = {suffix: owner_of(_read_json(group.get(suffix))) for suffix in (".json", PARTIAL_JSON)}
    sidecar_owner = sidecar_owners[".json"] or sidecar_owners[PARTIAL_JSON]
    if rows:
        owners = {name for name, _ in rows}
        is_person = any(human for _, human in rows) or (sidecar_owner is not None and sidecar_owner[1])
    elif sidecar_owner is not None:
        owners, is_person = {sidecar_owner[0]}, sidecar_owner[1]
    else:  # no file has readable content, so the name decides
        match = re.search(rf"_({'|'.join(map(re.escape, sorted(names)))})_session-\d+$", stem.name)
        owners, is_person = {match[1]} if match else set(), True
    if not owners & names or not (is_person or any_kind):
        return None
    if owners - names:
        raise LogError(
            f"{group['.csv']} contains trials of {code} and of other observers: remove the rows of {code} from it by hand"
        )
    # A JSON file that is not a sidecar has the same stem by coincidence and is kept.
    unrelated_json = ".json" in group and sidecar_owners[".json"] is None and _read_json(group[".json"]) is not None
    files = tuple(
        group[suffix] for suffix in SUFFIXES if suffix in group and not (unrelated_json and suffix == ".json")
    )
    is_log = not is_bids and (".csv" not in group or detect_layout(group[".csv"]) is not MODEL_VS_HUMAN)
    return SessionFiles(files, len(rows), stem.with_name(f".{stem.name}.lock") if is_log else None)


def _read_owners(path: Path, code: str) -> list[tuple[str, bool]] | None:
    """Return, for each complete row of a trial log or model-vs-human CSV file, the observer and whether it is human.

    Returns None if the file is another kind of table or does not contain the code.
    """
    content = path.read_bytes()
    header, _, body = content.partition(b"\n")
    first_line, layout = parse_header(header, path)
    columns, is_known = header_names(first_line), layout in (OWN, MODEL_VS_HUMAN)
    if not is_known and (body or not ",".join(NAMES).startswith(header.decode("utf-8", "replace"))):
        return None
    complete_rows = body[: body.rfind(b"\n") + 1]
    if not is_known or not complete_rows:
        return []  # the session was interrupted before its first trial
    if code.encode() not in complete_rows:
        return None
    observer = columns.index("observer" if "observer" in columns else "subj")
    owners = []
    try:
        for cells in csv.reader(io.StringIO(complete_rows.decode("utf-8", "replace"), newline="")):
            if len(cells) == len(columns):
                row = dict(zip(columns, cells, strict=True))
                human = row.get("kind") == "human" or bool(_PERSON_IMAGE_NAME.match(row.get("imagename", "")))
                owners.append((cells[observer], human))
    except csv.Error as error:
        raise LogError(
            f"{path} contains {code} but is not a valid CSV file ({error}): move it away or delete it by hand"
        ) from None
    return owners


def _read_json(path: Path | None) -> Any:
    """Return the content of a JSON file, or None if the file is missing or is not valid JSON."""
    try:
        return None if path is None else json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return None


def _owner_in_sidecar(sidecar: Any) -> tuple[str, bool] | None:
    """Return the observer in a sidecar, and whether it is a real or simulated participant; None for other JSON files."""
    identity = sidecar.get("identity") if isinstance(sidecar, dict) else None
    observer = identity.get("observer") if isinstance(identity, dict) else None
    if not isinstance(observer, dict) or not isinstance(observer.get("name"), str):
        return None
    return observer["name"], observer.get("kind") == "human" or str(observer.get("class")).endswith("Participant")


def _owner_in_bids_json(description: Any) -> tuple[str, bool] | None:
    """Return the observer in the JSON file of a BIDS table, and whether it is a participant; None for other JSON files."""
    if not isinstance(description, dict) or not isinstance(description.get("Observer"), str):
        return None
    logs = description.get("Logs")
    log_owner = _owner_in_sidecar(logs[0]) if isinstance(logs, list) and logs else None
    return description["Observer"], description.get("Kind") == "human" or (log_owner is not None and log_owner[1])
