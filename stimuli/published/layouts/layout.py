"""A layout is a form of files with trials, recognized by its columns. `stimuli.published.layouts.table` lists all layouts.

To add a layout, write a module with a `Layout` and add one row to the table. `read_trials`, `recorded:FILE` and the commands
then read its files.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from core.trial_columns import INFO, MAX_INTEGER, escape
from stimuli.published.normalize import is_missing

MAX_DIGITS = 15  # of a whole number; all such numbers are exact in double precision
Cells = dict[str, Sequence[str]]  # name of a column of our own trial log -> its cells
# Converts a block of rows. The same function converts all blocks of a file, in their order, and each result has the same
# columns. It raises KeyError if the file lacks a column, and LogError for a cell that the layout cannot have.
Converter = Callable[[Sequence[Sequence[str]]], Cells]


@frozen
class Layout:
    """One recognized form of a file of trials.

    Attributes:
        name: Name of the layout.
        header: The columns as an error message shows them.
        columns: The columns by which the layout is recognized, in lower case. Their order is irrelevant.
        converter: Returns the function that converts the rows of a file with this header and path.
        delimiter: The character between two cells.
        suffix: The end of the names of the files.
        is_appended: Whether trials are appended while a session runs, so that a crash can leave an incomplete last row.
        has_row: Returns whether the first row, a mapping from columns in lower case to cells, can be one of the layout.
    """

    name: str
    header: str
    columns: frozenset[str]
    converter: Callable[[Sequence[str], Path], Converter]
    delimiter: str = ","
    suffix: str = ".csv"
    is_appended: bool = False
    has_row: Callable[[Mapping[str, str]], bool] = lambda _: True


def normalize_header(header: Sequence[str]) -> list[str]:
    """Return the names of columns in lower case and without blanks around them."""
    return [name.strip().lower() for name in header]


def transpose(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Return the cells of one or more rows by column."""
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def is_whole_number(text: str) -> bool:
    """Return whether a text is a whole number that is exact in double precision, as numbers of trials have to be."""
    return text.isdecimal() and len(text) <= MAX_DIGITS


def info_name(column: str) -> str:
    """Return the name of a further column of another project in our log, such as `info_age` for `Age`."""
    return INFO + (re.sub(r"\W+", "_", column.strip().lower()).strip("_") or "column")


def info_cell(cell: str) -> str:
    """Return a text of another project in one line (see `core.trial_columns.escape`), or "" if it means a missing value."""
    return "" if is_missing(cell.strip()) else escape(cell.strip())


def info_columns(cells: Mapping[str, Sequence[str]], known: Sequence[str]) -> Cells:
    """Return the columns that a layout does not know as columns `info_<name>` of our own log."""
    further = {name: column for name, column in cells.items() if name not in known}
    return {info_name(name): [info_cell(cell) for cell in column] for name, column in further.items()}


def plain_number(cell: str) -> str:
    """Return a number as text in its shortest form, such as `1` for `1.0`, and any other text without blanks around it.

    Numbers with more digits than double precision has, such as times in a name, and forms that only Python reads as numbers,
    such as `1_0`, are not changed.
    """
    text = cell.strip()
    try:
        number = float(text)
    except ValueError:
        return text
    if "_" in text or MAX_INTEGER < abs(number) < math.inf:
        return text
    return str(int(number)) if number.is_integer() else repr(number)
