"""Notes of a table about exclusions and limitations of the data. Tables keep them, and Python shows them as warnings.

`attrs["notes"]` of a frame or table lists its notes. The commands and the report print them, and use
`hide_warnings` so that they are not shown twice.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class DataWarning(UserWarning):
    """A limitation of the trials, such as an incomplete log, or an exclusion by a measure.

    The same sentences are in `attrs["notes"]` of the frame or table. `warnings.simplefilter("ignore", DataWarning)` hides
    the warnings and keeps the notes.
    """


def add_notes(table: "pd.DataFrame", notes: Iterable[str]) -> None:
    """Set the notes of a table, and show each as a warning at the line that called the measure."""
    table.attrs["notes"] = list(notes)
    for note in table.attrs["notes"]:
        warnings.warn(note, DataWarning, stacklevel=3)


def change_notes(table: "pd.DataFrame", kept: Iterable[str], new: Iterable[str]) -> None:
    """Set the notes of a frame to those that it keeps and new ones, and show only the new ones as warnings.

    The warnings name the line that called the function which called the caller of this function.
    """
    new = list(new)
    table.attrs["notes"] = [*kept, *new]
    for note in new:
        warnings.warn(note, DataWarning, stacklevel=4)


@contextmanager
def hide_warnings() -> Iterator[None]:
    """Hide the warnings inside a `with` block, whose code shows the notes in another way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        yield
