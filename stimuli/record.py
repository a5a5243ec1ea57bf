"""Of what a folder of stimuli was made: `made-of.json`, so that nothing else is made into it when a run is taken up."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from stimuli.datasets import DATASETS
from stimuli.errors import StimulusError
from stimuli.stimulus import StimulusSet

RECORD = "made-of.json"


def about(source: StimulusSet) -> str:
    """sha256 over name, category and size of file of each image."""
    lines = [f"{s.id}\t{s.category}\t{s.path.stat().st_size if s.path.is_file() else 0}" for s in source]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def claim(out: Path, made_of: Mapping[str, object]) -> None:
    """Write the record of a new or empty folder, or compare it with the one that is there. Raises StimulusError."""
    if out.resolve().name in DATASETS:
        raise StimulusError(
            f"{out} is named like a published dataset, as which it would be analyzed: name it otherwise"
        )
    record, path = {**made_of, "version": version("observers")}, out / RECORD
    if path.is_file():
        try:
            before = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise StimulusError(f"{path} cannot be read ({error}): name another folder, or remove this one") from None
        differs = [key for key in record if not isinstance(before, dict) or before.get(key) != record[key]]
        if differs:
            raise StimulusError(
                f"{out} holds a set made otherwise (another {', '.join(differs)}): name another folder, or remove it"
            )
    elif out.is_dir() and any(out.iterdir()):
        raise StimulusError(f"{out} holds something else already: name an empty or a new folder")
    else:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def naming(error: StimulusError, *paths: Path) -> str:
    """The error as a sentence that names a file: the first of `paths` where it names none of them."""
    said = str(error)
    return said if any(str(path) in said for path in paths) else f"{paths[0]}: {said}"
