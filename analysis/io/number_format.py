"""How numbers are shown in tables, sentences, pages and figures. Files (CSV, JSON) have the full numbers.

p values are shown with three decimals and without a leading zero, as in the style of the APA (2020, section 6.36), and
never as 0 or, after rounding up, as 1: below .001 they are "< .001", and between .9995 and 1 they are "> .999".
Other fractions have three decimals. An undefined value is a dash.
"""

import math
from collections.abc import Hashable, Iterable

import pandas as pd

P_COLUMNS = frozenset({"p", "p_holm", "smallest_p"})
"""Names of the columns with p values. A new column with p values needs a row here."""
DECIMALS = 3
UNDEFINED = "–"


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
        return format_p(value) if column in P_COLUMNS else f"{value:.{DECIMALS}f}"
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
    return f"{p:.{DECIMALS}f}".removeprefix("0")


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
