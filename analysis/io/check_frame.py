"""Checks the frame that a measure gets, because users edit frames, and save them as CSV and read them again.

pandas reads an empty cell of a CSV file as NaN and a name such as `7` as a number, and `groupby` drops rows with NaN in
silence. A frame of `read_trials` does not have such values and passes unchanged.
"""

import pandas as pd

from core.errors import LogError
from core.trial_columns import BY_NAME
from stimuli.published.layouts.layout import plain_number

COLUMNS = ("dataset", "observer")  # that every measure needs
NAMES = ("dataset", "observer", "kind", "stimulus", "category", "response")  # texts, which may look like numbers
MAX_LISTED = 12  # columns of another table that a message lists


def check_frame(frame: pd.DataFrame, *needed: str) -> pd.DataFrame:
    """Return the frame with texts in the columns of texts and with a unique index; the same object if it has both.

    A missing condition or response becomes "", which means a missing value in frames. A name that pandas has read as a
    number becomes text again. `needed` are further columns that the measure needs.

    Raises:
        LogError: If the argument is not a frame of trials, or if another value is missing.
    """
    if not isinstance(frame, pd.DataFrame):
        raise LogError(f"expected the frame that read_trials returns, got {type(frame).__name__}")
    missing = [name for name in (*COLUMNS, *needed) if name not in frame.columns]
    if missing:
        raise LogError(
            f"the frame does not have the column {missing[0]}; its columns are "
            f"{', '.join(map(str, frame.columns[:MAX_LISTED])) or 'none'}. Pass a frame of read_trials"
        )
    if not frame.columns.is_unique:
        repeated = frame.columns[frame.columns.duplicated()][0]
        raise LogError(f"the frame has two columns {repeated}: remove one of them")
    changed: dict[str, pd.Series] = {}
    for name in dict.fromkeys((*NAMES, "condition")):
        if name in frame.columns and (text := _as_text(frame[name], name)) is not None:
            changed[name] = text
    if "correct" in frame.columns and (truth := _as_truth(frame["correct"])) is not None:
        changed["correct"] = truth
    if changed:
        frame = frame.assign(**changed)
    is_simple = frame.index.is_unique and frame.index.nlevels == 1 and frame.index.name not in frame.columns
    return frame if is_simple else frame.reset_index(drop=True)


def _as_text(column: pd.Series, name: str) -> pd.Series | None:
    """Return a column as text, or None if nothing has to change. Raises LogError if a value is missing that must not be."""
    is_missing = column.isna()
    n_missing = int(is_missing.sum())
    if n_missing and not (name in BY_NAME and BY_NAME[name].can_be_empty):
        raise LogError(
            f"the column {name} of the frame has {n_missing:,} missing values (NaN): complete it, or remove these trials"
        )
    is_number = name in NAMES and pd.api.types.is_numeric_dtype(column.dtype)
    if not n_missing and not is_number:
        return None
    values = column.astype(object)
    if is_number:
        values = values.map(lambda value: value if pd.isna(value) else plain_number(str(value)))
    return values.where(~is_missing, "")


def _as_truth(column: pd.Series) -> pd.Series | None:
    """Return the column `correct` as bool, or None if it has numbers or truth values. Raises LogError for other values."""
    n_missing = int(column.isna().sum())
    if n_missing:
        raise LogError(
            f"the column correct of the frame has {n_missing:,} missing values (NaN): fill in True or False, or remove "
            f"these trials"
        )
    if pd.api.types.is_numeric_dtype(column.dtype):
        return None
    truth = {True: True, False: False, "True": True, "False": False}
    other = [value for value in column.unique() if value not in truth]
    if other:
        raise LogError(f"the column correct of the frame has the value {other[0]!r}: expected True or False")
    return column.map(truth).astype(bool)
