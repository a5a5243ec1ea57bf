"""Unpack recordings that come with the installation into ordinary trial logs, which every command can read."""

import csv
import io
from pathlib import Path

from core.atomic import write_atomically
from core.errors import LogError
from experiments.log import log_path, write_sidecar
from stimuli.published.included import check_included, find_included, sidecar_of
from stimuli.published.layouts.compressed import read_compressed


def unpack_recording(experiment: str, observer: str, folder: Path) -> Path:
    """Write the recorded trials of one observer as a trial log with its sidecar.

    Args:
        experiment: Name of an experiment of the microcosm.
        observer: Name of the observer.
        folder: Folder of the logs; the log is FOLDER/EXPERIMENT/EXPERIMENT_OBSERVER_session-1.csv.

    Returns:
        The path of the log. The evidence has only the digits that the sidecar records as `recording.evidence_digits`.

    Raises:
        LogError: If the installation does not include this recording, or if the file was changed.
    """
    path = find_included("microcosm", experiment)
    sidecar = sidecar_of(path) if path is not None else {}
    own = sidecar.get("observers", {}).get(observer)
    if path is None or own is None:
        raise LogError(
            f"the included recordings do not contain {observer} in {experiment}; `observers list experiments` "
            "names those that are included"
        )
    check_included(path)
    rows = list(csv.reader(io.StringIO(read_compressed(path).decode(), newline="")))
    column = rows[0].index("observer")
    lines = io.StringIO(newline="")
    observer_rows = [row for row in rows[1:] if row[column] == observer]
    csv.writer(lines, lineterminator="\n").writerows([rows[0], *observer_rows])
    log = log_path(folder, experiment, observer, 1)
    log.parent.mkdir(parents=True, exist_ok=True)
    n_all = sidecar["recording"]["n_all_trials"]
    unpacked = {
        "format": sidecar["format"],
        "status": "complete" if len(observer_rows) == n_all else "partial",
        "n_logged": len(observer_rows),
        "identity": sidecar["identity"] | {"n_trials": n_all, "observer": own["identity"]},
        "environment": own["environment"],
        "provenance": own["provenance"],
        "devices": own["devices"],
        "evidence_digits": sidecar["recording"]["evidence_digits"],
    }
    write_atomically(log, lines.getvalue().encode())
    write_sidecar(log, unpacked)
    return log
