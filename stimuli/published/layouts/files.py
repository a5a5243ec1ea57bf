"""Files of trials with any layout of `stimuli.published.layouts.table`: recognize the layout, and read the trials."""

import io
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from core.errors import LogError
from stimuli.published.datasets import DATASETS
from stimuli.published.dialect import shorten_image_name
from stimuli.published.layouts.canonical import CUES, Canonical, cues_of, image_name
from stimuli.published.layouts.compressed import open_maybe_compressed, plain_path
from stimuli.published.layouts.finding_notes import finding_notes
from stimuli.published.layouts.layout import Cells, Layout, normalize_header, transpose
from stimuli.published.layouts.model_vs_human import MODEL_VS_HUMAN
from stimuli.published.layouts.rows import (
    MAX_LINE,
    complete_size,
    first_lines,
    incomplete_note,
    read_blocks,
    split_line,
)
from stimuli.published.layouts.table import LAYOUTS, is_ours
from stimuli.published.normalize import has_folder, n_parts_of


def detect_layout(path: Path) -> Layout | None:
    """Return the layout of a file, or None if it does not contain trials."""
    with open_maybe_compressed(path) as file:
        return parse_header(file.read(MAX_LINE), plain_path(path))[1]


def parse_header(content: bytes, path: Path) -> tuple[str, Layout | None]:
    """Return the first line of a file and the layout of the file, which is None if the file is not a trial log.

    `content` is the beginning of the file, and `path` is used only for the file name.
    """
    header, first, *_ = (*first_lines(content), "", "")
    for layout in LAYOUTS.values():
        names = header_names(header, layout.delimiter)
        row = dict.fromkeys(names, "") | dict(zip(names, split_line(first, layout.delimiter), strict=False))
        if path.name.lower().endswith(layout.suffix) and layout.columns <= set(names) and layout.has_row(row):
            return header, layout
    return header, None


def header_names(header: str, delimiter: str = ",") -> list[str]:
    """Return the names of the columns in the first line of a CSV file, in lower case."""
    return [name.strip('"').strip().lower() for name in split_line(header, delimiter) or header.split(delimiter)]


def expected_headers(path: Path) -> str:
    """Return the headers of the layouts that a file with this name can have, for an error message."""
    headers = [layout.header for layout in LAYOUTS.values() if path.name.lower().endswith(layout.suffix)]
    return ", or ".join(headers or [layout.header for layout in LAYOUTS.values()])


def describe_other_file(content: bytes) -> str:
    """Describe why a file whose layout is not recognized does not contain trials. `content` is the beginning of the file."""
    if not content.strip():
        return "the file is empty"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "the encoding is UTF-16 (`observers import` can read it)"
    text = (first_lines(content) or [""])[0]
    for delimiter, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if any(layout.columns <= set(header_names(text, delimiter)) for layout in LAYOUTS.values()):
            return f"the columns are separated by {name} (`observers import` can read them)"
    return "the columns are not those of a trial log"


def complete_rows(content: bytes, layout: Layout) -> bytes:
    """Return the content of a file without an incomplete last row (see `complete_size`)."""
    return content[: complete_size(io.BytesIO(content), layout)]


def read_cells(content: bytes, path: Path, layout: Layout) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a file as text, without blank lines. Raises the errors of `read_blocks`."""
    header, blocks = read_blocks(io.BytesIO(content), len(content), path, layout)
    return header, list(chain.from_iterable(blocks))


def read_own_cells(
    content: bytes,
    path: Path,
    layout: Layout,
    *,
    constants: Mapping[str, str] | None = None,
    notes: list[str] | None = None,
) -> Cells:
    """Return all trials of a file as the cells of our own trial log by column, with canonical texts.

    Args:
        content: The content of the file.
        path: The path of the file.
        layout: The layout of the file.
        constants: Values of columns that are the same in all trials and replace those of the file, such as
            {"experiment": "edge"}.
        notes: A list to which notes are added: what was changed or inferred, and what looks wrong.

    Returns:
        The cells; {} if the file lacks rows.

    Raises:
        KeyError: If the file lacks a column.
        LogError: For the errors of `read_blocks` and of the layout, and for a condition that a published dataset does not
            have.
    """
    complete = complete_rows(content, layout)
    header, rows = read_cells(complete, path, layout)
    if not rows:
        return {}
    canonical, constants = Canonical(), constants or {}
    cells = layout.converter(header, path)(rows) | {name: [text] * len(rows) for name, text in constants.items()}
    cells = to_canonical(cells, path, layout, canonical)
    if layout is MODEL_VS_HUMAN:
        imagename = transpose(normalize_header(header), rows[:1])["imagename"][0]
        _note_guesses(cells, path, imagename, canonical, is_guessed="kind" not in constants)
    if notes is not None:
        notes += [incomplete_note(path)] if len(complete) < len(content) else []
        notes += finding_notes(canonical.findings, can_correct=False)
    return cells


def to_canonical(cells: Cells, path: Path, layout: Layout, canonical: Canonical) -> Cells:
    """Return all trials of a file with canonical texts. Raises LogError for an unknown condition of a published dataset."""
    ours, source = is_ours(layout), path.name
    if "experiment" not in cells:  # a log that lacks a column is refused later
        return cells
    n = len(cells["experiment"])
    pairs = list(zip(cells["experiment"], cells.get("condition", [""] * n), strict=True))
    try:
        places = {pair: canonical.place(*pair, source, is_ours=ours) for pair in dict.fromkeys(pairs)}
    except ValueError as error:
        raise LogError(f"{path}: {error}") from None
    datasets = [places[pair][0] for pair in pairs]
    changed: Cells = {"experiment": datasets, "condition": [places[pair][1] for pair in pairs]}
    for column in ("category", "response"):
        if column in cells and not ours:
            words = list(zip(datasets, cells[column], strict=True))
            known = {(name, text): canonical.word(column, name, text, source) for name, text in dict.fromkeys(words)}
            changed[column] = [known[word] for word in words]
    if not ours:
        changed["stimulus"] = _image_names(datasets, cells["stimulus"], source, canonical)
    changed = {name: column for name, column in changed.items() if name in cells}
    return cells | changed | ({} if ours else _cues(datasets, cells, changed["stimulus"], source, canonical))


def _image_names(datasets: Sequence[str], images: Sequence[str], source: str, canonical: Canonical) -> Sequence[str]:
    """Return names of images with suffixes and without folders that do not distinguish images."""
    with_suffix = [image_name(*pair) for pair in zip(datasets, images, strict=True)]
    example = next(((name, image) for name, image in zip(datasets, images, strict=True) if has_folder(image)), None)
    if example is None:
        return with_suffix
    canonical.findings.add("folders", example[0], source, example[1])
    n_parts = n_parts_of(with_suffix)
    return [shorten_image_name(image, n_parts) for image in with_suffix]


def _cues(datasets: Sequence[str], cells: Cells, images: Sequence[str], source: str, canonical: Canonical) -> Cells:
    """Return the columns of the cues in names of images, if a dataset has cues and the file lacks these columns."""
    has_cues = [name in DATASETS and DATASETS[name].has_cues for name in datasets]
    if not any(has_cues) or "shape" in cells:
        return {}
    cues = [cues_of(image) if has else {} for image, has in zip(images, has_cues, strict=True)]
    without = next((n for n, has in enumerate(has_cues) if has and not cues[n]), None)
    if without is not None:
        canonical.findings.add("no cues", datasets[without], source, images[without])
    return {cue: [of_image.get(cue, "") for of_image in cues] for cue in CUES}


def _note_guesses(cells: Cells, path: Path, imagename: str, canonical: Canonical, *, is_guessed: bool) -> None:
    """Note what was inferred from names in a file in model-vs-human format and may be wrong.

    `imagename` is the name of the first image, and `is_guessed` is whether the kinds of observers were inferred.
    """
    datasets = cells["experiment"]
    canonical.note_images(datasets[0], imagename, path.name)
    if not is_guessed:
        return
    observers = list(zip(datasets, cells["observer"], cells["kind"], strict=True))
    timed = {key for key, rt in zip(observers, cells.get("rt", ()), strict=False) if rt}
    for key in dict.fromkeys(observers):
        canonical.note_kind(*key, path, imagename, is_timed=key in timed)
