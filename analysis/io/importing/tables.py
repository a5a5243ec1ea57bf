"""Reading any table as text: CSV files with any delimiter and encoding, JSON, JSON lines and Excel workbooks.

The cells of a table are texts. In JSON, null is an empty text, true and false are words, and lists and objects stay JSON.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from attrs import field, frozen

from core.errors import LogError

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
N_SAMPLE = 50  # number of rows from which the delimiter is inferred
MAX_BYTES = 1 << 30
Row = dict[str, str]


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
        delimiter: The character between two cells of a CSV file, or "".
    """

    path: Path
    form: str
    columns: tuple[str, ...]
    rows: list[Row]
    lines: list[int]
    notes: list[str] = field(factory=list)
    delimiter: str = ""


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
        content = path.read_bytes()
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


def _infer_encoding(content: bytes) -> str:
    """Return the encoding of a text: Unicode if the bytes allow it, and otherwise that of Western European Windows."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if content.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    sample = content[:4096]
    if b"\0" in sample:
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
    header = numbered[0][1] if numbered else []
    if len([name for name in header if name.strip()]) < 2:
        raise LogError(
            f"{path} has a single column, {''.join(header)[:80]!r}: name the character between two cells with --delimiter"
        )
    records, short = [], 0
    columns = _unique([name.strip() for name in header])
    for line, cells in numbered[1:]:
        if any(cell.strip() for cell in cells[len(columns) :]):
            raise LogError(f"{path}, line {line}: found {len(cells)} cells, but the header has {len(columns)}")
        short += len(cells) < len(columns)
        records.append(dict(zip(columns, [*map(str.strip, cells), *[""] * len(columns)], strict=False)))
    is_are = "row is shorter than the header; its" if short == 1 else "rows are shorter than the header; their"
    notes = [f"{short} {is_are} last cells are empty"] if short else []
    form = f"CSV separated by {DELIMITERS.get(delimiter, repr(delimiter))} in {encoding}"
    return _table(path, form, records, [line for line, _ in numbered[1:]], notes, delimiter)


def _infer_delimiter(text: str) -> str:
    """Return the delimiter with which most of the first rows have as many cells as the header, and the most cells."""

    def score(delimiter: str) -> tuple[float, int]:
        rows = csv.reader(io.StringIO(text[: 1 << 16], newline=""), delimiter=delimiter)
        try:
            sizes = [len(row) for row, _ in zip(rows, range(N_SAMPLE), strict=False) if row]
        except csv.Error:
            return 0.0, 0
        n = sizes[0] if sizes else 0
        return (sum(size == n for size in sizes) / len(sizes) if n > 1 else 0.0), n

    return max(DELIMITERS, key=score)


def _read_json(path: Path, text: str, encoding: str) -> Table:
    """Return the table in a JSON file: a list of objects, one object per line, or columns. Raises LogError otherwise."""
    form = f"JSON in {encoding}"
    try:
        try:
            data = json.loads(text)
        except json.JSONDecodeError:
            data = [json.loads(line) for line in text.splitlines() if line.strip()]
            form = f"JSON lines in {encoding}"
    except (ValueError, RecursionError) as error:
        raise LogError(f"{path} is not valid JSON: {error}") from None
    records = list(_records(data))
    if not records:
        raise LogError(f"{path} does not contain a list of records: expected a JSON list with one object per trial")
    names = dict.fromkeys(name for record in records for name in record)
    rows = [{name: _to_text(record.get(name)) for name in names} for record in records]
    return _table(path, form, rows, list(range(1, len(rows) + 1)), [], "")


def _records(data: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in lists, also in lists of lists, in a single object with a list, and in columns by name."""
    if isinstance(data, list):
        for item in data:
            if isinstance(item, list):
                yield from _records(item)
            elif isinstance(item, dict):
                lists = [value for value in item.values() if _is_list_of_objects(value)]
                if len(lists) == 1:  # the session of a participant with its trials
                    constants = {name: value for name, value in item.items() if not isinstance(value, list | dict)}
                    yield from ({**constants, **record} for record in lists[0])
                else:
                    yield item
    elif isinstance(data, dict):
        values = list(data.values())
        if values and all(isinstance(value, dict) for value in values):
            keys = dict.fromkeys(key for value in values for key in value)
            yield from ({name: data[name].get(key) for name in data} for key in keys)
        elif values and all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
            if not _is_list_of_objects(values[0]):
                yield from (dict(zip(data, cells, strict=True)) for cells in zip(*values, strict=True))
            else:
                yield from _records(values[0])
        else:
            yield from _records([data])


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


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
    columns = _unique(cells[0])
    numbered = [(line, row) for line, row in enumerate(cells[1:], start=2) if any(row)]
    notes = [f"only the sheet {name!r} is read, of {', '.join(map(repr, sheets))}"] if len(sheets) > 1 else []
    rows = [dict(zip(columns, row, strict=True)) for _, row in numbered]
    return _table(path, f"Excel workbook, sheet {name!r}", rows, [line for line, _ in numbered], notes, "")


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


def _table(path: Path, form: str, rows: list[Row], lines: list[int], notes: list[str], delimiter: str) -> Table:
    """Return a table without columns that are empty in all rows. Raises LogError if it lacks rows."""
    if not rows:
        raise LogError(f"{path} has a header but no rows")
    columns = tuple(name for name in rows[0] if any(row[name] for row in rows))
    return Table(path, form, columns, rows, lines, notes, delimiter)
