"""Files of trials in any format: recognize the format, read the cells, and convert them to the cells of our trial log.

The formats are our own trial log ("own", `core.trial_columns`), the CSV files of model-vs-human
(`stimuli.published.dialect`) and our BIDS tables ("bids").
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from core.errors import LogError
from core.trial_columns import FRAME_COLUMNS, NAMES
from stimuli.published import dialect
from stimuli.published.datasets import DATASETS, parse_cues

Format = Literal["own", "model-vs-human", "bids"]
PATTERNS = ("*.csv", "*_beh.tsv")  # names of files that may contain trials
MAX_LINE = 1 << 20  # bytes; a file with a longer line is not a trial log
RESERVED = set(FRAME_COLUMNS) - set(NAMES)  # columns that `read_trials` adds


def detect_format(path: Path) -> Format | None:
    """Return the format of a file, or None if it does not contain trials."""
    with open(path, "rb") as file:
        return parse_header(file.read(MAX_LINE), path)[1]


def parse_header(content: bytes, path: Path) -> tuple[str, Format | None]:
    """Return the first line of a file and the format of the file, which is None if the file is not a trial log.

    `content` is the beginning of the file, and `path` is used only for the file name.
    """
    header = content[:MAX_LINE].split(b"\n", 1)[0].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    if path.name.endswith("_beh.tsv"):
        return header, "bids" if {"stimulus", "category", "response"} <= set(header.split("\t")) else None
    columns = set(header_names(header))
    if {"observer", "stimulus", "response"} <= columns:
        return header, "own"
    return header, "model-vs-human" if {"subj", "imagename"} <= columns else None


def header_names(header: str) -> list[str]:
    """Return the names of the columns in the first line of a CSV file, in lower case."""
    return [name.strip().strip('"').lower() for name in header.split(",")]


def complete_rows(content: bytes, form: Format) -> bytes:
    """Return the content of a file without an incomplete last row, which a crash can leave in our own logs."""
    return content if form == "model-vs-human" else content[: content.rfind(b"\n") + 1]


def read_cells(content: bytes, path: Path, form: Format) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a file as text, without blank lines.

    Raises LogError if the file has a NUL byte or an overlong line, if it is not valid UTF-8 or CSV, if a column occurs twice
    or has a reserved name, or if a row has fewer or more cells than the header.
    """
    if b"\0" in content or max(map(len, content.split(b"\n"))) > MAX_LINE:
        raise LogError(f"{path} has a NUL byte or a line of more than {MAX_LINE} bytes, so it is not a trial log")
    delimiter = "\t" if form == "bids" else ","
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True)
        header = next(rows, [])
        if len(set(header)) < len(header) or RESERVED & set(header):
            raise LogError(
                f"{path} has two columns of the same name, or a column named dataset, source or correct, which are reserved "
                f"names; rename the column"
            )
        table = []
        for cells in rows:
            if cells and len(cells) != len(header):
                raise LogError(
                    f"{path}, line {rows.line_num}: found {len(cells)} cells, but the header has {len(header)}"
                )
            table += [cells] if cells else []
    except (UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"the trial log {path} cannot be read: {error}") from None
    return header, table


def to_own_cells(header: Sequence[str], rows: Sequence[Sequence[str]], path: Path) -> dict[str, list[str]]:
    """Convert the rows of a file in model-vs-human format to the cells of our own trial log.

    Returns the cells by column. Columns that the format cannot hold have empty cells, and columns of numbers that the file
    lacks are omitted. Raises KeyError if the file lacks another column, and LogError if a published dataset does not have
    one of the conditions.
    """
    cells = {name.lower(): list(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)}
    name, n = dialect.infer_dataset(path, tuple(DATASETS)), len(rows)
    observers, image_names = cells["subj"], cells["imagename"]
    # The order is reversed so that the first image of each observer overwrites the later ones.
    first_image = dict(zip(reversed(observers), reversed(image_names), strict=True))
    kinds = {observer: dialect.infer_kind(observer, image) for observer, image in first_image.items()}
    conditions = _canonical_conditions(dict.fromkeys(cells["condition"]), name, path)
    images = [dialect.extract_image_id(image_name) for image_name in image_names]
    own = {
        "experiment": [name] * n,
        "observer": observers,
        "kind": [kinds[observer] for observer in observers],
        "stimulus": images,
        "condition": [conditions[condition] for condition in cells["condition"]],
        "category": cells["category"],
        "response": ["" if cell == dialect.NO_ANSWER else cell for cell in cells["object_response"]],
    }
    own |= {
        column: ["" if cell in dialect.MISSING else cell for cell in cells[column]]
        for column in ("session", "trial", "rt")
        if column in cells
    }
    own |= {column: [""] * n for column in NAMES if column not in (*own, "session", "trial", "rt")}
    if name in DATASETS and DATASETS[name].has_cues:
        cues = [parse_cues(image) for image in images]
        own |= {cue: [image_cues.get(cue, "") for image_cues in cues] for cue in ("shape", "texture")}
    return own


def _canonical_conditions(conditions: Iterable[str], name: str, path: Path) -> dict[str, str]:
    """Return a mapping from the spelling of each condition in the file to the spelling in the table of datasets."""
    known = {text: "" if text in dialect.MISSING else text for text in conditions}
    if name not in DATASETS:
        return known
    try:
        return {text: DATASETS[name].canonical(condition) for text, condition in known.items()}
    except ValueError as error:
        raise LogError(f"{path}: {error}") from None
