"""Numbers in tables of other programs: decimal commas, thousands separators, and the unit of response times."""

import math
import re
from collections.abc import Sequence
from statistics import median
from typing import Literal

from core.errors import LogError
from stimuli.published import normalize

# In lower case. The program that wrote a table is not known, so that more texts than in the known layouts are missing.
MISSING = normalize.MISSING | {"none", "undefined", "inf", "-inf"}
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_NUMBER = {c: re.compile(rf"[+-]?(?:\d+[{c}]?\d*|[{c}]\d+)(?:[eE][+-]?\d+)?") for c in ".,"}  # by decimal separator
_GROUPED = {c: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:[{c}]\d{{3}})+") for c in ".,"}  # whole numbers with thousands
_OTHER = {".": ",", ",": "."}
LONGEST_SECONDS, SHORTEST_MILLISECONDS = 20.0, 80.0  # medians of response times that occur in only one of the units


def is_missing(cell: str) -> bool:
    """Return whether a cell of another program means a missing value."""
    return cell.strip().lower() in MISSING


def to_numbers(cells: Sequence[str], where: Sequence[str], decimal: str | None) -> tuple[list[float | None], bool]:
    """Return numbers, with None for missing values, and whether they have decimal commas.

    Thousands may be separated by the character that is not the decimal separator, as in `1.234,5` and `1,234.5`.

    Args:
        cells: The cells of a column.
        where: Description of the place of each cell, for an error message.
        decimal: "." or ","; None to infer it from the cells, which then all have to be numbers with the same separator.

    Raises:
        LogError: If a cell is not a number, or if the decimal separator cannot be inferred because a text such as `1,234`
            can be read in two ways.
    """
    texts = [cell.strip() for cell in cells]
    separator = decimal or _infer_decimal(texts, where)
    other = _OTHER[separator]
    numbers: list[float | None] = []
    for text, place in zip(texts, where, strict=True):
        if is_missing(text):
            numbers.append(None)
            continue
        whole = text.partition(separator)[0]
        plain = text.replace(other, "") if _GROUPED[other].fullmatch(whole) else text
        if not _NUMBER[separator].fullmatch(plain):
            if separator == "," and _NUMBER["."].fullmatch(text):
                raise LogError(
                    f"{place}: {text!r} has a decimal point, but other cells have a decimal comma; use --decimal"
                )
            raise LogError(f"{place}: found {text[:80]!r}, expected a number")
        number = float(plain.replace(",", "."))
        if math.isinf(number):
            raise LogError(f"{place}: the number {text[:80]!r} is too large")
        numbers.append(number)
    return numbers, separator == ","


def _infer_decimal(texts: Sequence[str], where: Sequence[str]) -> Literal[".", ","]:
    """Return the decimal separator of numbers.

    A text such as `1,234` alone can be a decimal number or have a thousands separator. Other cells decide, such as `0,5`,
    `1,02`, `1.234,5` or `1,234,567`. Points with three digits are decimals unless there are also whole numbers of three
    digits or more, which a program that writes three decimals does not write.

    Raises LogError if no cell decides.
    """
    is_decimal = {
        c: any(_NUMBER[c].fullmatch(text) and c in text and not _GROUPED[c].fullmatch(text) for text in texts)
        for c in ".,"
    }
    for text in texts:
        for c in (".", ","):
            whole, _, rest = text.rpartition(c)
            if _OTHER[c] in whole and rest.isdecimal() and _GROUPED[_OTHER[c]].fullmatch(whole):  # 1.234,5
                is_decimal[c] = True
            if text.count(c) > 1 and _GROUPED[c].fullmatch(text):  # 1.234.567
                is_decimal[_OTHER[c]] = True
    if is_decimal[","]:
        return ","
    if is_decimal["."]:
        return "."
    has_whole = any(text.isdecimal() and len(text) >= 3 for text in texts)
    for text, place in zip(texts, where, strict=True):
        if _GROUPED[","].fullmatch(text) or (has_whole and _GROUPED["."].fullmatch(text)):
            name = "comma" if "," in text else "point"
            raise LogError(
                f"{place}: the {name} in {text!r} may separate decimals or thousands; name the decimal separator with "
                f"--decimal , or --decimal ."
            )
    return "."


def comma_to_point(cell: str) -> str:
    """Return a number with a decimal comma as text with a decimal point, and any other text unchanged."""
    return cell.replace(",", ".") if _WITH_COMMA.fullmatch(cell.strip()) else cell


def infer_unit(numbers: Sequence[float | None], observers: Sequence[str], place: str) -> tuple[Literal["s", "ms"], str]:
    """Return the unit of response times and the reason, from their median.

    Raises LogError if the median is possible in both units, or if the medians of two observers are in different units.
    """
    times: dict[str, list[float]] = {}
    for number, observer in zip(numbers, observers, strict=True):
        if number is not None:
            times.setdefault(observer, []).append(number)
    of_all = [number for of_observer in times.values() for number in of_observer]
    middle = median(of_all) if of_all else 0.0
    medians = {observer: median(of_observer) for observer, of_observer in times.items()}
    short = [observer for observer, value in medians.items() if value < LONGEST_SECONDS]
    long = [observer for observer, value in medians.items() if value > SHORTEST_MILLISECONDS]
    if short and long:
        raise LogError(
            f"{place}: the median of the response times is {medians[short[0]]:.3g} for {short[0]} and "
            f"{medians[long[0]]:.4g} for {long[0]}, so their units differ; import the observers separately with --where "
            f"COLUMN=OBSERVER, or name one unit with --rt-unit s or ms"
        )
    if middle < LONGEST_SECONDS:
        return "s", f"since their median is {middle:.3g}"
    if middle > SHORTEST_MILLISECONDS:
        return "ms", f"since their median is {middle:.4g}"
    raise LogError(f"{place}: the median of the response times is {middle:.3g}; name their unit with --rt-unit s or ms")
