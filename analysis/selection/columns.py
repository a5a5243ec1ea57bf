"""The values of a column of the trials as text, by which observers are split or grouped."""

from collections.abc import Iterable

import pandas as pd

from analysis.io.frame import number_key
from core.errors import LogError, UnknownName
from core.kinds import KINDS
from core.trial_columns import EVIDENCE, INFO, MEASURED

# Columns that identify a trial or contain what was measured in it, so that their values do not form groups.
NOT_GROUPS = ("dataset", "observer", "trial", "stimulus", "response", "rt", "n_evaluations", "correct", "source")
MAX_VALUES = 200


def grouping_columns(frame: pd.DataFrame) -> dict[str, str]:
    """Return the columns by which observers can be split or grouped: short name -> name in the frame.

    The short name of `info_age` is `age`. If a frame has both `block` and `info_block`, the short name `block` stands for
    the column `block`, unless all of its values are missing.
    """
    columns = [str(c) for c in frame.columns if c not in NOT_GROUPS and not str(c).startswith((EVIDENCE, MEASURED))]
    full_names: dict[str, str] = {}
    for name in sorted(columns, key=lambda name: name.startswith(INFO)):
        short = name.removeprefix(INFO)
        if short not in full_names or frame[full_names[short]].isna().all():
            full_names[short] = name
    return full_names


def short_name(name: str) -> str:
    """Return the short name of a column, which is `age` for both `age` and `info_age`."""
    return name.removeprefix(INFO)


def column_texts(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return a column as text: whole numbers without decimals, and "" for missing values.

    Raises UnknownName if the frame does not have the column or if its values do not form groups, and LogError if it has
    more than MAX_VALUES values.
    """
    columns = grouping_columns(frame)
    if short_name(name) not in columns:
        hint = "A labels file with the column group adds this column." if name == "group" else ""
        raise UnknownName("column of these trials", name, columns, hint)
    name = columns[short_name(name)]
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
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def natural_order(texts: Iterable[str]) -> list[str]:
    """Return the unique texts: kinds in their usual order, other texts by the numbers in them and then by alphabet."""
    unique = set(texts)
    if unique <= set(KINDS):
        return [kind for kind in KINDS if kind in unique]
    return sorted(sorted(unique), key=number_key)
