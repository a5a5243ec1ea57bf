"""The name of a total in a table, and names of the data that must differ from it."""

import pandas as pd

from core.trial_columns import TOTAL

ALL = TOTAL  # in tables, the name for all categories, all conditions or all datasets together


def distinct_from_total(names: pd.Series, noun: str) -> pd.Series:
    """Return the names as text; a name that is equal to that of the total gets the noun in front of it.

    A category named "all" thus becomes "category all" in a table whose totals are named "all", or "category category all" if
    there is also a category named "category all".
    """
    if not (names == ALL).any():
        return names
    taken, new = set(names.unique()), f"{noun} {ALL}"
    while new in taken:
        new = f"{noun} {new}"
    return names.astype("str").replace(ALL, new)
