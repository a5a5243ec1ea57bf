"""The building blocks of a page, without markup: a part has sentences, figures and tables."""

from collections.abc import Mapping, Sequence

import pandas as pd
from attrs import field, frozen

from analysis.io.number_format import format_value
from core.names import abbreviate

NAN = float("nan")
MAX_NAMES = 5  # largest number of names in a sentence


@frozen
class ReportFigure:
    """A figure on a page; its files are in the folder `figures`.

    Attributes:
        stem: The name of its files without their suffix.
        alt: The alternative text of the image.
        caption: The caption, in whole sentences.
        width: Width of the image on the page in CSS pixels.
        height: Height of the image on the page in CSS pixels.
        plot: Name of the script that draws an interactive version from data/<stem>.js, or "" without one.
    """

    stem: str
    alt: str
    caption: str
    width: int
    height: int
    plot: str = ""


@frozen
class TableCell:
    """A cell of a table: text or a number, with the ends of its interval (NaN without an interval).

    `column` is the name of the column in the frame, which tells p values from other fractions.
    """

    value: object
    low: float = NAN
    high: float = NAN
    column: str = ""

    @property
    def text(self) -> str:
        """The value as the page shows it."""
        return format_value(self.value, self.column)


@frozen
class Table:
    """A table on a page.

    Attributes:
        caption: The caption, in whole sentences.
        columns: The headings of the columns; "kind" marks a column of observer kinds.
        rows: The cells of each row, in the order of the columns.
        csv: The name of a CSV file with the same values, without its suffix; "" without such a file.
        n_rows: Number of rows, if `rows` has only the first page of the table; otherwise 0.
        data: Name of the script with all rows, if `rows` has only the first page; otherwise "".
        heading: A heading above the table, for a part with several tables; "" without a heading.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    csv: str = ""
    n_rows: int = 0
    data: str = ""
    heading: str = ""


@frozen(eq=False)
class Part:
    """The content of one section.

    Attributes:
        title: The heading.
        anchor: The identifier of the heading, which links use.
        sentences: Paragraphs below the heading.
        figures: Figures below the sentences.
        tables: Tables below the figures.
        data: Tables to write as tables/<name>.csv; rows of all datasets go into the same file.
    """

    title: str
    anchor: str
    sentences: tuple[str, ...] = ()
    figures: tuple[ReportFigure, ...] = ()
    tables: tuple[Table, ...] = ()
    data: Mapping[str, pd.DataFrame] = field(factory=dict)


def table_of(
    frame: pd.DataFrame, caption: str = "", intervals: Sequence[tuple[str, str, str]] = (), csv: str = "",
    heading: str = "",
) -> Table:  # fmt: skip
    """Return a frame as a table of the page.

    Columns with intervals follow the columns of text at the beginning, and counts and other columns follow them, so that a
    narrow screen shows the values first.

    Args:
        frame: The rows and columns to show; underscores in column names are replaced by spaces.
        caption: The caption of the table.
        intervals: For each column with intervals, its name and the names of the two columns with the lower and upper ends.
            These two columns are hidden; the ends are shown in the cells of the column that they belong to.
        csv: The name of a CSV file with the same values, without its suffix. The page links to it if the table is long.
        heading: A heading above the table.
    """
    ends = {column: (low, high) for column, low, high in intervals}
    hidden = {name for pair in ends.values() for name in pair}
    columns = [name for name in frame.columns if name not in hidden]
    is_text = [not pd.api.types.is_numeric_dtype(frame[name]) and name not in ends for name in columns]
    n_first = is_text.index(False) if False in is_text else len(columns)
    columns = columns[:n_first] + sorted(columns[n_first:], key=lambda name: name not in ends)
    rows = []
    for row in frame.to_dict("records"):
        spans = {name: (float(row[low]), float(row[high])) for name, (low, high) in ends.items()}
        rows.append(tuple(TableCell(row[name], *spans.get(name, (NAN, NAN)), column=str(name)) for name in columns))
    return Table(caption, tuple(str(name).replace("_", " ") for name in columns), tuple(rows), csv, heading=heading)


def count(n: int, noun: str) -> str:
    """Return a number with its noun, as in "1 trial" and "2 trials"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def list_of(names: Sequence[str]) -> str:
    """Return at most MAX_NAMES names as text, followed by the number of further names if there are any."""
    return abbreviate(names, MAX_NAMES)


def as_sentence(note: str) -> str:
    """Return a note with a capital letter at its start and a period at its end."""
    return f"{note[0].upper()}{note[1:]}."
