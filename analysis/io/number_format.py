"""How numbers are shown in tables, sentences, pages and figures. Files (CSV, JSON) have the full numbers.

p values are shown with three decimals and without a leading zero, as in the style of the APA (2020, section 6.36), and
never as 0 or, after rounding up, as 1: below .001 they are "< .001", and between .9995 and 1 they are "> .999".
Other fractions have three decimals. An undefined value is a dash.

One rule rounds all numbers, half away from zero: .565217 is .57, .385 is .39 and .125 is .13 with two decimals. Before
rounding, a number moves away from zero by a relative NUDGE, so that a half that binary numbers cannot represent (.285 is
stored as .28499999999999998) or that arithmetic has made slightly too small is still a half. `report.number` in
`analysis/report/page/data.js` is the same rule in JavaScript, and a test compares both. A number must be rounded only once,
because rounding .384615 to .385 and then to .39 gives another result than rounding it to .38. The data of the page are
shortened with `shorten`, which leaves all later roundings unchanged.
"""

import math
from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd

P_COLUMNS = frozenset({"p", "p_holm", "smallest_p"})
"""Names of the columns with p values. A new column with p values needs a row here."""
DECIMALS = 3
UNDEFINED = "–"
NUDGE = 1e-12
MAX_DECIMALS = 12  # of numbers that `shorten` returns


def format_value(value: object, column: Hashable = "") -> str:
    """Return a value of a table as text.

    Args:
        value: A fraction, which is shown with three decimals, or any other value; NaN, None and `pandas.NA` are a dash.
        column: Name of the column; a value in one of `P_COLUMNS` is shown by `format_p`.

    Returns:
        The text.
    """
    if value is None or value is pd.NA:
        return UNDEFINED
    if isinstance(value, float):
        if math.isnan(value):
            return UNDEFINED
        return format_p(value) if column in P_COLUMNS else format_number(value)
    return str(value)


def format_values(values: Iterable[object], column: Hashable = "") -> list[str]:
    """Return the values of a column as texts, see `format_value`."""
    return [format_value(value, column) for value in values]


def format_p(p: float) -> str:
    """Return a p value as text, such as ".012" or "< .001"; a dash if it is undefined."""
    if math.isnan(p):
        return UNDEFINED
    if p < 0.001:
        return "< .001"
    if 0.9995 <= p < 1:
        return "> .999"
    return format_number(p).removeprefix("0")


def format_p_value(p: float) -> str:
    """Return a p value with its sign for a sentence, such as "p = .012", "p < .001" or "p undefined"."""
    if math.isnan(p):
        return "p undefined"
    text = format_p(p)
    return f"p {text}" if text[0] in "<>" else f"p = {text}"


def format_interval(low: float, high: float) -> str:
    """Return an interval as text, such as "[0.412, 0.530]"; "" if an end is undefined."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{format_value(low)}, {format_value(high)}]"


def format_range(n: pd.Series) -> str:
    """Return the smallest and largest count as "2 to 5", or a single number if all counts are equal."""
    return f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"


def format_number(value: float, decimals: int = DECIMALS) -> str:
    """Return a finite number as text with a fixed number of decimals; 0 does not have a sign."""
    text = f"{value * (1 + NUDGE):.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text


def format_kappa(value: float) -> str:
    """Return κ with two decimals, without the zero before the point and with a minus sign; an undefined κ is a dash."""
    return "–" if value != value else format_number(value, 2).replace("0.", ".", 1).replace("-", "−")


def round_half_away(values: np.ndarray, decimals: int) -> np.ndarray:
    """Return numbers rounded to a number of decimals by the same rule; NaN stays NaN."""
    steps = np.floor(np.abs(values) * (1 + NUDGE) * 10.0**decimals + 0.5)
    return np.asarray(np.round(np.copysign(steps / 10.0**decimals, values), decimals) + 0.0)


def shorten(values: np.ndarray, decimals: int = DECIMALS) -> np.ndarray:
    """Return numbers with as few decimals as possible, at least `decimals`, that are later rounded as the numbers would be.

    Rounding a result to any number of decimals up to `decimals` gives the same as rounding the number itself.
    """
    values = np.asarray(values, dtype=float)
    shortened, is_wrong = round_half_away(values, decimals), np.isfinite(values)
    for more in range(decimals, MAX_DECIMALS + 1):
        shortened[is_wrong] = round_half_away(values[is_wrong], more)
        is_wrong &= np.any(
            [round_half_away(shortened, d) != round_half_away(values, d) for d in range(decimals + 1)], axis=0
        )
        if not is_wrong.any():
            break
    return shortened
