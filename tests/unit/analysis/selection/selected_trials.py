"""A frame of three people, one of them in two sessions, and two networks, in two datasets."""

import pandas as pd

from tests.unit.analysis.frames import correct_trials

LETTERS = {"subject-01": "1110100101", "subject-02": "1101100101", "net-1": "1100100111", "net-2": "0011010100"}
AGES = {"subject-01": "23", "subject-02": "61"}


def small_frame() -> pd.DataFrame:
    """Return trials of four observers of `edge`, a second session of subject-01, and subject-01 of `sketch`."""
    parts = [
        correct_trials(
            name, "human" if name.startswith("subject") else "discriminative", letters, dataset="edge"
        ).assign(session=1, info_age=AGES.get(name, ""))
        for name, letters in LETTERS.items()
    ]
    parts.append(correct_trials("subject-01", "human", "0110100111", dataset="edge").assign(session=2, info_age="23"))
    parts.append(correct_trials("subject-01", "human", "1111100000", dataset="sketch").assign(session=1, info_age="40"))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(
        session=frame["session"].astype("Int64"), rt=0.5, trial=range(1, len(frame) + 1), source="log.csv"
    )


def with_categories(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the column types that `read_trials` returns."""
    texts = ("dataset", "observer", "kind", "condition", "stimulus", "info_age")
    return frame.astype(dict.fromkeys(texts, "category"))
