"""Conversion of the cells of a trial log to the columns of a frame."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import LogError
from core.trial_columns import FRAME_NAMES, TRIAL_COLUMNS, is_numeric_extra
from stimuli.published import dialect


def convert_cells(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the trials of a log, with text converted to numbers where a column contains numbers.

    The log may also be a converted file in another format. Raises KeyError if a column is missing, and LogError if a cell is
    not a number.
    """
    trials = table.rename(columns=FRAME_NAMES)
    for column in TRIAL_COLUMNS:
        name = FRAME_NAMES.get(column.name, column.name)
        if name not in trials and column.required:
            raise KeyError(column.name)
        if name not in trials:
            trials[name] = pd.Series("", trials.index, dtype=trials["observer"].dtype)
        if column.type == "integer":
            trials[name] = _to_integers(trials[name], path, name)
        elif column.type == "number":
            trials[name] = _to_numbers(trials[name], path, name)
    for name in filter(is_numeric_extra, trials.columns):
        trials[name] = _to_numbers(trials[name], path, name)
    return trials


def _to_numbers(column: pd.Series, path: Path, name: str) -> pd.Series:
    """Convert text to float64, with NaN for a missing value. Raises LogError if a cell is not a number."""
    missing = column.isin(dialect.MISSING)
    numbers = pd.to_numeric(column.mask(missing), errors="coerce").astype(float)
    invalid = np.flatnonzero(numbers.isna() & ~missing)
    if len(invalid):
        raise LogError(f"{path}, line {invalid[0] + 2}: {name} is {column.iloc[invalid[0]]!r}, expected a number")
    return numbers


def _to_integers(column: pd.Series, path: Path, name: str) -> pd.Series:
    """Convert text to nullable integers. Raises LogError if a cell is not a whole number."""
    numbers = _to_numbers(column, path, name)
    invalid = np.flatnonzero(numbers.notna() & ((numbers.abs() > 2**53) | (numbers % 1 != 0)))
    if len(invalid):
        raise LogError(f"{path}, line {invalid[0] + 2}: {name} is {column.iloc[invalid[0]]!r}, expected a whole number")
    return numbers.astype("Int64")
