"""Output of tables on the terminal, as JSON and as CSV, where an undefined value is a dash, null or an empty cell."""

import json
from pathlib import Path

import pandas as pd

from core.atomic import replacing


def print_table(table: pd.DataFrame) -> None:
    """Print a table to stdout in aligned columns, with three decimals for fractions; long lines are not truncated."""
    columns = [[str(name), *map(format_value, table[name])] for name in table.columns]
    for index, name in enumerate(table.columns):
        width = max(map(len, columns[index]))
        is_numeric = pd.api.types.is_numeric_dtype(table[name])
        columns[index] = [text.rjust(width) if is_numeric else text.ljust(width) for text in columns[index]]
    for line in zip(*columns, strict=True):
        print("  ".join(line).rstrip())


def format_value(value: object) -> str:
    """Return a value as text: with three decimals if it is a fraction, or as a dash if it is undefined."""
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.3f}"
    return "–" if value is pd.NA else str(value)


def format_p_value(p: float) -> str:
    """Return a p value as text: "p = 0.0123", or "p < 0.0001" so that rounding never shows 0."""
    return "p undefined" if pd.isna(p) else "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"


def format_range(n: pd.Series) -> str:
    """Return the smallest and largest count as "2 to 5", or a single number if all counts are equal."""
    return f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"


def to_json(table: pd.DataFrame) -> str:
    """Return the table as a JSON list with one object per row; NaN becomes null."""
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(records, ensure_ascii=False, indent=1)


def to_csv(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV in UTF-8 with full precision and "\\n" line ends, compressed if the name ends in ".gz".

    An existing file is replaced only after the new one has been written completely.
    """
    # The compressed file contains no date, so that the same table gives the same bytes.
    compression = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    with replacing(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", compression=compression)
