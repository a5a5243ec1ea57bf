"""Files of trials with any layout of `stimuli.published.layouts.table`: recognize the layout, and read the trials."""

import io
from itertools import chain
from pathlib import Path

from core.errors import LogError
from core.files import open_binary
from stimuli.published.dialect import shorten_image_name
from stimuli.published.layouts.canonical import Canonical
from stimuli.published.layouts.layout import Cells, Layout
from stimuli.published.layouts.rows import MAX_LINE, complete_size, first_lines, read_blocks, split_line
from stimuli.published.layouts.table import LAYOUTS, is_ours
from stimuli.published.normalize import has_folder, n_parts_of


def detect_layout(path: Path) -> Layout | None:
    """Return the layout of a file, or None if it does not contain trials."""
    with open_binary(path) as file:
        return parse_header(file.read(MAX_LINE), path)[1]


def parse_header(content: bytes, path: Path) -> tuple[str, Layout | None]:
    """Return the first line of a file and the layout of the file, which is None if the file is not a trial log.

    `content` is the beginning of the file, and `path` is used only for the file name.
    """
    header, first, *_ = (*first_lines(content), "", "")
    for layout in LAYOUTS.values():
        names = header_names(header, layout.delimiter)
        row = dict.fromkeys(names, "") | dict(zip(names, split_line(first, layout.delimiter), strict=False))
        if path.name.endswith(layout.suffix) and layout.columns <= set(names) and layout.has_row(row):
            return header, layout
    return header, None


def header_names(header: str, delimiter: str = ",") -> list[str]:
    """Return the names of the columns in the first line of a CSV file, in lower case."""
    return [name.strip('"').strip().lower() for name in split_line(header, delimiter) or header.split(delimiter)]


def expected_headers(path: Path) -> str:
    """Return the headers of the layouts that a file with this name can have, for an error message."""
    headers = [layout.header for layout in LAYOUTS.values() if path.name.endswith(layout.suffix)]
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


def read_own_cells(content: bytes, path: Path, layout: Layout, canonical: Canonical | None = None) -> Cells:
    """Return all trials of a file as the cells of our own trial log by column; {} if the file lacks rows.

    The texts are canonical. `canonical` collects what was changed, if it is given.

    Raises KeyError if the file lacks a column, and LogError for the errors of `read_blocks` and of the layout, and for a
    condition that a published dataset does not have.
    """
    header, rows = read_cells(complete_rows(content, layout), path, layout)
    if not rows:
        return {}
    return to_canonical(layout.converter(header, path)(rows), path, layout, canonical or Canonical())


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
    if not ours and any(map(has_folder, cells["stimulus"])):
        n_parts = n_parts_of(cells["stimulus"])
        changed["stimulus"] = [shorten_image_name(image, n_parts) for image in cells["stimulus"]]
    return cells | {name: column for name, column in changed.items() if name in cells}
