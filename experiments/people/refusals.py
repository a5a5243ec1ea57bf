"""The number of people who did not consent to take part, which is the only thing that is stored about them.

The file `consent-refusals.json` in a folder of trial logs has one entry for each experiment and version of the consent. It
does not contain participant codes, dates or times.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock

from core.atomic import write_atomically
from core.errors import LogError
from core.json_files import JsonError, read_json

REFUSALS = "consent-refusals.json"
_KEYS = {"experiment", "consent_version", "language", "n_refusals"}
_MAX_BYTES = 1 << 20


def count_refusal(directory: Path, experiment: str, texts: Mapping[str, str | None]) -> int:
    """Count one refusal of the consent.

    Args:
        directory: Folder of the trial logs.
        experiment: Name of the experiment.
        texts: Description of the texts, from `SessionTexts.describe`.

    Returns:
        The number of refusals of this version of the consent in this language, including this one.

    Raises:
        LogError: If the file exists and is damaged.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / REFUSALS
    key = {"experiment": experiment, "consent_version": texts["consent_version"], "language": texts["language"]}
    with filelock.FileLock(f"{path}.lock"):
        entries = read_refusals(directory)
        entry = next((entry for entry in entries if {name: entry[name] for name in key} == key), None)
        if entry is None:
            entry = {**key, "n_refusals": 0}
            entries.append(entry)
        entry["n_refusals"] += 1
        write_atomically(path, (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode())
    return int(entry["n_refusals"])


def read_refusals(directory: Path) -> list[dict[str, Any]]:
    """Return the numbers of refusals in a folder of trial logs, one entry for each experiment, version and language.

    Args:
        directory: Folder of the trial logs.

    Returns:
        Entries with the keys experiment, consent_version, language and n_refusals; [] without refusals.

    Raises:
        LogError: If the file is damaged.
    """
    path = directory / REFUSALS
    try:
        entries = read_json(path, _MAX_BYTES)
    except FileNotFoundError:
        return []
    except (OSError, JsonError) as error:
        raise LogError(f"the numbers of refusals in {path} cannot be read: {error}") from None
    if not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise LogError(
            f"{path} does not contain valid numbers of refusals: expected a list of objects with the keys "
            f"{', '.join(sorted(_KEYS))}; restore the file from a backup, or move it away"
        )
    return entries


def _is_entry(entry: object) -> bool:
    """Return whether an entry has the expected keys and a number of refusals."""
    return (
        isinstance(entry, dict)
        and set(entry) == _KEYS
        and type(entry["n_refusals"]) is int
        and entry["n_refusals"] >= 1
    )
