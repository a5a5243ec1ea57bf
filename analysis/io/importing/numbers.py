"""Numbers in tables of other programs: decimal commas, and the unit of response times."""

import re
from collections.abc import Sequence
from statistics import median
from typing import Literal

from core.errors import LogError

MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "undefined", "inf", "-inf"})  # in lower case
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
LONGEST_SECONDS, SHORTEST_MILLISECONDS = 20.0, 80.0  # medians of response times that occur in only one of the units


def is_missing(cell: str) -> bool:
    """Return whether a cell of another program means a missing value."""
    return cell.strip().lower() in MISSING


def to_numbers(cells: Sequence[str], where: Sequence[str], decimal: str | None) -> tuple[list[float | None], bool]:
    """Return numbers, with None for missing values, and whether they have decimal commas.

    Args:
        cells: The cells of a column.
        where: Description of the place of each cell, for an error message.
        decimal: "." or ","; None to infer it from the cells, which then all have to be numbers with the same separator.

    Raises:
        LogError: If a cell is not a number.
    """
    has_comma = decimal == "," or (decimal is None and any(_WITH_COMMA.fullmatch(cell.strip()) for cell in cells))
    numbers: list[float | None] = []
    for cell, place in zip(cells, where, strict=True):
        if is_missing(cell):
            numbers.append(None)
            continue
        text = cell.strip()
        if has_comma and "." in text and _is_number(text):
            raise LogError(
                f"{place}: {text!r} has a decimal point, but other cells have a decimal comma; use --decimal"
            )
        text = text.replace(",", ".") if has_comma else text
        if not _is_number(text):
            raise LogError(f"{place}: found {cell[:80]!r}, expected a number")
        numbers.append(float(text))
    return numbers, has_comma


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def comma_to_point(cell: str) -> str:
    """Return a number with a decimal comma as text with a decimal point, and any other text unchanged."""
    return cell.replace(",", ".") if _WITH_COMMA.fullmatch(cell.strip()) else cell


def infer_unit(numbers: Sequence[float | None], place: str) -> tuple[Literal["s", "ms"], str]:
    """Return the unit of response times and the reason, from their median.

    Raises LogError if the median is possible in both units.
    """
    times = [number for number in numbers if number is not None]
    middle = median(times) if times else 0.0
    if middle < LONGEST_SECONDS:
        return "s", f"since their median is {middle:.3g}"
    if middle > SHORTEST_MILLISECONDS:
        return "ms", f"since their median is {middle:.4g}"
    raise LogError(f"{place}: the median of the response times is {middle:.3g}; name their unit with --rt-unit s or ms")
