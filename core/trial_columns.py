"""The columns of a trial log, in their order. All code that writes, checks, reads or exports logs uses this table.

After these columns, a log has the cues of the stimulus set, one column `evidence_<choice>` for every choice, one column
`measured_<name>` for every further measurement of the observer, and one column `info_<name>` for every further text, such as
the reply of a language model or the age of a participant. An empty cell is a missing value.

To add a column, add it at the end of TRIAL_COLUMNS with `required=False`, so that logs without the column can still be read,
and add its description to the table in docs/trial-log.md. A session that was started without the column cannot be resumed
with it; `run()` says so and does not change the log.
"""

import math
import re
from collections.abc import Callable
from typing import Any, Literal

from attrs import frozen

_WHOLE = re.compile(r"-?[0-9]{1,16}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:e[+-]?[0-9]{1,4})?", re.IGNORECASE)
MAX_INTEGER = 2**53  # larger whole numbers are not exact in double precision
EVIDENCE, MEASURED, INFO = "evidence_", "measured_", "info_"


@frozen
class Column:
    """One column of the trial log.

    Attributes:
        name: Name of the column.
        type: How its cells are read: text, whole numbers or other numbers.
        value: The value for a trial, or None if it is missing. The argument has the attributes `experiment` (the name),
            `observer`, `session`, `trial` and `response`.
        description: What the column contains. `{missing}` stands for a missing value in the file that is described.
        unit: Unit of the numbers, or "".
        response: The attribute of the response that the column holds. Empty if the value depends on the trial alone, so that
            it can be checked when a session is resumed.
        is_constant: Whether the column identifies the session, so that all rows of a log have the same value. A BIDS export
            writes these columns into the names and the JSON file of a table. Leave it False for any new column.
        can_be_empty: Whether a text may be missing.
        required: Whether every log has the column.
    """

    name: str
    type: Literal["text", "integer", "number"]
    value: Callable[[Any], str | float | None]
    description: str
    unit: str = ""
    response: str = ""
    is_constant: bool = False
    can_be_empty: bool = False
    required: bool = True

    def format(self, logged: Any) -> str:
        """Return the cell of a trial: "" for a missing value, and a number in full precision."""
        value = self.value(logged)
        if value is None:
            return ""
        return repr(float(value)) if self.type == "number" else str(value)

    def parse(self, cell: str) -> str | float | None:
        """Return the value of a cell, or None if the cell is empty. Raises ValueError if the cell should be a number."""
        if self.type == "text" or not cell:
            return cell or None
        return parse_number(self.name, cell, is_whole=self.type == "integer")


def parse_number(name: str, cell: str, *, is_whole: bool = False, can_be_infinite: bool = False) -> float:
    """Return the number in a cell of a log, which is written as `Column.format` writes numbers.

    Python also reads forms that other programs do not read as the same number, such as 1_000, digits of other scripts and
    spaces around a number. They are refused, and so are NaN and whole numbers that are not exact in double precision.

    Args:
        name: Name of the column.
        cell: The cell, which is not empty.
        is_whole: Whether the number is a whole number.
        can_be_infinite: Whether the number may be infinite, as evidence may be.

    Raises:
        ValueError: If the cell is not such a number. The message names the column.
    """
    pattern, expected = (_WHOLE, "a whole number") if is_whole else (_NUMBER, "a number")
    if pattern.fullmatch(cell):
        number = int(cell) if is_whole else float(cell)
        if abs(number) <= MAX_INTEGER if is_whole else math.isfinite(number):
            return number
    elif can_be_infinite and cell in ("inf", "-inf"):
        return float(cell)
    raise ValueError(f"{name} is {cell[:80]!r}, expected {expected}")


TRIAL_COLUMNS = (
    Column("experiment", "text", lambda t: t.experiment, "Name of the experiment", is_constant=True),
    Column("observer", "text", lambda t: t.observer.name, "Name of the observer", is_constant=True),
    Column("kind", "text", lambda t: t.observer.kind, "Kind of the observer", is_constant=True),
    Column("session", "integer", lambda t: t.session, "Number of the session, starting at 1", is_constant=True),
    Column("block", "integer", lambda t: t.trial.block, "Number of the block, starting at 1"),
    Column("trial", "integer", lambda t: t.trial.number, "Number of the trial within its session, starting at 1"),
    Column("stimulus", "text", lambda t: t.trial.stimulus.id, "Name of the image; equal names are equal images"),
    Column(
        "condition", "text", lambda t: t.trial.stimulus.condition,
        "Condition of the image, for example the level of a distortion", can_be_empty=True,
    ),
    Column("category", "text", lambda t: t.trial.stimulus.category, "Category of the image, that is the correct response"),
    Column(
        "response", "text", lambda t: t.response.choice, "Response of the observer; {missing} if it is missing",
        response="choice", can_be_empty=True,
    ),
    Column(
        "rt", "number", lambda t: t.response.rt,
        "Time from the onset of the choices to the response; {missing} for models and for missing responses", unit="s",
        response="rt",
    ),
    Column(
        "n_evaluations", "integer", lambda t: t.response.n_evaluations, "Number of model evaluations for the response",
        response="n_evaluations",
    ),
)  # fmt: skip
NAMES = tuple(column.name for column in TRIAL_COLUMNS)
BY_NAME = {column.name: column for column in TRIAL_COLUMNS}
# A data frame of trials calls the experiment the dataset, and has further columns that are computed when it is read.
FRAME_NAMES = {"experiment": "dataset"}
COMPUTED = ("correct", "source")
FRAME_COLUMNS = (*(FRAME_NAMES.get(name, name) for name in NAMES), *COMPUTED)
TOTAL = "all"  # in tables of results, the name for all categories, all conditions or all datasets together
RESERVED_NAMES = {*NAMES, *FRAME_COLUMNS}  # names that a cue cannot have


def is_numeric_extra(name: str) -> bool:
    """Return whether a column is not in TRIAL_COLUMNS but has numbers: evidence or a further measurement."""
    return name.startswith((EVIDENCE, MEASURED))


def is_text_extra(name: str) -> bool:
    """Return whether a column is not in TRIAL_COLUMNS but has further texts. It is not a cue."""
    return name.startswith(INFO)


def escape(text: str) -> str:
    r"""Return a text as one line of printable characters: a backslash becomes \\, and a line break \n.

    Other characters that cannot be printed become \xNN, \uNNNN or \UNNNNNNNN, as in Python.
    """
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in text)
