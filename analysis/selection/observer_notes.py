"""Notes of a frame that depend on its observers, which change when observers are selected, renamed or split."""

from collections.abc import Iterable

import pandas as pd

from analysis.io.frame import simulated_observers_note
from analysis.io.notes import change_notes
from analysis.io.repeated import repeated_note


def renew_notes(before: pd.DataFrame, after: pd.DataFrame, new: Iterable[str]) -> pd.DataFrame:
    """Return `after` with up-to-date notes.

    They are the notes of `before`, in which those about single observers are replaced by those of `after`, and then the
    new notes.
    """
    new = list(new)
    if after is before and not new:
        return before
    outdated = {*simulated_observers_note(before), *repeated_note(before)}
    notes = [note for note in before.attrs.get("notes", []) if note not in outdated]
    after = after.copy(deep=False)
    after.attrs["simulated_are_noted"] = True
    change_notes(after, [*notes, *simulated_observers_note(after), *repeated_note(after)], new)
    return after
