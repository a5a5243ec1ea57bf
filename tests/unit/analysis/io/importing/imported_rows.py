"""Import of a text as a file, and the cells of the logs, for the tests of imports."""

import csv

from analysis.io.importing.import_files import import_files
from analysis.io.importing.options import ImportOptions


def import_text(tmp_path, text, name="a.csv", **options):
    """Import a file with this text, and return the cells of the logs and the description."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    lines = []
    defaults = {"dataset": "mine", "kind": "human"} | options
    logs = import_files([path], tmp_path / "logs", ImportOptions(**defaults), lines.append)
    rows = [row for log_path in logs for row in csv.DictReader(log_path.read_text("utf-8").splitlines())]
    return rows, "\n".join(lines)


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]
