"""What a folder of logs or exports holds of one person.

Whose a file is, its content says: the observer and kind in its rows, its sidecar, or the JSON of a BIDS table. Only what has
no content any more, such as the lock of a session that never began, goes by its name. Links are not followed.
"""

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from experiments.log import COLUMNS
from observers.people.participant import PILOT
from stimuli.atomic import write_atomically
from stimuli.errors import LogError

SUFFIXES = (
    ".csv",
    ".tsv",
    ".json.part",
    ".lock",
    ".json",
)  # of one session; whose it was is known until the last is gone
MENTIONS = (".csv", ".tsv", ".json", ".html", ".js", ".md", ".txt", ".svg")  # files that are searched for the code
PARTICIPANTS = "participants.tsv"
DELETION_RECORDS = "forgotten.csv"
_EXPORTED_PERSON = re.compile(r"\d{4,}_[^_]+_s")  # how the field's names of images begin; of a model it is _dnn


@frozen
class SessionFiles:
    """Files of one session, in the order in which they go."""

    files: tuple[Path, ...]
    n_trials: int
    lock: Path | None = None  # of a log; an export has none
    root: Path | None = None  # the folder of logs that a log is in


@frozen
class PersonalData:
    """What a folder holds of a person."""

    folder: Path
    sessions: tuple[SessionFiles, ...]
    participants: tuple[Path, ...]  # tables of BIDS exports in which no more than the name is left
    mentions: tuple[Path, ...]  # other files that have the code in them or in their name: they stay
    graves: tuple[Path, ...]  # folders with a TOMBSTONES, whoever is in it


def find_personal_data(code: str, folder: Path, any_kind: bool) -> PersonalData:
    """Raises LogError where it cannot be told whose a file is, or where the tombstone belongs."""
    if not folder.is_dir():
        raise LogError(f"there is no folder {folder}")
    files = list(files_in(folder))
    groups: dict[Path, dict[str, Path]] = {}
    for path in files:
        suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)
        if suffix is not None and not path.is_symlink() and (suffix != ".lock" or path.name.startswith(".")):
            stem = path.name.removesuffix(suffix).removeprefix("." if suffix == ".lock" else "")
            groups.setdefault(path.with_name(stem), {})[suffix] = path
    sessions = [_session(code, stem, group, any_kind) for stem, group in groups.items()]
    mine = tuple(_rooted(session, folder) for session in sessions if session is not None)
    going = {path for session in mine for path in session.files}
    named = tuple(path for path in files if path.name == PARTICIPANTS and _without(path, code, set()) is not None)
    rest = (path for path in files if path not in going and path.name != PARTICIPANTS)
    mentions = tuple(path for path in rest if _mentions(path, path.relative_to(folder), code))
    graves = tuple(path.parent for path in files if path.name == DELETION_RECORDS)
    return PersonalData(folder, mine, named, mentions, graves)


def _rooted(session: SessionFiles, folder: Path) -> SessionFiles:
    """With the folder of logs, where the tombstone belongs. Raises LogError if that is not in `folder`."""
    if session.lock is None:
        return session
    parent = session.lock.parent
    if not session.lock.name.startswith(f".{parent.resolve().name}_"):  # not as `experiments.log` puts it: by itself
        return evolve(session, root=parent)
    if parent.resolve() == folder.resolve():
        raise LogError(f"{folder} holds one experiment: give its parent folder, which may hold more of them, as --out")
    return evolve(session, root=parent.parent)


def files_in(folder: Path) -> Iterator[Path]:
    """All files and links below; a folder that cannot be read may hold what is looked for, so it raises OSError."""

    def stop(error: OSError) -> None:
        raise error

    for directory, folders, names in os.walk(folder, onerror=stop):
        folders.sort()
        for name in sorted(names) + [name for name in folders if Path(directory, name).is_symlink()]:
            yield Path(directory, name)


def _session(code: str, stem: Path, group: dict[str, Path], any_kind: bool) -> SessionFiles | None:
    """The session that these files of one stem are of, if it is theirs."""
    if not any(code in path.name or code.encode() in path.read_bytes() for path in group.values()):
        return None
    names = {code, code + PILOT}
    rows = _rows(group[".csv"], code) if ".csv" in group else []
    if rows is None:
        return None
    bids = stem.name.endswith("_beh")
    told = {suffix: (_who_of_table if bids else _who)(_json(group.get(suffix))) for suffix in (".json", ".json.part")}
    said = told[".json"] or told[".json.part"]
    if rows:
        owners, person = {name for name, _ in rows}, any(human for _, human in rows) or (said is not None and said[1])
    elif said is not None:
        owners, person = {said[0]}, said[1]
    else:  # nothing is in it, or nothing that can be read
        match = re.search(rf"_({'|'.join(map(re.escape, sorted(names)))})_session-\d+$", stem.name)
        owners, person = {match[1]} if match else set(), True
    if not owners & names or not (person or any_kind):
        return None
    if owners - names:
        raise LogError(f"{group['.csv']} holds trials of {code} and of others: take those of {code} out of it by hand")
    other = ".json" in group and told[".json"] is None and _json(group[".json"]) is not None  # it says something else
    files = tuple(group[suffix] for suffix in SUFFIXES if suffix in group and not (other and suffix == ".json"))
    is_log = not bids and (".csv" not in group or _is_own(group[".csv"]))
    return SessionFiles(files, len(rows), stem.with_name(f".{stem.name}.lock") if is_log else None)


def _rows(path: Path, code: str) -> list[tuple[str, bool]] | None:
    """Observer, and is it a human, of each whole row of a log or of the field's CSV; None for others' and other tables."""
    content = path.read_bytes()
    head, _, rest = content.partition(b"\n")
    columns = _columns(head)
    is_log = {"observer", "stimulus", "response"} <= set(columns) or {"subj", "imagename"} <= set(columns)
    if not is_log and (rest or not ",".join(COLUMNS).startswith(head.decode("utf-8", "replace"))):
        return None
    whole = rest[: rest.rfind(b"\n") + 1]
    if not is_log or not whole:
        return []  # torn before its first trial
    if code.encode() not in whole:
        return None
    observer = columns.index("observer" if "observer" in columns else "subj")
    found = []
    try:
        for cells in csv.reader(io.StringIO(whole.decode("utf-8", "replace"), newline="")):
            if len(cells) == len(columns):
                named = dict(zip(columns, cells, strict=True))
                human = named.get("kind") == "human" or bool(_EXPORTED_PERSON.match(named.get("imagename", "")))
                found.append((cells[observer], human))
    except csv.Error as error:
        raise LogError(f"{path} names {code} and cannot be read: {error}; move it away, or remove it by hand") from None
    return found


def _columns(head: bytes) -> list[str]:
    return [name.strip().strip('"').lower() for name in head.decode("utf-8-sig", "replace").split(",")]


def _is_own(path: Path) -> bool:
    return "subj" not in _columns(path.read_bytes().partition(b"\n")[0])


def _json(path: Path | None) -> Any:
    """What a file says; None where there is none, or it is torn."""
    try:
        return None if path is None else json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return None


def _who(said: Any) -> tuple[str, bool] | None:
    """Observer, and is it a person (or a simulated one), by a sidecar."""
    identity = said.get("identity") if isinstance(said, dict) else None
    observer = identity.get("observer") if isinstance(identity, dict) else None
    if not isinstance(observer, dict) or not isinstance(observer.get("name"), str):
        return None
    return observer["name"], observer.get("kind") == "human" or str(observer.get("class")).endswith("Participant")


def _who_of_table(said: Any) -> tuple[str, bool] | None:
    """The same by the JSON of a BIDS table, which `analysis.bids` writes."""
    if not isinstance(said, dict) or not isinstance(said.get("Observer"), str):
        return None
    logs = said.get("Logs")
    inner = _who(logs[0]) if isinstance(logs, list) and logs else None
    return said["Observer"], said.get("Kind") == "human" or (inner is not None and inner[1])


def _mentions(path: Path, inside: Path, code: str) -> bool:
    """Has the file the code in its name, or as a word in its text?"""
    word = rf"(?<![A-Za-z0-9]){re.escape(code)}(?![A-Za-z0-9])"
    if re.search(word, str(inside)):
        return True
    return path.suffix in MENTIONS and not path.is_symlink() and bool(re.search(word.encode(), path.read_bytes()))


def strike(participants: Path, code: str) -> bool:
    """Take the person's row out of a BIDS export that holds no more of them, with the folders that are empty by then."""
    subjects: set[str] = set()
    left = _without(participants, code, subjects)
    if left is None:
        return False
    for subject in subjects:
        for directory, _, _ in os.walk(participants.parent / subject, topdown=False):
            os.rmdir(directory)
    write_atomically(participants, left)
    return True


def _without(participants: Path, code: str, subjects: set[str]) -> bytes | None:
    """The table without the rows of the person whose folders hold no file, which `subjects` gets; None if there are none."""
    if participants.is_symlink():
        return None
    lines = participants.read_bytes().splitlines(keepends=True)
    columns = lines[0].decode("utf-8", "replace").strip().split("\t") if lines else []
    if not {"participant_id", "observer"} <= set(columns):
        return None
    subject, observer = columns.index("participant_id"), columns.index("observer")
    kept = []
    for line in lines:
        cells = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
        mine = len(cells) == len(columns) and cells[observer] in (code, code + PILOT)
        if (
            mine
            and re.fullmatch(r"sub-[A-Za-z0-9]+", cells[subject])
            and _is_bare(participants.parent / cells[subject])
        ):
            subjects.add(cells[subject])
        else:
            kept.append(line)
    return b"".join(kept) if subjects else None


def _is_bare(folder: Path) -> bool:
    """Are there no files in it, or is there no such folder?"""
    return not folder.is_symlink() and not (folder.is_dir() and any(files_in(folder)))
