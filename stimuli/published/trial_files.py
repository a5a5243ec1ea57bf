"""Files of trials in any format: recognize the format, read the cells, and convert them to the cells of our trial log.

The formats are our own trial log ("own", `core.trial_columns`), the CSV files of model-vs-human
(`stimuli.published.dialect`) and our BIDS tables ("bids").
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal

from core.errors import LogError
from core.kinds import Kind
from core.trial_columns import FRAME_COLUMNS, NAMES
from stimuli.published import dialect
from stimuli.published.datasets import DATASETS, parse_cues

Format = Literal["own", "model-vs-human", "bids"]
PATTERNS = ("*.csv", "*_beh.tsv")  # names of files that may contain trials
MAX_LINE = 1 << 20  # bytes; a file with a longer line is not a trial log
CHUNK = 1 << 20  # bytes that are read at once
BLOCK_ROWS = 1 << 10  # rows that are converted at once; with more, they exceed the cache of the processor
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
    return content[: complete_size(io.BytesIO(content), form)]


def complete_size(file: BinaryIO, form: Format) -> int:
    """Return the number of bytes of a file without an incomplete last row, which a crash can leave in our own logs."""
    end = file.seek(0, io.SEEK_END)
    if form == "model-vs-human":
        return end
    while end:
        start = max(0, end - CHUNK)
        file.seek(start)
        last = file.read(end - start).rfind(b"\n")
        if last >= 0:
            return start + last + 1
        end = start
    return 0


def read_cells(content: bytes, path: Path, form: Format) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a file as text, without blank lines. Raises the errors of `read_blocks`."""
    header, blocks = read_blocks(io.BytesIO(content), len(content), path, form)
    return header, list(chain.from_iterable(blocks))


def read_blocks(file: BinaryIO, n_bytes: int, path: Path, form: Format) -> tuple[list[str], Iterator[list[list[str]]]]:
    """Return the header of a file, and its rows as text in blocks of up to BLOCK_ROWS rows, without blank lines.

    The blocks are read one after the other, so that a large file takes little memory.

    Args:
        file: The file, open for reading.
        n_bytes: How many bytes to read.
        path: The path of the file, for error messages.
        form: The format of the file.

    Raises:
        LogError: If the file has a NUL byte or an overlong line, if it is not valid UTF-8 or CSV, if a column occurs twice
            or has a reserved name, or if a row has fewer or more cells than the header. Errors in rows are raised when their
            block is read.
    """
    file.seek(0)
    delimiter = "\t" if form == "bids" else ","
    rows = csv.reader(_read_lines(file, n_bytes, path), delimiter=delimiter, strict=True)
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise _unreadable(path, error) from None
    if len(set(header)) < len(header) or RESERVED & set(header):
        raise LogError(
            f"{path} has two columns of the same name, or a column named dataset, source or correct, which are reserved "
            f"names; rename the column"
        )

    def blocks() -> Iterator[list[list[str]]]:
        while True:
            block: list[list[str]] = []
            try:
                for cells in rows:
                    if cells and len(cells) != len(header):
                        raise LogError(
                            f"{path}, line {rows.line_num}: found {len(cells)} cells, but the header has {len(header)}"
                        )
                    block += [cells] if cells else []
                    if len(block) == BLOCK_ROWS:
                        break
            except csv.Error as error:
                raise _unreadable(path, error) from None
            if not block:
                return
            yield block

    return header, blocks()


def _read_lines(file: BinaryIO, n_bytes: int, path: Path) -> Iterator[str]:
    """Yield the lines of the first `n_bytes` bytes of a file."""
    rest, position = b"", 0  # the bytes after the last line break, and the number of bytes before them
    while n_bytes:
        content = file.read(min(n_bytes, CHUNK))
        n_bytes = n_bytes - len(content) if content else 0
        chunk = rest + content
        end = chunk.rfind(b"\n") + 1 if n_bytes else len(chunk)
        chunk, rest = chunk[:end], chunk[end:]
        if b"\0" in chunk or max(map(len, chunk.split(b"\n"))) > MAX_LINE or len(rest) > MAX_LINE:
            raise LogError(f"{path} has a NUL byte or a line of more than {MAX_LINE} bytes, so it is not a trial log")
        try:
            text = chunk.decode("utf-8" if position else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise _unreadable(path, f"byte {position + error.start} is not valid UTF-8") from None
        yield from io.StringIO(text, newline="")
        position += end


def _unreadable(path: Path, reason: object) -> LogError:
    return LogError(f"the trial log {path} cannot be read: {reason}")


def to_own_cells(
    header: Sequence[str], rows: Sequence[Sequence[str]], path: Path, kinds: dict[str, Kind] | None = None
) -> dict[str, list[str]]:
    """Convert rows of a file in model-vs-human format to the cells of our own trial log.

    The first image of an observer decides its kind. If the rows are converted in several blocks, `kinds` is the same
    dictionary for all of them, to which each block adds its observers.

    Returns the cells by column. Columns that the format cannot hold have empty cells, and columns of numbers that the file
    lacks are omitted. Raises KeyError if the file lacks another column, and LogError if a published dataset does not have
    one of the conditions.
    """
    cells = {name.lower(): list(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)}
    name, n = dialect.infer_dataset(path, tuple(DATASETS)), len(rows)
    observers, image_names = cells["subj"], cells["imagename"]
    kinds = {} if kinds is None else kinds
    # The order is reversed so that the first image of each observer overwrites the later ones.
    first_image = dict(zip(reversed(observers), reversed(image_names), strict=True))
    kinds |= {name: dialect.infer_kind(name, image) for name, image in first_image.items() if name not in kinds}
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
