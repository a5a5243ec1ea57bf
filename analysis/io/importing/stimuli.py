"""The names of images in tables of other programs, and what the names of published images contain."""

import json
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from attrs import frozen

from analysis.io.importing.options import Known
from analysis.io.importing.programs import file_name_of, media_in, text_in
from core.errors import LogError
from core.trial_columns import escape
from stimuli.categories import CATEGORIES
from stimuli.published import dialect
from stimuli.published.datasets import DATASETS, PNG, parse_cues
from stimuli.published.normalize import WITH_FOLDER, last_parts, n_parts_of

JOIN = " + "  # between the names of images that are shown together
_CATEGORY = re.compile(rf"(?:^|_)({'|'.join(CATEGORIES)})(?=\d*[._-]|_|$)")


@frozen
class Images:
    """The images of the trials.

    Attributes:
        names: The name of each image.
        categories: The category that each name contains, or an empty list if not all images of a published dataset have one.
        cues: The shape and texture that each name contains, or an empty list.
        remark: What was changed, for the description of the import.
    """

    names: list[str]
    categories: list[str]
    cues: list[dict[str, str]]
    remark: str


def images_of(cells: Sequence[str], dataset: str, known: Known) -> Images:
    """Return the images that cells show: files without their folders, and otherwise texts.

    Several images in a list become one text. If files of the same name are in different folders, also in the other files
    of the import, the names of the last folders are part of the name, since equal names are equal images.

    Raises LogError if a cell has the content of an image.
    """
    cells = [_joined(cell) for cell in cells]
    media = [media_in(cell) for cell in cells]
    for source, cell in zip(media, cells, strict=True):
        if (source or cell).startswith("data:"):
            raise LogError(
                f"the stimulus {cell[:40]!r}… is the content of an image and not its name; name another column with "
                f"--map stimulus=COLUMN"
            )
    texts = {cell: text_in(cell) for cell, file in zip(cells, media, strict=True) if not file}
    if len(set(texts.values())) < len(texts):  # images that differ in their HTML alone
        texts = {cell: escape(" ".join(cell.split())) for cell in texts}
    sources = [file or texts[cell] for file, cell in zip(media, cells, strict=True)]
    is_html = any(source != cell.strip() and "<" in cell for source, cell in zip(sources, cells, strict=True))
    remarks = [", from HTML" if is_html else ""]
    is_file = [
        bool(file) or ("<" not in cell and JOIN not in cell and bool(re.search(r"[/\\]", cell)))
        for file, cell in zip(media, cells, strict=True)
    ]
    known.paths.update(source for source, file in zip(sources, is_file, strict=True) if file)
    n_parts = n_parts_of(known.paths)
    known.n_parts.append(n_parts)
    names = [last_parts(s, n_parts) if file else s for s, file in zip(sources, is_file, strict=True)]
    if names != sources:
        folders = "the last folder" if n_parts == WITH_FOLDER else f"the last {n_parts - 1} folders"
        remarks.append(", without folders" if n_parts == 1 else f", with {folders}, since file names occur in several")
    shortened = [dialect.extract_image_id(name) for name in names]
    if shortened != names:
        names = shortened
        remarks.append(", without the number of the trial and the observer")
    if dataset in PNG and not any(PurePosixPath(name).suffix for name in names):
        names = [f"{name}.png" for name in names]
        remarks.append(", with the suffix .png")
    if dataset not in DATASETS:
        return Images(names, [], [], "".join(remarks))
    cues = [parse_cues(name) for name in names] if DATASETS[dataset].has_cues else []
    categories = [_category(s, name) for s, name in zip(sources, names, strict=True)]
    return Images(names, categories if all(categories) else [], cues, "".join(remarks))


def _joined(cell: str) -> str:
    """Return the names of several images in a JSON list as one text, and any other cell unchanged."""
    if not cell.startswith("["):
        return cell
    try:
        items = json.loads(cell)
    except ValueError:
        return cell
    if len(items) < 2 or not all(isinstance(item, str) for item in items):
        return cell
    return JOIN.join(file_name_of(media_in(item)) or item for item in items)


def _category(source: str, name: str) -> str:
    """Return the category in the name of a published image, or "" if the name lacks one."""
    cues = parse_cues(name)
    if cues:
        return cues["shape"] if cues["shape"] in CATEGORIES else ""
    match = _CATEGORY.search(file_name_of(source))
    return match[1] if match else ""
