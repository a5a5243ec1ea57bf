"""The 2 × 2 table behind a kappa: on how many images two observers were both right, only one of them, or neither.

Counted on the images that both answered, per condition; no answer is wrong. From it (n the sum of the four):
c_obs = (both_right + both_wrong) / n, p1 = (both_right + only_1) / n, p2 = (both_right + only_2) / n.
"""

import numpy as np
import pandas as pd

from analysis.consistency import correct_matrix
from analysis.frame import condition_order, dataset_order

COUNTS = ("both_right", "only_1", "only_2", "both_wrong")
COLUMNS = ("dataset", "condition", "observer_1", "observer_2", "n", *COUNTS)


def contingency(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for every dataset, condition and pair of observers with COLUMNS, in the order of `analysis.consistency`.

    Raises LogError if an observer answered an image of one condition twice.
    """
    parts = []
    for dataset in dataset_order(frame["dataset"].unique()):
        of_dataset = frame[frame["dataset"] == dataset]
        for condition in condition_order(dataset, of_dataset["condition"].unique()):
            names, right, answered = correct_matrix(of_dataset[of_dataset["condition"] == condition])
            wrong = answered - right
            i, j = np.triu_indices(len(names), k=1)
            counts = (right @ right.T, right @ wrong.T, wrong @ right.T, wrong @ wrong.T)
            part = {"dataset": dataset, "condition": condition, "observer_1": names[i], "observer_2": names[j]}
            part |= {name: count[i, j].astype(int) for name, count in zip(COUNTS, counts, strict=True)}
            parts.append(pd.DataFrame(part))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    table["n"] = table[list(COUNTS)].sum(axis=1)
    return table[list(COLUMNS)]
