"""The rows of files of trials as text, in blocks: the encoding, line endings, spaces, and rows or columns without content.

Line endings may be those of any system, even mixed. Byte order marks, spaces around cells, rows whose cells are all empty
and columns at the end without name and content are removed, because spreadsheets add them.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import LogError
from core.trial_columns import FRAME_COLUMNS, NAMES
from stimuli.published.layouts.layout import Layout
from stimuli.published.normalize import clean

MAX_LINE = 1 << 20  # bytes; a file with a longer line is not a trial log
CHUNK = 1 << 20  # bytes that are read at once
BLOCK_ROWS = 1 << 10  # rows that are converted at once; with more, they exceed the cache of the processor
RESERVED = set(FRAME_COLUMNS) - set(NAMES)  # columns that `read_trials` adds
IMAGE_COLUMNS = ("imagename", "image")  # of the layouts of other projects
IMAGE_SUFFIX = re.compile(r".*\.(png|jpe?g|gif|bmp|tiff?|webp)", re.IGNORECASE)
_LINE = re.compile(rb"[^\r\n]+")
_BOM = "\ufeff"


def first_lines(content: bytes, n: int = 2) -> list[str]:
    """Return the first `n` lines with content from the beginning of a file, without byte order marks and outer spaces."""
    lines: list[str] = []
    for match in _LINE.finditer(content, 0, MAX_LINE):
        text = match[0].decode("utf-8", "replace").replace(_BOM, "")
        if text.strip(' \t,;"'):
            lines.append(text.strip(" "))
        if len(lines) == n:
            break
    return lines


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line without outer spaces, or an empty list if it is not valid CSV."""
    try:
        return list(map(clean, next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])))
    except csv.Error:
        return []


def complete_size(file: BinaryIO, layout: Layout) -> int:
    """Return the number of bytes of a file without an incomplete last row.

    A crash can leave such a row in our own logs, which do not end in a line break then. Files of other projects may end
    without a line break; their last row is incomplete if the name of its image lacks the suffix that other rows have.
    """
    end = file.seek(0, io.SEEK_END)
    last = _last_line_break(file, end)
    if last == end or layout.is_appended or _is_cut(file, last, end, layout):
        return last
    return end


def incomplete_note(path: Path) -> str:
    """Return the note that the last row of a file is incomplete."""
    return f"the log {path.name} has an incomplete last row, which is ignored"


def _last_line_break(file: BinaryIO, end: int) -> int:
    """Return the number of bytes of the complete lines of a file."""
    while end:
        start = max(0, end - CHUNK)
        file.seek(start)
        last = file.read(end - start).rfind(b"\n")
        if last >= 0:
            return start + last + 1
        end = start
    return 0


def _is_cut(file: BinaryIO, last: int, end: int, layout: Layout) -> bool:
    """Return whether the last row of a file of another project, which does not end in a line break, is incomplete."""
    file.seek(0)
    lines = first_lines(file.read(MAX_LINE))
    if len(lines) < 2:
        return False
    file.seek(last)
    lines.append(file.read(min(end - last, MAX_LINE)).decode("utf-8", "replace"))
    header, first, row = (split_line(line, layout.delimiter) for line in lines)
    names = [name.lower() for name in header]
    column = next((names.index(name) for name in IMAGE_COLUMNS if name in names), None)
    if column is None or len(first) <= column or len(row) <= column:
        return False
    return bool(IMAGE_SUFFIX.fullmatch(first[column])) and not IMAGE_SUFFIX.fullmatch(row[column])


class _Lines:
    """The lines of the first bytes of a file, and whether cells may have spaces around them.

    Attributes:
        may_have_blanks: Whether a space or tab has occurred in the lines so far.
        are_stripped: Whether spaces around cells are not part of the cells.
    """

    def __init__(self, file: BinaryIO, n_bytes: int, path: Path) -> None:
        self.may_have_blanks = self.are_stripped = False
        self._file, self._n_bytes, self._path = file, n_bytes, path

    def __iter__(self) -> Iterator[str]:
        n_bytes, rest, position = self._n_bytes, b"", 0  # `rest` is after the last line break, after `position` bytes
        while n_bytes:
            content = self._file.read(min(n_bytes, CHUNK))
            n_bytes = n_bytes - len(content) if content else 0
            chunk = rest + content
            end = chunk.rfind(b"\n") + 1 if n_bytes else len(chunk)
            chunk, rest = chunk[:end], chunk[end:]
            if b"\0" in chunk or max(map(len, chunk.split(b"\n"))) > MAX_LINE or len(rest) > MAX_LINE:
                raise LogError(
                    f"{self._path} has a NUL byte or a line of more than {MAX_LINE} bytes, so it is not a trial log"
                )
            yield from io.StringIO(self._decode(chunk, position), newline="")
            position += end

    def _decode(self, chunk: bytes, position: int) -> str:
        """Return a part of the file as text. Raises LogError if it is not UTF-8."""
        is_ascii = chunk.isascii()
        self.may_have_blanks = self.may_have_blanks or not is_ascii or b" " in chunk or b"\t" in chunk
        try:
            text = chunk.decode("utf-8")
        except UnicodeDecodeError as error:
            reason = (
                f"byte {position + error.start} is not valid UTF-8; save the file as UTF-8, or use `observers import`"
            )
            raise unreadable(self._path, reason) from None
        if is_ascii:
            return text
        return unicodedata.normalize("NFC", text if position else text.lstrip(_BOM))


def read_blocks(
    file: BinaryIO, n_bytes: int, path: Path, layout: Layout
) -> tuple[list[str], Iterator[list[list[str]]]]:
    """Return the header of a file, and its rows as text in blocks of up to BLOCK_ROWS rows.

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
    lines = _Lines(file, n_bytes, path)
    rows: Any = csv.reader(lines, delimiter=layout.delimiter, strict=True, skipinitialspace=not layout.is_appended)
    try:
        header: list[str] = next((names for names in rows if any(map(clean, names))), [])
    except csv.Error as error:
        raise unreadable(path, error) from None
    # In our own logs, spaces are part of a text, unless another program has added spaces to the names of columns.
    lines.are_stripped = not layout.is_appended or any(name not in NAMES and clean(name) in NAMES for name in header)
    header = list(map(clean, header)) if lines.are_stripped else header
    while header and not header[-1]:
        del header[-1]
    unique = set(header) if layout.is_appended else {name.lower() for name in header}
    if len(unique) < len(header) or RESERVED & set(header):
        raise LogError(
            f"{path} has two columns of the same name, or a column named dataset, source or correct, which are reserved "
            f"names; rename the column"
        )
    return header, _blocks(rows, len(header), lines, path)


def _blocks(rows: Any, n: int, lines: _Lines, path: Path) -> Iterator[list[list[str]]]:
    """Yield the rows of a file with `n` columns in blocks, without rows of empty cells."""
    while True:
        block: list[list[str]] = []
        try:
            for cells in rows:
                if lines.are_stripped and lines.may_have_blanks:
                    cells[:] = map(clean, cells)
                if len(cells) != n or not cells[0]:
                    if not any(cells):
                        continue
                    if len(cells) < n or any(cells[n:]):
                        raise LogError(
                            f"{path}, line {rows.line_num}: found {len(cells)} cells, but the header has {n}"
                        )
                    del cells[n:]
                block.append(cells)
                if len(block) == BLOCK_ROWS:
                    break
        except csv.Error as error:
            raise unreadable(path, error) from None
        if not block:
            return
        yield block


def unreadable(path: Path, reason: object) -> LogError:
    """Return the error for a file that cannot be read."""
    return LogError(f"the trial log {path} cannot be read: {reason}")
