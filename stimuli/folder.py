"""Read a stimulus set from a folder.

The folder has a manifest `stimuli.csv`, or images in the layout `<category>/<image>` or
`<condition>/<category>/<image>`.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import StimulusError
from stimuli.images import SUFFIXES, UNSUPPORTED_SUFFIXES
from stimuli.stimulus import Stimulus, StimulusSet

PORTABLE_NAME = re.compile(r"\w[\w ()._-]*")  # names that are valid on every operating system
BUILD_RECORD = "made-of.json"  # describes how `observers make-…` built a set; it is written before the manifest


def read_folder(folder: Path | str) -> StimulusSet:
    """Read the stimulus set in a folder.

    Hidden files, the extra files that macOS puts into archives, and the figures of reports are skipped.

    Args:
        folder: The folder, or the path of a manifest (a CSV file).

    Returns:
        The set, named after the folder. With a manifest the stimuli have the order of its rows, otherwise they are
        sorted by path.

    Raises:
        StimulusError: If the folder does not exist, cannot be read, holds a set that is not finished, or has neither a
            manifest nor images in one of the two layouts.

    Example:
        >>> photos = read_folder("photos")  # with photos/cat/tom.png, photos/dog/rex.jpg, …
        >>> [(stimulus.id, stimulus.category) for stimulus in photos]
        [('tom.png', 'cat'), ('rex.jpg', 'dog')]
    """
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
            f"the stimulus set {folder} is not finished: first repeat the command that started it, "
            f"which makes the remaining images"
        )
    return _scan(folder)


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder, and follow links to folders. Raise StimulusError if a folder is unreadable."""

    def refuse(error: OSError) -> None:
        raise StimulusError(f"the folder {error.filename} cannot be read: {error.strerror}")

    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        ancestors = {os.path.realpath(ancestor) for ancestor in (Path(parent), *Path(parent).parents)}
        # A link to an ancestor would make os.walk loop forever.
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(parent, name)) not in ancestors]
        yield from (Path(parent, name) for name in names)


def _scan(folder: Path) -> StimulusSet:
    """Read a folder without a manifest; its layout determines the categories and conditions."""
    stimuli = []
    reports = {page.parent for page in folder.rglob("index.html") if (page.parent / "tables").is_dir()}
    for path in sorted(_files(folder)):
        parts = path.relative_to(folder).parts
        skipped = any(part.startswith((".", "__MACOSX")) for part in parts) or not reports.isdisjoint(path.parents)
        if skipped or path.suffix.lower() not in (*SUFFIXES, *UNSUPPORTED_SUFFIXES) or not path.is_file():
            continue
        *conditions, category = parts[:-1] or ("",)
        if not category or len(conditions) > 1 or not all(map(PORTABLE_NAME.fullmatch, parts)):
            raise StimulusError(
                f"{path}: expected {folder.name}/<category>/<image> or {folder.name}/<condition>/<category>/<image>, with "
                f"names of letters, digits, spaces and ( ) . _ -"
            )
        stimuli.append(Stimulus(path.name, path, category, "".join(conditions)))
    layouts = {len(s.path.relative_to(folder).parts): s.path for s in reversed(stimuli)}
    if len(layouts) > 1:
        raise StimulusError(
            f"{folder} has both <category>/<image> ({layouts[2]}) and <condition>/<category>/<image> ({layouts[3]}): move "
            f"the files of one layout to another folder"
        )
    keys = [(s.id, s.condition) for s in stimuli]
    if len(set(keys)) < len(keys):
        duplicate = next(s for s in stimuli if keys.count((s.id, s.condition)) > 1)
        raise StimulusError(
            f"{folder} has an image {duplicate.id} in two categories; names must be unique within a condition, so rename "
            f"one of them"
        )
    if not stimuli:
        raise StimulusError(f"{folder} contains no PNG or JPEG images and no stimuli.csv")
    return StimulusSet(folder.name, tuple(stimuli))
