"""Read a log and its sidecar as plain CSV and JSON, without the code that is tested."""

import csv
import json
from pathlib import Path


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sidecar(path: Path) -> dict:
    return json.loads(path.with_suffix(".json").read_text())
