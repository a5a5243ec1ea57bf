"""Reading any table as text: CSV files with any delimiter and encoding, JSON, JSON lines and Excel workbooks.

The cells of a table are texts. `json_records` describes those of JSON.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from attrs import field, frozen

from analysis.io.importing.json_records import documents_in, records_of
from core.errors import LogError
from core.files import read_bytes

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
DOCUMENT = "document"  # the column with the number of the JSON list, if a file contains several
MAX_TITLES = 5  # number of lines above the header
N_SAMPLE = 50  # number of rows from which the delimiter is inferred
MAX_BYTES = 1 << 30
Row = dict[str, str]


class NoRowsError(LogError):
    """A table has a header but no rows, such as that of a session that was aborted at its beginning."""


@frozen
class Table:
    """The cells of a file as text.

    Attributes:
        path: The file.
        form: The form of the file for messages, such as `CSV separated by semicolons in UTF-8`.
        columns: The names of the columns.
        rows: The cells of each row, by column. Every row has all columns.
        lines: The line or the number of each row in the file, for error messages.
        notes: Remarks about repairs.
        empty: The names of columns that are empty in all rows.
    """

    path: Path
    form: str
    columns: tuple[str, ...]
    rows: list[Row]
    lines: list[int]
    notes: list[str] = field(factory=list)
    empty: tuple[str, ...] = ()


def read_table(path: Path, delimiter: str | None = None, encoding: str | None = None) -> Table:
    """Read a table.

    Args:
        path: The file.
        delimiter: The character between two cells of a CSV file; by default, it is inferred from the first rows.
        encoding: The encoding of a text file, such as "cp1252"; by default, it is inferred from the content.

    Raises:
        LogError: If the file is empty, too large, or cannot be read as a table.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LogError(f"{path} is larger than {MAX_BYTES >> 20} MiB: divide it into several files")
        content = read_bytes(path)
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror}") from None
    if content.startswith(b"PK\x03\x04") or path.suffix.lower() == ".xlsx":
        return _read_workbook(path)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise LogError(f"{path} is an old Excel workbook (.xls): save it as CSV and import that file")
    text, encoding = _decode(content, path, encoding)
    if not text.strip():
        raise LogError(f"{path} is empty: expected a table with a header and one row per trial")
    if text.lstrip()[0] in "[{":
        return _read_json(path, text, encoding)
    return _read_csv(path, text, delimiter, encoding)


def _decode(content: bytes, path: Path, encoding: str | None) -> tuple[str, str]:
    """Return the text of a file and its encoding. Raises LogError if the text does not have this encoding."""
    if encoding is None:
        encoding = _infer_encoding(content)
    try:
        return content.decode(encoding).removeprefix("\ufeff"), encoding
    except LookupError:
        raise LogError(
            f"{encoding!r} is not the name of an encoding; use for example utf-8, utf-16 or cp1252"
        ) from None
    except UnicodeDecodeError as error:
        raise LogError(
            f"{path} is not text in {encoding} ({error.reason} at byte {error.start}); name its encoding with --encoding"
        ) from None
    except ValueError as error:  # some codecs raise other errors than UnicodeDecodeError
        raise LogError(
            f"{path} cannot be read with the encoding {encoding!r} ({error}); use for example utf-8, utf-16 or cp1252"
        ) from None


def _infer_encoding(content: bytes) -> str:
    """Return the encoding of a text: Unicode if the bytes allow it, and otherwise that of Western European Windows."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if content.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    sample = content[:4096]
    if sample.count(0) > len(sample) / 4:
        return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"
    for encoding in ("utf-8", "cp1252"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _read_csv(path: Path, text: str, delimiter: str | None, encoding: str) -> Table:
    """Return the table in a CSV file. Raises LogError if it has a single column, or a row with too many cells."""
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == len("sep=") + 1:  # Excel reads this line
        delimiter, text = delimiter or first.strip()[-1], rest
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter) or _infer_delimiter(text)
    if len(delimiter) != 1:
        raise LogError(f"the delimiter {delimiter!r} is not a single character; use for example ';' or tab")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        numbered = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise LogError(f"{path} cannot be read: {error}") from None
    numbered = [(line, cells) for line, cells in numbered if any(cell.strip() for cell in cells)]
    numbered, notes = _without_titles(numbered)
    header = numbered[0][1] if numbered else []
    if len([name for name in header if name.strip()]) < 2:
        raise LogError(
            f"{path} has a single column, {''.join(header)[:80]!r}: name the character between two cells with --delimiter"
        )
    records, short = [], 0
    columns = _unique([name.strip() for name in header])
    notes += _notes_of_header(header, columns, numbered, delimiter)
    numbered = [numbered[0], *((line, cells) for line, cells in numbered[1:] if cells != header)]
    for line, cells in numbered[1:]:
        if any(cell.strip() for cell in cells[len(columns) :]):
            raise LogError(f"{path}, line {line}: found {len(cells)} cells, but the header has {len(columns)}")
        short += len(cells) < len(columns)
        records.append(dict(zip(columns, [*map(str.strip, cells), *[""] * len(columns)], strict=False)))
    is_are = "row is shorter than the header; its" if short == 1 else "rows are shorter than the header; their"
    notes += [f"{short} {is_are} last cells are empty"] if short else []
    form = f"CSV separated by {DELIMITERS.get(delimiter, repr(delimiter))} in {encoding}"
    return _table(path, form, records, [line for line, _ in numbered[1:]], notes)


def _notes_of_header(
    header: Sequence[str], columns: Sequence[str], numbered: Sequence[tuple[int, list[str]]], delimiter: str
) -> list[str]:
    """Return notes about repeated names, numbers instead of names, repetitions of the header, and rows within a cell."""
    renamed = [name for name, original in zip(columns, header, strict=True) if original.strip() not in ("", name)]
    notes = [f"names of columns that occur several times are numbered: {', '.join(renamed)}"] if renamed else []
    numbers = [name for name in header if re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?", name.strip())]
    if numbers:
        notes.append(
            f"the header contains numbers ({', '.join(numbers[:MAX_TITLES])}); if line {numbered[0][0]} is a trial, add a "
            f"line with the names of the columns above it"
        )
    for line, cells in numbered[1:]:
        rows = [row for cell in cells if "\n" in cell for row in cell.split("\n")[1:]]
        if sum(row.count(delimiter) >= len(header) - 1 for row in rows):
            notes.append(
                f"a cell that ends in line {line} contains lines that look like rows; if they are trials, correct the "
                f"quotation marks"
            )
            break
    repeated = [line for line, cells in numbered[1:] if cells == header]
    if len(repeated) == 1:
        notes.append(f"the header is repeated in line {repeated[0]}, which is not a trial")
    elif repeated:
        notes.append(f"the header is repeated in {len(repeated)} lines, which are not trials")
    return notes


def _without_titles(numbered: list[tuple[int, list[str]]]) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Return the lines from the header on, and a note about titles above it, which are lines with a single cell."""
    for i, (_, cells) in enumerate(numbered[: MAX_TITLES + 1]):
        n = sum(bool(cell.strip()) for cell in cells)
        if n > 2 and i:
            titles = "; ".join(cell.strip()[:80] for _, line in numbered[:i] for cell in line if cell.strip())
            return numbered[i:], [f"lines above the header are not read: {titles}"]
        if n > 1:
            break
    return numbered, []


def _infer_delimiter(text: str) -> str:
    """Return the delimiter with which most of the first rows have the same number of cells, and the most cells."""

    def score(delimiter: str) -> tuple[float, int]:
        rows = csv.reader(io.StringIO(text[: 1 << 16], newline=""), delimiter=delimiter)
        try:
            sizes = [len(row) for row, _ in zip(rows, range(N_SAMPLE), strict=False) if row]
        except csv.Error:
            return 0.0, 0
        n, n_rows = Counter(sizes).most_common(1)[0] if sizes else (0, 0)
        return (n_rows / len(sizes) if n > 1 else 0.0), n

    return max(DELIMITERS, key=score)


def _read_json(path: Path, text: str, encoding: str) -> Table:
    """Return the table in a JSON file: a list of objects, one object per line, or columns. Raises LogError otherwise."""
    try:
        documents = documents_in(text)
    except (ValueError, RecursionError) as error:
        raise LogError(f"{path} is not valid JSON: {error}") from None
    lists = [document for document in documents if isinstance(document, list)]
    form = "JSON" if len(documents) == 1 else f"{len(lists)} JSON lists" if lists else "JSON lines"
    records = records_of(documents)
    if not records:
        raise LogError(f"{path} does not contain a list of records: expected a JSON list with one object per trial")
    names = dict.fromkeys(name for record in records for name in record)
    rows = [{name: record.get(name, "") for name in names} for record in records]
    return _table(path, f"{form} in {encoding}", rows, list(range(1, len(rows) + 1)), [])


def _read_workbook(path: Path) -> Table:
    """Return the table in the first sheet of an Excel workbook. Raises LogError if it cannot be read."""
    if find_spec("openpyxl") is None:
        raise LogError(
            f"{path} is an Excel workbook: save it as CSV and import that file, or install openpyxl (pip install openpyxl)"
        )
    import pandas as pd

    try:
        sheets = pd.read_excel(
            path, sheet_name=None, header=None, dtype=object, keep_default_na=False, engine="openpyxl"
        )
    except (ValueError, KeyError, OSError, BadZipFile) as error:
        raise LogError(f"{path} cannot be read as an Excel workbook ({error}): save it as CSV") from None
    filled = {name: sheet for name, sheet in sheets.items() if len(sheet) > 1}
    if not filled:
        raise LogError(f"{path} does not have a sheet with a header and rows")
    name, sheet = next(iter(filled.items()))
    cells = [[_cell_of_workbook(value) for value in row] for row in sheet.itertuples(index=False)]
    numbered, notes = _without_titles([(line, row) for line, row in enumerate(cells, start=1) if any(row)])
    columns = _unique(numbered[0][1])
    numbered = numbered[1:]
    notes += [f"only the sheet {name!r} is read, of {', '.join(map(repr, sheets))}"] if len(sheets) > 1 else []
    rows = [dict(zip(columns, row, strict=True)) for _, row in numbered]
    return _table(path, f"Excel workbook, sheet {name!r}", rows, [line for line, _ in numbered], notes)


def _cell_of_workbook(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()


def _unique(names: Sequence[str]) -> list[str]:
    """Return names in which a repeated name has a number appended, and an empty one is the number of its column."""
    unique: list[str] = []
    for number, name in enumerate(names, start=1):
        chosen = candidate = name or f"column {number}"
        n = 1
        while chosen in unique:
            n += 1
            chosen = f"{candidate} {n}"
        unique.append(chosen)
    return unique


def _table(path: Path, form: str, rows: list[Row], lines: list[int], notes: list[str]) -> Table:
    """Return a table without columns that are empty in all rows. Raises NoRowsError if it lacks rows."""
    if not rows:
        raise NoRowsError(f"{path} has a header but no rows")
    columns = tuple(name for name in rows[0] if any(row[name] for row in rows))
    empty = tuple(name for name in rows[0] if name not in columns and not name.startswith("column "))
    return Table(path, form, columns, rows, lines, notes, empty)
