"""Components of PsychoPy: which keyboard, mouse or slider recorded the responses of the trials.

PsychoPy writes the columns COMPONENT.keys, COMPONENT.rt and COMPONENT.corr for a keyboard, COMPONENT.clicked_name and
COMPONENT.time for a mouse, and COMPONENT.response and COMPONENT.rt for a slider. PsychoPy 2024 also writes
LOOP.COMPONENT.keys with the same values. COMPONENT.corr exists if the correct answer was given to the component. If all keys
are stored, a cell is a list such as `['left', 'right']`.
Source: https://psychopy.org/builder/components/keyboard.html
"""

import ast
from collections.abc import Callable, Sequence, Set

from attrs import evolve

from analysis.io.importing.numbers import is_missing
from analysis.io.importing.tables import Row, Table

ENDS = (".keys", ".clicked_name", ".response")


def response_of_psychopy(table: Table, stimulus: str | None, words: Set[str]) -> tuple[list[str], str]:
    """Return the columns that may contain the responses, and why it is this one if a single column was chosen from several.

    Args:
        table: The table.
        stimulus: The column of the stimulus; rows without a stimulus are not trials. None if it is not known.
        words: The correct answers in the table.
    """
    trials = [row for row in table.rows if stimulus is None or not is_missing(row[stimulus])]
    columns = [name for name in table.columns if name.endswith(ENDS) and any(row[name] for row in trials)]
    columns = [name for name in columns if not any(_is_copy(name, other, trials) for other in columns)]
    pressed = [name for name in columns if any(not is_missing(row[name]) for row in trials)] or columns
    if len(pressed) < 2:
        return pressed, ""
    rules: tuple[tuple[str, Callable[[str], bool]], ...] = (
        ("its component has a column .corr", lambda name: _is_graded(name, table, trials)),
        ("its values are correct answers", lambda name: any(set(_items(row[name])) & words for row in trials)),
        ("only this column has a value in every trial", lambda name: all(row[name] for row in trials)),
    )
    for reason, applies in rules:
        chosen = [name for name in pressed if applies(name)]
        if len(chosen) == 1:
            others = ", ".join(name for name in pressed if name not in chosen)
            return chosen, f"{chosen[0]} is used as the response, and not {others}, since {reason}"
        pressed = chosen or pressed
    return pressed, ""


def _is_copy(name: str, other: str, trials: Sequence[Row]) -> bool:
    """Return whether a column repeats another one, with the name of a loop in front."""
    return name.endswith(f".{other}") and all(row[name] in ("", row[other]) for row in trials)


def _is_graded(name: str, table: Table, trials: Sequence[Row]) -> bool:
    correctness = f"{name.rpartition('.')[0]}.corr"
    return correctness in table.columns and any(row[correctness] for row in trials)


def _items(cell: str) -> list[str]:
    """Return the items of a list as PsychoPy writes it, or the cell itself."""
    if cell.startswith("[") and cell.endswith("]"):
        try:
            items = ast.literal_eval(cell)
        except (ValueError, SyntaxError):
            return [cell]
        return [str(item) for item in items]
    return [cell]


def keep_first_responses(table: Table, columns: Sequence[str]) -> tuple[Table, str]:
    """Return the table with the first of several responses of a trial and its time, and a note.

    The complete lists are kept in further columns named COLUMN.all.

    Args:
        table: The table, whose rows are all trials.
        columns: The columns of the response and of the response time.
    """
    columns = [name for name in columns if any(len(_items(row[name])) > 1 for row in table.rows)]
    if not columns:
        return table, ""
    several = [any(len(_items(row[name])) > 1 for name in columns) for row in table.rows]
    rows = [
        row
        | {f"{name}.all": row[name] for name in columns}
        | {name: (_items(row[name]) or [""])[0] for name in columns}
        for row in table.rows
    ]
    n = several.count(True)
    note = f"{n} trial{'s have' if n > 1 else ' has'} several responses; the first one and its time are used"
    return evolve(table, rows=rows, columns=(*table.columns, *(f"{name}.all" for name in columns))), note
