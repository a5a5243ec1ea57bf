"""Files of trials with any layout of `stimuli.published.layouts.table`: recognize the layout, and read the cells as text."""

import csv
import io
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from core.errors import LogError
from core.trial_columns import FRAME_COLUMNS, NAMES
from stimuli.published.layouts.layout import Cells, Layout
from stimuli.published.layouts.table import LAYOUTS

MAX_LINE = 1 << 20  # bytes; a file with a longer line is not a trial log
CHUNK = 1 << 20  # bytes that are read at once
BLOCK_ROWS = 1 << 10  # rows that are converted at once; with more, they exceed the cache of the processor
RESERVED = set(FRAME_COLUMNS) - set(NAMES)  # columns that `read_trials` adds


def detect_layout(path: Path) -> Layout | None:
    """Return the layout of a file, or None if it does not contain trials."""
    with open(path, "rb") as file:
        return parse_header(file.read(MAX_LINE), path)[1]


def parse_header(content: bytes, path: Path) -> tuple[str, Layout | None]:
    """Return the first line of a file and the layout of the file, which is None if the file is not a trial log.

    `content` is the beginning of the file, and `path` is used only for the file name.
    """
    lines = [line.decode("utf-8", "replace").strip() for line in content[:MAX_LINE].split(b"\n", 2)[:2]]
    header, first = lines[0].removeprefix("\ufeff").strip(), lines[1] if len(lines) > 1 else ""
    for layout in LAYOUTS.values():
        names = header_names(header, layout.delimiter)
        row = dict.fromkeys(names, "") | dict(zip(names, _split(first, layout.delimiter), strict=False))
        if path.name.endswith(layout.suffix) and layout.columns <= set(names) and layout.has_row(row):
            return header, layout
    return header, None


def header_names(header: str, delimiter: str = ",") -> list[str]:
    """Return the names of the columns in the first line of a CSV file, in lower case."""
    return [name.strip().strip('"').lower() for name in header.split(delimiter)]


def _split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line, or an empty list if it is not valid CSV."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def expected_headers(path: Path) -> str:
    """Return the headers of the layouts that a file with this name can have, for an error message."""
    headers = [layout.header for layout in LAYOUTS.values() if path.name.endswith(layout.suffix)]
    return ", or ".join(headers or [layout.header for layout in LAYOUTS.values()])


def describe_other_file(content: bytes) -> str:
    """Describe why a file whose layout is not recognized does not contain trials. `content` is the beginning of the file."""
    header = content[:MAX_LINE].split(b"\n", 1)[0]
    if not content.strip():
        return "the file is empty"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "the encoding is UTF-16 (`observers import` can read it)"
    text = header.decode("utf-8", "replace")
    for delimiter, name in ((";", "semicolons"), ("\t", "tabs")):
        if any(layout.columns <= set(header_names(text, delimiter)) for layout in LAYOUTS.values()):
            return f"the columns are separated by {name} (`observers import` can read them)"
    return "the columns are not those of a trial log"


def complete_rows(content: bytes, layout: Layout) -> bytes:
    """Return the content of a file without an incomplete last row, which a crash can leave in our own logs."""
    return content[: complete_size(io.BytesIO(content), layout)]


def complete_size(file: BinaryIO, layout: Layout) -> int:
    """Return the number of bytes of a file without an incomplete last row, which a crash can leave in our own logs."""
    end = file.seek(0, io.SEEK_END)
    if not layout.is_appended:
        return end
    while end:
        start = max(0, end - CHUNK)
        file.seek(start)
        last = file.read(end - start).rfind(b"\n")
        if last >= 0:
            return start + last + 1
        end = start
    return 0


def read_cells(content: bytes, path: Path, layout: Layout) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a file as text, without blank lines. Raises the errors of `read_blocks`."""
    header, blocks = read_blocks(io.BytesIO(content), len(content), path, layout)
    return header, list(chain.from_iterable(blocks))


def read_blocks(
    file: BinaryIO, n_bytes: int, path: Path, layout: Layout
) -> tuple[list[str], Iterator[list[list[str]]]]:
    """Return the header of a file, and its rows as text in blocks of up to BLOCK_ROWS rows, without blank lines.

    The blocks are read one after the other, so that a large file takes little memory.

    Args:
        file: The file, open for reading.
        n_bytes: How many bytes to read.
        path: The path of the file, for error messages.
        layout: The layout of the file.

    Raises:
        LogError: If the file has a NUL byte or an overlong line, if it is not valid UTF-8 or CSV, if a column occurs twice
            or has a reserved name, or if a row has fewer or more cells than the header. Errors in rows are raised when their
            block is read.
    """
    file.seek(0)
    rows = csv.reader(_read_lines(file, n_bytes, path), delimiter=layout.delimiter, strict=True)
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


def read_own_cells(content: bytes, path: Path, layout: Layout) -> Cells:
    """Return all trials of a file as the cells of our own trial log by column; {} if the file lacks rows.

    Raises KeyError if the file lacks a column, and the errors of `read_blocks` and of the layout.
    """
    header, rows = read_cells(complete_rows(content, layout), path, layout)
    return layout.converter(header, path)(rows) if rows else {}
