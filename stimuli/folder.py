"""Read a stimulus set from a folder.

The folder has a manifest `stimuli.csv`, or images in the layout `<category>/<image>` or
`<condition>/<category>/<image>`.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from core.errors import StimulusError
from core.files import resolve
from core.names import file_name_problem, normalize
from stimuli.image_files import MAX_EXAMPLES, FolderScan, scan_folder
from stimuli.naming import show, similar_label_notes
from stimuli.stimulus import Stimulus, StimulusSet

BUILD_RECORD = "made-of.json"  # describes how `observers make-…` built a set; it is written before the manifest


def read_folder(folder: Path | str, *, keep_unusable: bool = False) -> StimulusSet:
    """Read the stimulus set in a folder.

    Images are recognized by their content (see `stimuli.image_files`). Hidden files, the extra files that macOS puts into
    archives, and the figures of reports are skipped.

    Args:
        folder: The folder, or the path of a manifest (a CSV file).
        keep_unusable: Whether the set also contains files that have the suffix of an image but are neither PNG nor JPEG, so
            that the caller can report them. By default they are refused.

    Returns:
        The set, named after the folder. With a manifest the stimuli have the order of its rows, otherwise they are
        sorted by path. `notes` says which files are skipped.

    Raises:
        StimulusError: If the folder does not exist, cannot be read, holds a set that is not finished, has neither a
            manifest nor images in one of the two layouts, or has images in other formats or with names that are not allowed.

    Example:
        >>> photos = read_folder("photos")  # with photos/cat/tom.png, photos/dog/rex.jpg, …
        >>> [(stimulus.id, stimulus.category) for stimulus in photos]
        [('tom.png', 'cat'), ('rex.jpg', 'dog')]
    """
    folder = resolve(folder)
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
    return _scan(folder, keep_unusable)


def _scan(folder: Path, keep_unusable: bool) -> StimulusSet:
    """Read a folder without a manifest; its layout determines the categories and conditions."""
    scan = scan_folder(folder)
    if not keep_unusable:
        scan.check()
    stimuli = []
    for path in sorted((*scan.images, *scan.unusable)):
        parts = path.relative_to(folder).parts
        *conditions, category = parts[:-1] or ("",)
        if not category or len(conditions) > 1:
            raise StimulusError(
                f"{show(str(path))}: expected {folder.name}/<category>/<image> or "
                f"{folder.name}/<condition>/<category>/<image>"
            )
        for part in parts:
            if problem := file_name_problem(normalize(part)):
                raise StimulusError(f"{show(str(path))}: the name {show(part)} {problem}; rename the file or folder")
        stimuli.append(Stimulus(path.name, path, category, "".join(conditions)))
    layouts = {len(s.path.relative_to(folder).parts): s.path for s in reversed(stimuli)}
    if len(layouts) > 1:
        raise StimulusError(
            f"{folder} has both <category>/<image> ({layouts[2]}) and <condition>/<category>/<image> ({layouts[3]}): move "
            f"the files of one layout to another folder"
        )
    counts = Counter((s.id, s.condition) for s in stimuli)
    duplicates = [s for s in stimuli if counts[s.id, s.condition] > 1]
    if duplicates and len({s.category for s in duplicates if s.id == duplicates[0].id}) == 1:
        raise StimulusError(
            f"{show(str(duplicates[0].path.parent))} has two images whose names are the same after Unicode normalization, "
            f"{show(duplicates[0].id)}; rename one of them"
        )
    if duplicates:
        raise StimulusError(
            f"{folder} has an image {duplicates[0].id} in two categories; names must be unique within a condition, so "
            f"rename one of them"
        )
    if not stimuli:
        others = f" ({'; '.join(scan.notes())})" if scan.passed_over else ""
        raise StimulusError(f"{folder} contains no PNG or JPEG images and no stimuli.csv{others}")
    empty = _folders_without_images(scan, stimuli)
    notes = (
        *scan.notes(),
        *((f"{show(folder.name)}: folders without images are skipped: {empty}",) if empty else ()),
        *similar_label_notes(folder.name, stimuli),
    )
    return StimulusSet(folder.name, tuple(stimuli), notes=notes)


def _folders_without_images(scan: FolderScan, stimuli: Sequence[Stimulus]) -> str:
    """Return the names of the folders that would be categories or conditions but do not contain images, or ""."""
    used = {parent for s in stimuli for parent in s.path.parents}
    names = sorted(path.name for path in scan.folder.iterdir() if path.is_dir() and path not in used)
    visible = [show(name)[1:-1] for name in names if not name.startswith((".", "__MACOSX"))]
    return f"{', '.join(visible[:MAX_EXAMPLES])}{', …' if len(visible) > MAX_EXAMPLES else ''}"
