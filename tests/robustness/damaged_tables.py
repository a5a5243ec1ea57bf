"""Ways to damage a CSV file, or to write the same table differently. Each takes a generator and the bytes of the file."""

import csv
import io
import random
from collections.abc import Callable

Change = Callable[[random.Random, bytes], bytes]
BOM = b"\xef\xbb\xbf"
CELLS = (
    "", " ", "NaN", "nan", "None", "null", "inf", "-inf", "1e999", "-1", "1_000", "٣", "0x10", "1e-400", "9" * 400,
    "1,5",
    "=cmd|' /C calc'!A0", "+1", "@SUM(A1)", '"', "''", "a\nb", "a\rb", "\0", "\t", "\x1b[31m", "\u202e", "\u200b",
        "\ufeff",
    "x" * 200_000, "../../etc/passwd", "<script>alert(1)</script>", "{}", "[1]", "True", "01", "1.0", "cat ", "CAT",
    "\ud7ff",
)  # fmt: skip


def _rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def _bytes(rows: list[list[str]], **options: object) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", **options).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue().encode("utf-8", "surrogatepass")


def _header(change: Callable[[list[str]], list[str]]) -> Change:
    return lambda rng, content: _bytes([change(_rows(content)[0]), *_rows(content)[1:]])


# These write the same table in a different way. It must be read as the same table, be refused, or cause a note.
SAME: dict[str, Change] = {
    "byte order mark": lambda rng, content: BOM + content,
    "byte order mark twice": lambda rng, content: BOM + BOM + content,
    "Windows line endings": lambda rng, content: content.replace(b"\n", b"\r\n"),
    "old Mac line endings": lambda rng, content: content.replace(b"\n", b"\r"),
    "mixed line endings": lambda rng, content: content.replace(b"\n", b"\r\n", 3),
    "no final line break": lambda rng, content: content.rstrip(b"\n"),
    "empty lines": lambda rng, content: content.replace(b"\n", b"\n\n"),
    "rows of separators": lambda rng, content: content + b"," * content.split(b"\n")[0].count(b",") + b"\n",
    "a trailing separator": lambda rng, content: content.replace(b"\n", b",\n"),
    "capitals in the header": _header(lambda names: [name.upper() for name in names]),
    "spaces in the header": _header(lambda names: [f" {name} " for name in names]),
    "spaces around cells": lambda rng, content: content.replace(b",", b" , "),
    "quotes": lambda rng, content: _bytes(_rows(content), quoting=csv.QUOTE_ALL),
    "semicolons": lambda rng, content: _bytes(_rows(content), delimiter=";"),
    "tabs": lambda rng, content: _bytes(_rows(content), delimiter="\t"),
    "UTF-16": lambda rng, content: content.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda rng, content: content.decode().encode("utf-16-le"),
    "UTF-32": lambda rng, content: content.decode().encode("utf-32"),
    "a different order of columns": lambda rng, content: _bytes([row[::-1] for row in _rows(content)]),
    "sep line of Excel": lambda rng, content: b"sep=,\n" + content,
}


def _cell(rng: random.Random, content: bytes) -> bytes:
    """Replace some cells by odd ones."""
    rows = _rows(content)
    for _ in range(rng.choice([1, 1, 3, 30])):
        row = rng.choice(rows[rng.choice([0, 1]) :])
        row[rng.randrange(len(row))] = rng.choice(CELLS)
    return _bytes(rows)


def _column(rng: random.Random, content: bytes) -> bytes:
    """Replace a column by one odd cell."""
    rows, cell = _rows(content), rng.choice(CELLS)
    column = rng.randrange(len(rows[0]))
    return _bytes([rows[0], *([*row[:column], cell, *row[column + 1 :]] for row in rows[1:])])


def _dropped(rng: random.Random, content: bytes) -> bytes:
    rows = _rows(content)
    column = rng.randrange(len(rows[0]))
    return _bytes([row[:column] + row[column + 1 :] for row in rows])


def _repeated(rng: random.Random, content: bytes) -> bytes:
    rows = _rows(content)
    column = rng.randrange(len(rows[0]))
    return _bytes([[*row, row[column]] for row in rows])


def _ragged(rng: random.Random, content: bytes) -> bytes:
    rows = _rows(content)
    at = rng.randrange(len(rows))
    rows[at] = rng.choice([rows[at][:-1], [*rows[at], "x"], [], rows[at] * 2, [""] * 5000])
    return _bytes(rows)


def _flipped(rng: random.Random, content: bytes) -> bytes:
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 4, 40])):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def _wide(rng: random.Random, content: bytes) -> bytes:
    """Add thousands of columns."""
    n = rng.choice([2_000, 20_000])
    header, *others = _rows(content)
    return _bytes([header + [f"extra{i}" for i in range(n)], *(row + ["1"] * n for row in others)])


DAMAGE: dict[str, Change] = {
    "odd cells": _cell,
    "an odd column": _column,
    "a missing column": _dropped,
    "a repeated column": _repeated,
    "a ragged row": _ragged,
    "flipped bytes": _flipped,
    "thousands of columns": _wide,
    "a renamed column": lambda rng, content: content.replace(rng.choice(content.split(b"\n")[0].split(b",")), b"x",
    1),
    "cut": lambda rng, content: content[: rng.randrange(len(content))],
    "zeros": lambda rng, content: content[: len(content) // 2] + bytes(rng.choice([1,
    512])) + content[len(content) // 2 :],
    "Latin-1": lambda rng, content: content.replace(b"cat", "kätzchen".encode("latin-1")),
    "an open quote": lambda rng, content: content.replace(b",", b',"', 1),
    "only a header": lambda rng, content: content.split(b"\n")[0] + b"\n",
    "no header": lambda rng, content: content.split(b"\n", 1)[1],
    "the header twice": lambda rng, content: content + content.split(b"\n")[0] + b"\n",
    "the rows twice": lambda rng, content: content + content.split(b"\n", 1)[1],
    "empty": lambda rng, content: rng.choice([b"", b"\n", BOM, b"\0" * 4096, b",,,,\n" * 50]),
    "not a table": lambda rng, content: rng.choice([b"\x89PNG\r\n\x1a\n" + bytes(99), b"PK\x03\x04" * 30, b"{}",
    b"[[[", b"%PDF-1.4"]),
    "one endless line": lambda rng, content: b"a," * 500_000,
}  # fmt: skip
