"""The values of a column of the trials as text, by which observers are split or grouped."""

from collections.abc import Iterable

import pandas as pd

from analysis.io.frame import number_key
from core.errors import LogError, UnknownName
from core.kinds import KINDS
from core.trial_columns import EVIDENCE, MEASURED

# Columns that identify a trial or contain what was measured in it, so that their values do not form groups.
NOT_GROUPS = ("dataset", "observer", "trial", "stimulus", "response", "rt", "n_evaluations", "correct", "source")
MAX_VALUES = 200


def grouping_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of the columns by which observers can be split or grouped."""
    return [str(c) for c in frame.columns if c not in NOT_GROUPS and not str(c).startswith((EVIDENCE, MEASURED))]


def column_texts(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column as text: whole numbers without decimals, and "" for missing values.

    Raises UnknownName if the frame does not have the column or if its values do not form groups, and LogError if it has
    more than MAX_VALUES values.
    """
    if name not in grouping_columns(frame):
        hint = "A labels file with a column `group` adds the column group." if name == "group" else ""
        raise UnknownName("column of these trials", name, grouping_columns(frame), hint)
    column = frame[name]
    values = column.drop_duplicates()
    if len(values) > MAX_VALUES:
        raise LogError(
            f"the column {name} has {len(values):,} different values, too many for groups; choose a column with at most "
            f"{MAX_VALUES} values"
        )
    texts = {value: _to_text(value) for value in values if not pd.isna(value)}
    return column.astype(object).map(texts).fillna("").astype("str")


def _to_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def natural_order(texts: Iterable[str]) -> list[str]:
    """Return the unique texts: kinds in their usual order, other texts by the numbers in them and then by alphabet."""
    unique = set(texts)
    if unique <= set(KINDS):
        return [kind for kind in KINDS if kind in unique]
    return sorted(sorted(unique), key=number_key)
