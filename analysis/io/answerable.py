"""Selects the trials whose image has a correct answer. Most measures need one; images of illusions do not have one."""

import pandas as pd

from core.errors import LogError
from stimuli.categories import AMBIGUOUS


def exclude_unanswerable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the trials whose image has a correct answer, and add a note about the excluded trials.

    Raises LogError if no image has a correct answer.
    """
    unanswerable = frame["category"] == AMBIGUOUS
    if not unanswerable.any():
        return frame
    if unanswerable.all():
        raise LogError(
            "these trials do not have a correct answer; use observers analyze illusions to see what was perceived"
        )
    answerable = frame[~unanswerable].reset_index(drop=True)
    datasets = ", ".join(sorted(frame.loc[unanswerable, "dataset"].unique()))
    note = (
        f"trials without a correct answer are excluded ({int(unanswerable.sum())} trials of {datasets}); "
        "observers analyze illusions measures them"
    )
    answerable.attrs["notes"] = [*frame.attrs.get("notes", []), note]
    return answerable
