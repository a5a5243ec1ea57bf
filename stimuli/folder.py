"""A set of stimuli from a folder: its `stimuli.csv`, or images laid out as `<category>/<image>` or
`<condition>/<category>/<image>`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from stimuli.errors import StimulusError
from stimuli.images import SUFFIXES, UNSUPPORTED_SUFFIXES
from stimuli.stimulus import Stimulus, StimulusSet

PORTABLE_NAME = re.compile(r"\w[\w ()._-]*")  # a name that can be a file's anywhere
BUILD_RECORD = "made-of.json"  # of a set that was made here


def read_folder(folder: Path) -> StimulusSet:
    """The set, named after the folder; its `stimuli.csv` can be named as well. Raises StimulusError if it is none."""
    folder = Path(folder).resolve()
    if folder.is_file() and folder.suffix == ".csv":
        return StimulusSet.read(folder)
    if not folder.is_dir():
        raise StimulusError(f"there is no folder {folder}")
    manifest = folder / "stimuli.csv"
    if manifest.is_file():
        return StimulusSet.read(manifest)
    if (folder / BUILD_RECORD).is_file():
        raise StimulusError(
            f"{folder} is a set that is not finished: run the command again that makes it (it goes on), then use it"
        )
    return _scan(folder)


def _files(folder: Path) -> Iterator[Path]:
    """Every file below, through links to folders as well. Raises StimulusError for a folder that cannot be listed."""

    def refuse(error: OSError) -> None:
        raise StimulusError(f"the folder {error.filename} cannot be read: {error.strerror}")

    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        above = {os.path.realpath(above) for above in (Path(parent), *Path(parent).parents)}
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(parent, name)) not in above]  # a ring
        yield from (Path(parent, name) for name in names)


def _scan(folder: Path) -> StimulusSet:
    """Passed over: hidden files, what macOS leaves in archives, and the figures of a report that was written here."""
    stimuli = []
    reports = {page.parent for page in folder.rglob("index.html") if (page.parent / "tables").is_dir()}
    for path in sorted(_files(folder)):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts) or not reports.isdisjoint(path.parents)
        if hidden or path.suffix.lower() not in (*SUFFIXES, *UNSUPPORTED_SUFFIXES) or not path.is_file():
            continue
        *conditions, category = parts[:-1] or ("",)
        if not category or len(conditions) > 1 or not all(map(PORTABLE_NAME.fullmatch, parts)):
            raise StimulusError(
                f"{path}: expected {folder.name}/<category>/<image> or <condition>/<category>/<image>, in names of letters, "
                f"digits, spaces and ( ) . _ -"
            )
        stimuli.append(Stimulus(path.name, path, category, "".join(conditions)))
    layouts = {len(s.path.relative_to(folder).parts): s.path for s in reversed(stimuli)}
    if len(layouts) > 1:
        raise StimulusError(
            f"{folder} has both <category>/<image> ({layouts[2]}) and <condition>/<category>/<image> ({layouts[3]}): move "
            f"one away"
        )
    keys = [(s.id, s.condition) for s in stimuli]
    if len(set(keys)) < len(keys):
        double = next(s for s in stimuli if keys.count((s.id, s.condition)) > 1)
        raise StimulusError(f"{folder}: {double.id} is there in two categories; an image's name must say which it is")
    if not stimuli:
        raise StimulusError(f"{folder} holds no PNG or JPEG images and no stimuli.csv")
    return StimulusSet(folder.name, tuple(stimuli))
