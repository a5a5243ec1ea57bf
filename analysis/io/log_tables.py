"""Conversion of the cells of trial logs (our own format and model-vs-human format) to the columns of a frame."""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from core.errors import LogError
from experiments import log
from stimuli.published import dialect
from stimuli.published.datasets import DATASETS, parse_cues

RESERVED = {"dataset", "source", "correct"}  # columns that `read_trials` adds


def parse_table(content: bytes, path: Path, delimiter: str) -> pd.DataFrame:
    """Return all cells of a file as text, without blank lines.

    Raises LogError if the file is not valid UTF-8 or CSV, if a column occurs twice or has a reserved name, or if a row has
    fewer or more cells than the header.
    """
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True)
        header = next(rows)
        if len(set(header)) < len(header) or RESERVED & set(header):
            raise LogError(
                f"{path} has two columns of the same name, or a column named dataset, source or correct, which are reserved "
                f"names; rename the column"
            )
        table = []
        for cells in rows:
            if cells and len(cells) != len(header):
                raise LogError(
                    f"{path}, line {rows.line_num}: found {len(cells)} cells, but the header has {len(header)}"
                )
            table += [cells] if cells else []
    except (UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"the trial log {path} cannot be read: {error}") from None
    return pd.DataFrame(table, columns=header, dtype="str")


def convert_own_log(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the trials of one of our own logs, with text converted to numbers where a column contains numbers.

    Raises KeyError if a column is missing, and LogError if a cell is not a number.
    """
    trials = table.rename(columns={"experiment": "dataset"})
    for column in ("session", "block", "trial", "n_evaluations"):
        trials[column] = _to_integers(trials[column], path, column)
    for column in ("rt", *(c for c in trials.columns if c.startswith((log.EVIDENCE, log.MEASURED)))):
        trials[column] = _to_numbers(trials[column], path, column)
    return trials


def convert_model_vs_human(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the trials of a file in model-vs-human format, with the columns of our logs.

    Raises KeyError if a column is missing, and LogError if a cell is not a number or a condition is unknown.
    """
    table.columns = table.columns.str.lower()
    name = dialect.infer_dataset(path, tuple(DATASETS))
    image_names = table["imagename"].tolist()  # looping over a list is ten times faster than over a text column
    images = [dialect.extract_image_id(image_name) for image_name in image_names]
    # The order is reversed so that the first image of each observer overwrites the later ones.
    first_image = dict(zip(reversed(table["subj"].tolist()), reversed(image_names), strict=True))
    trials = pd.DataFrame(
        {
            "dataset": name,
            "observer": table["subj"],
            "kind": table["subj"].map({subj: dialect.infer_kind(subj, image) for subj, image in first_image.items()}),
            "session": _to_integers(table["session"], path, "session"),
            "block": pd.array([pd.NA] * len(table), dtype="Int64"),
            "trial": _to_integers(table["trial"], path, "trial"),
            "stimulus": images,
            "condition": table["condition"].map(_canonical_conditions(table["condition"], name, path)),
            "category": table["category"],
            "response": table["object_response"].where(table["object_response"] != dialect.NO_ANSWER, ""),
            "rt": _to_numbers(table["rt"], path, "rt"),
            "n_evaluations": pd.array([pd.NA] * len(table), dtype="Int64"),
        }
    )
    if name in DATASETS and DATASETS[name].has_cues:
        cues = [parse_cues(image) for image in images]
        for cue in ("shape", "texture"):
            trials[cue] = [image_cues.get(cue, "") for image_cues in cues]
    return trials


def _canonical_conditions(column: pd.Series, name: str, path: Path) -> dict[str, str]:
    """Return a mapping from the spelling of each condition in the file to the spelling in the table of datasets."""
    conditions = {text: "" if text in dialect.MISSING else text for text in column.unique()}
    if name not in DATASETS:
        return conditions
    try:
        return {text: DATASETS[name].canonical(condition) for text, condition in conditions.items()}
    except ValueError as error:
        raise LogError(f"{path}: {error}") from None


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
