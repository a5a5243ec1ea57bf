"""Finished units of work whose rows cannot be logged yet, because rows of earlier trials are missing.

Each unit is a JSON file in the folder `<name of the log>.units` next to the log. The file is written under a temporary name,
synced to disk and then renamed, so it is complete even if the process that writes the log is killed. The folder is removed
when it is empty.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from core.atomic import write_atomically
from core.errors import LogError, describe_os_error
from core.json_files import JsonError, check_types, read_json
from experiments.identity import identity_of
from experiments.running.session_log import Session
from experiments.running.worker import UnitResult

_NAME = re.compile(r"trials-(\d+)-(\d+)\.json")


@frozen(eq=False)
class FinishedUnits:
    """The finished units of a session that are not in its log yet.

    Attributes:
        session: The session.
        identity: SHA-256 of the identity of the session, so that units of another session are not used.
    """

    session: Session
    identity: str

    @classmethod
    def of(cls, session: Session) -> "FinishedUnits":
        """Return the finished units of a session."""
        identity = identity_of(
            session.experiment, session.observer, session.number, session.seed, stimuli_digest=session.stimuli_digest
        )
        return cls(session, content_digest(identity))

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return folder_of_units(self.session.path)

    def find(self, notify: Callable[[str], None] = lambda sentence: None) -> list[range]:
        """Return the indices of the trials of each unit, in order. Units that cannot be used are reported and deleted."""
        ranges = []
        for path in sorted(self.folder.glob("trials-*.json")):
            match = _NAME.fullmatch(path.name)
            indices = range(int(match[1]) - 1, int(match[2])) if match else range(0)
            if self.read(indices) is None:
                notify(f"{path} is damaged or belongs to another session; its trials are repeated")
                path.unlink(missing_ok=True)
            else:
                ranges.append(indices)
        return sorted(ranges, key=lambda indices: indices.start)

    def read(self, indices: range) -> UnitResult | None:
        """Return the responses to the trials with these indices, or None if the file cannot be used."""
        with suppress(OSError, JsonError, TypeError, KeyError):
            content = check_types(read_json(self._path(indices), finite=False), {"identity": str, "sha256": str})
            if content.pop("identity") == self.identity and content.pop("sha256") == content_digest(content):
                result = UnitResult(**content)
                return result if len(result.rows) == len(indices) else None
        return None

    def write(self, indices: range, result: UnitResult) -> None:
        """Save the responses to the trials with these indices. Raises LogError if the file cannot be written."""
        facts = asdict(result)
        content = json.dumps({"identity": self.identity, "sha256": content_digest(facts)} | facts, ensure_ascii=False)
        try:
            write_atomically(self._path(indices), content.encode(), sync=True)
        except OSError as error:
            raise LogError(describe_os_error(error)) from None

    def delete(self, indices: range) -> None:
        """Delete the file of a unit after its rows have been written to the log."""
        self._path(indices).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _path(self, indices: range) -> Path:
        return self.folder / f"trials-{indices.start + 1}-{indices.stop}.json"


def folder_of_units(path: Path) -> Path:
    """Return the folder of the finished units of a log."""
    return path.with_suffix(".units")


def remove_old_units(path: Path, n_logged: int | None) -> None:
    """Remove the finished units whose rows are in the log, files that were not written to their end, and an empty folder.

    Args:
        path: The log.
        n_logged: Number of rows in the log; None if the log does not exist, so that all its units are old.
    """
    folder = folder_of_units(path)
    for file in folder.glob("trials-*"):
        match = _NAME.fullmatch(file.name)
        is_old = match is not None and (n_logged is None or int(match[2]) <= n_logged)
        if is_old or file.suffix == ".part":
            file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def content_digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON object, which does not depend on the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
