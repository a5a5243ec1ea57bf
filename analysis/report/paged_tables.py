"""Divides long tables into pages, and writes large tables of numbers as compressed CSV files.

The page itself contains the first PAGE_ROWS rows of a table with more than MAX_ROWS rows, so that a browser opens it
quickly. All rows are in data/rows_<n>.js, from which the page sorts, searches and shows PAGE_ROWS rows at a time. In that
file, a cell is a text, or a list of the number to sort by (null if it is undefined), the text to show and, where there is
one, the interval.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import evolve

from analysis.io.number_format import format_value
from analysis.io.tables import to_csv
from analysis.report.sections.parts import Part, Table, TableCell
from analysis.report.sections.scripts import write_data

MAX_ROWS = 200  # a table with more rows is divided into pages
PAGE_ROWS = 100
MAX_PLAIN_ROWS = 200_000  # a CSV file with more rows is compressed, because a spreadsheet could hardly open it
_CSV_FILE = re.compile(r"tables/([a-z-]+)\.csv")


def write_csv(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a table as `<folder>/<name>.csv`, or as `<name>.csv.gz` if it has more than MAX_PLAIN_ROWS rows."""
    to_csv(table, folder / (f"{name}.csv.gz" if len(table) > MAX_PLAIN_ROWS else f"{name}.csv"))


def name_csv_files(text: str, names: Collection[str]) -> str:
    """Return a sentence of the report in which CSV files have the names of the compressed ones, if these are in `names`."""
    return _CSV_FILE.sub(lambda match: match[0] + (".gz" if f"{match[1]}.csv.gz" in names else ""), text)


def divide_tables(out: Path, parts: Iterable[Part], numbers: Iterator[int]) -> tuple[Part, ...]:
    """Write the rows of the long tables of some parts, and return the parts with the first page of these tables.

    Args:
        out: The folder of the report.
        parts: The parts of the page.
        numbers: Numbers for the names of the files.
    """
    return tuple(evolve(part, tables=tuple(divide_table(out, t, numbers) for t in part.tables)) for part in parts)


def divide_table(out: Path, table: Table, numbers: Iterator[int]) -> Table:
    """Write the rows of a long table and return its first page, or return a shorter table unchanged."""
    if len(table.rows) <= MAX_ROWS:
        return table
    name = f"rows_{next(numbers)}"
    write_data(out, name, [[_encode(cell) for cell in row] for row in table.rows])
    return evolve(table, rows=table.rows[:PAGE_ROWS], n_rows=len(table.rows), data=name)


def _encode(cell: TableCell) -> Any:
    value, shown = cell.value, cell.text
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and value == value
    interval = [f"{format_value(cell.low)}–{format_value(cell.high)}"] if cell.low == cell.low else []
    return [float(value) if is_number else None, shown, *interval]  # type: ignore[arg-type]
