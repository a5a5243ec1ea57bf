"""What a page of the report is made of: parts with sentences, pictures and tables, without markup."""

from collections.abc import Mapping, Sequence

import pandas as pd
from attrs import field, frozen

NAN = float("nan")
MAX_NAMES = 5  # in a sentence


@frozen
class ReportFigure:
    """A figure on the page: the files beside it, all named `stem`, and how it is said and drawn."""

    stem: str
    alt: str
    caption: str
    width: int  # CSS pixels, ENLARGED for a screen
    height: int
    plot: str = ""  # which script draws it anew from data/<stem>.js, so that it can be asked; "" none


@frozen
class TableCell:
    value: object  # text or a number
    low: float = NAN  # of its interval
    high: float = NAN


@frozen
class Table:
    """Rows begin with an observer and its kind where the columns do."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]


@frozen(eq=False)
class Part:
    """A measure: `title` over sentences, pictures and tables."""

    title: str
    anchor: str
    sentences: tuple[str, ...] = ()
    pictures: tuple[ReportFigure, ...] = ()
    tables: tuple[Table, ...] = ()
    data: Mapping[str, pd.DataFrame] = field(
        factory=dict
    )  # to write as tables/<name>.csv, all datasets below one another


def table_of(frame: pd.DataFrame, caption: str = "", intervals: Sequence[tuple[str, str, str]] = ()) -> Table:
    """A frame as it stands; `intervals` are (column, low, high), shown in the cells of that column."""
    ends = {column: (low, high) for column, low, high in intervals}
    hidden = {name for pair in ends.values() for name in pair}
    columns = [name for name in frame.columns if name not in hidden]
    rows = []
    for row in frame.to_dict("records"):
        spans = {name: (float(row[low]), float(row[high])) for name, (low, high) in ends.items()}
        rows.append(tuple(TableCell(row[name], *spans.get(name, ())) for name in columns))
    return Table(caption, tuple(str(name).replace("_", " ") for name in columns), tuple(rows))


def count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def list_of(names: Sequence[str]) -> str:
    """All names where they are few, else how many more there are."""
    return ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
