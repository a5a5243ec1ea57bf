"""What the lab keeps about a participant besides responses: consent, the completion code and demographics.

It is stored separately from the trial logs, in the folder `personal_data` of a folder of logs. Its name contains an
underscore, which the name of an experiment's folder never does. Analyses and exports do not read this folder, and
`observers forget` deletes the files of a participant from it.

    personal_data/<experiment>_<observer>_session-<n>_participation.json      consent and completion code of one session
    personal_data/<participant code>_demographics.json                        answers to demographic questions

The file of a participant who declined contains the refusal and nothing else, so that the same link does not ask again. The
refusal is also counted (`experiments.people.refusals`).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import frozen

from core.atomic import write_atomically
from core.errors import LogError
from core.json_files import JsonError, check_types, read_json
from core.participants import is_pilot_name, participant_code
from experiments.deletion_records import refuse_forgotten
from experiments.log import file_name
from experiments.people.refusals import count_refusal
from observers.people.records import DECLINED

FOLDER = "personal_data"
FORMAT = 1
_MAX_BYTES = 1 << 20
_TYPES: Mapping[str, type] = {"format": int, "record": str, "participant": str}


@frozen
class Participation:
    """The records of one session with a participant in a browser.

    Attributes:
        directory: Folder of the logs.
        experiment: Name of the experiment.
        observer: Name of the observer: the participant code, with a suffix in a pilot session.
        session: Number of the session.
    """

    directory: Path
    experiment: str
    observer: str
    session: int = 1

    @property
    def path(self) -> Path:
        """The path of the file with the consent and the completion code."""
        stem = f"{file_name(self.experiment)}_{self.observer}_session-{self.session}"
        return self.directory / FOLDER / f"{stem}_participation.json"

    @property
    def demographics_path(self) -> Path:
        """The path of the file with the demographics, which all sessions of the participant share."""
        return self.directory / FOLDER / f"{self.observer}_demographics.json"

    def decision(self, version: str) -> str:
        """Return "accepted" or "declined" if the participant decided about this version of the consent text, or ""."""
        decisions = [entry for entry in self._read().get("consents", []) if entry["version"] == version]
        return str(decisions[-1]["decision"]) if decisions else ""

    def add_consent(self, decision: Mapping[str, str], texts_sha256: str | None = None) -> None:
        """Record a decision about the consent text: a mapping with the keys decision, version and language.

        `texts_sha256` is the SHA-256 of all texts of the session, if it is known. A decision that is already the last one
        is not recorded again. Raises LogError if the file cannot be written.
        """
        content = self._read()
        consents = content.setdefault("consents", [])
        same = consents and all(consents[-1].get(name) == value for name, value in decision.items())
        if same:
            return
        if decision["decision"] == DECLINED:
            consents.append(dict(decision))
            if not is_pilot_name(self.observer):
                texts = {"consent_version": decision["version"], "language": decision["language"]}
                count_refusal(self.directory, self.experiment, texts)
        else:
            time = datetime.now(UTC).isoformat(timespec="seconds")
            consents.append({**decision, "texts_sha256": texts_sha256, "time": time})
        self._write(self.path, content)

    @property
    def completion_code(self) -> str:
        """The completion code that the participant received, or "" if the session is not complete."""
        return str(self._read().get("completion_code", ""))

    def set_completion_code(self, code: str) -> None:
        """Record the completion code. Raises LogError if the file cannot be written."""
        content = self._read()
        if content.get("completion_code") != code:
            self._write(self.path, content | {"completion_code": code})

    @property
    def has_demographics(self) -> bool:
        """Whether the participant has answered or skipped the demographic questions."""
        return self.demographics_path.is_file()

    def set_demographics(self, answers: Mapping[str, str]) -> None:
        """Record the answers to the demographic questions. Raises LogError if the file cannot be written."""
        content = {"format": FORMAT, "record": "demographics", "participant": self.observer, "answers": dict(answers)}
        self._write(self.demographics_path, content)

    def _read(self) -> dict[str, Any]:
        """Return the records of the session. Raises LogError if the file is damaged."""
        try:
            content = check_types(read_json(self.path, _MAX_BYTES), _TYPES)
            consents = content.get("consents", [])
            for entry in consents if isinstance(consents, list) else [None]:
                check_types(entry, {"decision": str, "version": str})
        except FileNotFoundError:
            return {
                "format": FORMAT, "record": "participation", "participant": self.observer,
                "experiment": self.experiment, "session": self.session,
            }  # fmt: skip
        except (OSError, JsonError) as error:
            raise LogError(f"{self.path} cannot be read ({error}): restore the original, or move it away") from None
        return content

    def _write(self, path: Path, content: Mapping[str, Any]) -> None:
        refuse_forgotten(participant_code(self.observer), self.directory)
        try:
            write_atomically(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode(), sync=True)
        except OSError as error:
            raise LogError(f"{path}: {error.strerror}; fix that and run the same command again") from None


def records_of(observers: set[str], paths: list[Path]) -> Iterator[Path]:
    """Yield those of the paths that are records of one of these observers, by their content and not by their name."""
    for path in paths:
        if path.parent.name == FOLDER and path.suffix == ".json" and path.is_file() and not path.is_symlink():
            try:
                content = check_types(read_json(path, _MAX_BYTES), _TYPES)
            except (OSError, JsonError):
                continue  # `forget` lists the file among those that mention the code
            if content["participant"] in observers:
                yield path
