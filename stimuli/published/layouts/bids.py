"""Our BIDS tables: tab-separated tables with one row per trial, and JSON files with what is the same in all rows.

`analysis.io.bids` writes these files. A JSON file has the keys in `METADATA`; `Logs` contains the sidecars of the
trial logs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import LogError
from core.json_files import JsonError, read_json
from stimuli.published.layouts.layout import Cells, Converter, Layout

MISSING = "n/a"
RT = "response_time"
METADATA = ("TaskName", "Observer", "Kind", "Session", "Logs")  # keys of the JSON file


def _converter(header: Sequence[str], path: Path) -> Converter:
    """Return a function that converts rows. Raises LogError if the JSON file is missing or damaged."""
    metadata = read_metadata(path)
    session = "" if metadata["Session"] is None else str(metadata["Session"])
    constants = {
        "experiment": metadata["TaskName"], "observer": metadata["Observer"], "kind": metadata["Kind"], "session": session,
    }  # fmt: skip

    def convert(rows: Sequence[Sequence[str]]) -> Cells:
        own: Cells = {
            "rt" if name == RT else name: ["" if cell == MISSING else cell for cell in column]
            for name, column in zip(header, zip(*rows, strict=True), strict=True)
        }
        return own | {name: [cell] * len(rows) for name, cell in constants.items()}

    return convert


def read_metadata(path: Path) -> dict[str, Any]:
    """Return `METADATA` from the JSON file of a table. Raises LogError if the file is missing or damaged."""
    try:
        metadata = read_json(path.with_suffix(".json"), finite=False)
    except (OSError, JsonError) as error:
        raise LogError(
            f"{path} needs a JSON file of the same name that identifies the observer, but it cannot be read: {error}"
        ) from None
    has_names = isinstance(metadata, dict) and all(
        isinstance(metadata.get(name), str) for name in ("TaskName", "Observer", "Kind")
    )
    if (
        not has_names
        or not isinstance(metadata.get("Session", ""), int | None)
        or not _are_sidecars(metadata.get("Logs"))
    ):
        raise LogError(
            f"{path.with_suffix('.json')} was not written by `observers export`: expected the fields {', '.join(METADATA)}"
        )
    return {name: metadata[name] for name in METADATA}


def _are_sidecars(logs: object) -> bool:
    return isinstance(logs, list) and all(
        isinstance(sidecar, dict) and isinstance(sidecar.get("identity"), dict) for sidecar in logs
    )


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """Return the sidecar of a table, or None unless its JSON file contains exactly one.

    Raises the errors of `read_metadata`.
    """
    logs = read_metadata(path)["Logs"]
    return dict(logs[0]) if len(logs) == 1 else None


BIDS = Layout(
    name="bids",
    header="stimulus,category,response (separated by tabs)",
    columns=frozenset({"stimulus", "category", "response"}),
    converter=_converter,
    delimiter="\t",
    suffix="_beh.tsv",
    is_appended=True,
)
