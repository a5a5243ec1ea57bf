"""Checks of the sidecar of a trial log, which another program or a person may have changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import LogError

# Entry of the sidecar, with the names of the entries that contain it -> its type, and how a message calls the type.
_TYPES: dict[tuple[str, ...], tuple[type, str]] = {
    ("status",): (str, "text"),
    ("n_logged",): (int, "a whole number"),
    ("environment",): (dict, "an object"),
    ("devices",): (list, "a list"),
    ("other_environments",): (list, "a list"),
    ("spec",): (dict, "an object"),
    ("added_options",): (dict, "an object"),
    ("stimuli_notes",): (list, "a list"),
    ("session_records",): (dict, "an object"),
    ("session_records", "texts"): (list, "a list"),
    ("session_records", "consent"): (list, "a list"),
    ("runs",): (list, "a list"),
    ("error",): (str, "text"),
    ("exclusions",): (dict, "an object"),
    ("identity", "n_trials"): (int, "a whole number"),
    ("identity", "choices"): (list, "a list"),
}


def check_sidecar(path: Path, sidecar: Mapping[str, Any]) -> None:
    """Check the types of the entries of a sidecar that other code uses. An entry may be missing.

    Args:
        path: The sidecar, for the message.
        sidecar: Its contents, whose entries `identity` and `provenance` are objects.

    Raises:
        LogError: If an entry has the wrong type.
    """
    for names, (expected, description) in _TYPES.items():
        entry: Any = sidecar
        for name in names:
            entry = entry.get(name) if isinstance(entry, Mapping) else None
        if entry is not None and (not isinstance(entry, expected) or isinstance(entry, bool)):
            raise LogError(
                f"{path} is damaged: its {'.'.join(names)} is {str(entry)[:80]!r}, expected {description}; restore the "
                f"original, or move log and sidecar away"
            )
