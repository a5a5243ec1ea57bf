"""Tables as people and programs read them: on the terminal, as JSON, as CSV. Undefined is a dash, null, an empty cell."""

import json
from pathlib import Path

import pandas as pd


def show(table: pd.DataFrame) -> None:
    """Print to stdout in aligned columns, fractions with three decimals, nothing cut off however narrow the terminal."""
    columns = [[str(name), *map(cell, table[name])] for name in table.columns]
    for index, name in enumerate(table.columns):
        width = max(map(len, columns[index]))
        number = pd.api.types.is_numeric_dtype(table[name])
        columns[index] = [text.rjust(width) if number else text.ljust(width) for text in columns[index]]
    for line in zip(*columns, strict=True):
        print("  ".join(line).rstrip())


def cell(value: object) -> str:
    """One value as text, as on the page of a report."""
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.3f}"
    return "–" if value is pd.NA else str(value)


def probability(p: float) -> str:
    """A p value: "p = 0.0123", "p < 0.0001", which no rounding turns into 0."""
    return "p undefined" if pd.isna(p) else "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"


def span(n: pd.Series) -> str:
    """The least and the greatest of counts, or the one that all are."""
    return f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"


def to_json(table: pd.DataFrame) -> str:
    """A list of objects, one a row; NaN is null."""
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(records, ensure_ascii=False, indent=1)


def to_csv(table: pd.DataFrame, path: Path) -> None:
    """Full precision, UTF-8, line ends of one kind on every system; what was there stands until all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    try:
        table.to_csv(partial, index=False, lineterminator="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
