"""Which rows of a table are trials: those that the user selects, and those that show a stimulus."""

from collections.abc import Sequence

from attrs import evolve

from analysis.io.importing.numbers import is_missing
from analysis.io.importing.programs import JSPSYCH, PSYCHOPY, Program, trials_of_jspsych
from analysis.io.importing.tables import Table
from core.errors import LogError, UnknownName

MAX_SHOWN = 8  # the largest number of values in a message


def select_rows(table: Table, texts: Sequence[str]) -> tuple[Table, list[str]]:
    """Return the rows in which all columns COLUMN of texts COLUMN=VALUE have this value, and a description of the others.

    A text COLUMN without a value selects the rows in which the column is not empty.

    Raises:
        UnknownName: If the table does not have the column.
        LogError: If no row has the value.
    """
    rows, dropped = list(zip(table.rows, table.lines, strict=True)), []
    for text in texts:
        column, equals, value = (text, "", "") if text in table.columns else text.partition("=")
        if column.strip() not in table.columns:
            raise UnknownName(f"filled column of {table.path.name}", column.strip(), table.columns)
        cells = [row[column.strip()].strip() for row, _ in rows]
        kept = [cell == value.strip() if equals else not is_missing(cell) for cell in cells]
        if not any(kept):
            values = ", ".join(list(dict.fromkeys(cells))[:MAX_SHOWN])
            raise LogError(f"{table.path}: no row has {text}; the column {column.strip()} contains {values}")
        n = kept.count(False)
        dropped += [f"{n} row{'s' if n > 1 else ''} not selected by --where {text}"] if n else []
        rows = [row for row, is_kept in zip(rows, kept, strict=True) if is_kept]
    return evolve(table, rows=[row for row, _ in rows], lines=[line for _, line in rows]), dropped


def trials_of(table: Table, theirs: dict[str, str], program: Program) -> tuple[Table, list[str]]:
    """Return the table without rows that are not trials, and a description of them. Raises LogError if no row is left."""
    stimulus, response = theirs["stimulus"], theirs["response"]
    dropped: list[str] = []
    if program is JSPSYCH:
        kept, others = trials_of_jspsych(table, stimulus, theirs.get("category"))
        dropped = [f"{count_rows(n)} of {name or 'unknown type'}" for name, n in others.items()]
    else:
        kept = [i for i, row in enumerate(table.rows) if not is_missing(row[stimulus])]
        without = set(range(len(table.rows))) - set(kept)
        answered = [i for i in without if not is_missing(table.rows[i][response])]
        if answered and program is not PSYCHOPY:
            raise LogError(
                f"{table.path}, line {table.lines[answered[0]]}: the row has a response but no stimulus in the column "
                f"{stimulus!r}; complete or remove the row, or use another column with --map stimulus=COLUMN"
            )
        dropped = [f"{count_rows(len(without))} without a stimulus"] if without else []
    if not kept:
        raise LogError(
            f"{table.path} does not have a trial: no row shows an image in the column {stimulus!r}; it has "
            f"{', '.join(dropped)}. Use another column with --map stimulus=COLUMN, or name the column of the correct "
            f"answer with --map category=COLUMN"
        )
    rows, lines = [table.rows[i] for i in kept], [table.lines[i] for i in kept]
    return evolve(table, rows=rows, lines=lines), dropped


def count_rows(n: int) -> str:
    """Return a number of rows in words."""
    return f"{n} row{'s' if n > 1 else ''}"
