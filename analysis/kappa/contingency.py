"""The 2 × 2 table behind a kappa: on how many images both observers, only one of them, or neither was correct.

The counts are over the images that both observers responded to, per condition; a trial without a response counts as
wrong. If n is the sum of the four counts, c_obs = (both_right + both_wrong) / n, p1 = (both_right + only_1) / n and p2
= (both_right + only_2) / n.
"""

import numpy as np
import pandas as pd

from analysis.io.split_frame import split_datasets
from analysis.kappa.consistency import TRIAL_COLUMNS, correct_matrices, pair_counts

COUNTS = ("both_right", "only_1", "only_2", "both_wrong")
COLUMNS = ("dataset", "condition", "observer_1", "observer_2", "n", *COUNTS)


def contingency(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the 2 × 2 counts of every dataset, condition and pair of observers, in the order of
    `analysis.kappa.consistency`.

    The table has the columns `COLUMNS`. Raises LogError if an observer responded to an image of one condition twice in
    one session.
    """
    parts = []
    for dataset, of_dataset in split_datasets(frame[[name for name in TRIAL_COLUMNS if name in frame]]):
        for condition, names, correct, answered in correct_matrices(dataset, of_dataset):
            i, j = np.triu_indices(len(names), k=1)
            counts = pair_counts(correct, answered)[i, j]
            part = {"dataset": dataset, "condition": condition, "observer_1": names[i], "observer_2": names[j]}
            parts.append(pd.DataFrame(part | dict(zip(COUNTS, counts.T, strict=True))))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    table["n"] = table[list(COUNTS)].sum(axis=1)
    return table[list(COLUMNS)]
