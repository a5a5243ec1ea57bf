"""Output of tables on the terminal, as JSON and as CSV, where an undefined value is a dash, null or an empty cell."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from attrs import frozen

from analysis.io.number_format import format_values
from core.atomic import replacing


@frozen
class RowBlock:
    """Rows of a table that can be compared with each other.

    Attributes:
        n_rows: Number of rows; the blocks of a table follow each other.
        sentence: What the block is; "" without a sentence.
    """

    n_rows: int
    sentence: str = ""


def print_table(table: pd.DataFrame, blocks: Sequence[RowBlock] = ()) -> None:
    """Print a table to stdout in aligned columns, with numbers as in `number_format`; long lines are not truncated.

    `blocks` are rows that must not be compared with each other: an empty line and the sentence of the block separate them.
    """
    columns = [[str(name), *format_values(table[name], name)] for name in table.columns]
    for index, name in enumerate(table.columns):
        width = max(map(len, columns[index]))
        is_numeric = pd.api.types.is_numeric_dtype(table[name])
        columns[index] = [text.rjust(width) if is_numeric else text.ljust(width) for text in columns[index]]
    heading, *rows = ("  ".join(line).rstrip() for line in zip(*columns, strict=True))
    start = 0
    for block in blocks or (RowBlock(len(rows)),):
        if block.sentence:
            print(f"{chr(10) * bool(start)}{block.sentence}")
        print("\n".join([heading, *rows[start : start + block.n_rows]]))
        start += block.n_rows


def to_json(table: pd.DataFrame) -> str:
    """Return the table as a JSON list with one object per row; NaN becomes null."""
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(records, ensure_ascii=False, indent=1)


def csv_text(table: pd.DataFrame) -> str:
    """Return the table as the text of a CSV file with full precision and "\\n" line ends."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def to_csv(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV in UTF-8 with full precision and "\\n" line ends, compressed if the name ends in ".gz".

    An existing file is replaced only after the new one has been written completely.
    """
    # The compressed file contains no date, so that the same table gives the same bytes.
    compression = {"method": "gzip", "mtime": 0} if path.suffix == ".gz" else None
    with replacing(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n", compression=compression)
