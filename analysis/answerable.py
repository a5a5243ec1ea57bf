"""Trials that have a right answer: all that most measures are about. An illusion has none."""

import pandas as pd

from stimuli.categories import AMBIGUOUS
from stimuli.errors import LogError


def with_answers(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials that have a right answer, with a note on the others. Raises LogError where there is none."""
    without = frame["category"] == AMBIGUOUS
    if not without.any():
        return frame
    if without.all():
        raise LogError("no trial here has a right answer: observers analyze illusions tells what was seen")
    out, where = frame[~without].reset_index(drop=True), ", ".join(sorted(frame.loc[without, "dataset"].unique()))
    said = f"without a right answer, left out ({int(without.sum())} trials of {where}): see observers analyze illusions"
    out.attrs["notes"] = [*frame.attrs.get("notes", []), said]
    return out
