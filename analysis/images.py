"""What observers made of every image: how many were right, people apart, and how far they agree.

Conventions: no answer is wrong, and is an answer like any other in `share`. `response` is the most frequent answer (of
several the first by name, "" where that is no answer); `share` is how many of the n observers gave it, so 1 - share is
disagreement: 0 where all said the same.
"""

import numpy as np
import pandas as pd

from analysis.frame import condition_order, dataset_order
from stimuli.categories import CATEGORIES

COLUMNS = (
    "dataset", "stimulus", "condition", "category", "n", "n_correct", "n_people", "n_people_correct", "response", "share",
)  # fmt: skip
KEY = ["dataset", "stimulus", "condition"]


def by_image(frame: pd.DataFrame) -> pd.DataFrame:
    """A row an image with COLUMNS; datasets, conditions and categories in the order of the tables, then by name."""
    if frame.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    image, keys = pd.factorize(pd.MultiIndex.from_frame(frame[KEY]))
    answer, answers = pd.factorize(frame["response"].to_numpy(object), sort=True)
    shape = len(keys), len(answers)
    given = np.bincount(image * shape[1] + answer, minlength=shape[0] * shape[1]).reshape(shape)
    right, is_person = frame["correct"].to_numpy(bool), (frame["kind"] == "human").to_numpy()
    table = pd.DataFrame(list(keys), columns=KEY)
    table["category"] = frame["category"].to_numpy(object)[np.unique(image, return_index=True)[1]]
    counts = {"n": None, "n_correct": right, "n_people": is_person, "n_people_correct": right & is_person}
    for name, weight in counts.items():
        table[name] = np.bincount(image, weight, minlength=len(keys)).astype(int)
    table["response"] = np.asarray(answers, object)[given.argmax(axis=1)]
    table["share"] = given.max(axis=1) / table["n"]
    return table.iloc[_order(table)][list(COLUMNS)].reset_index(drop=True)


def _order(table: pd.DataFrame) -> np.ndarray:
    datasets = {name: i for i, name in enumerate(dataset_order(table["dataset"]))}
    known = {name: i for i, name in enumerate(CATEGORIES)}
    conditions = {
        (dataset, condition): i
        for dataset, part in table.groupby("dataset")["condition"]
        for i, condition in enumerate(condition_order(str(dataset), part))
    }
    key = pd.DataFrame(
        {
            "dataset": table["dataset"].map(datasets),
            "condition": [conditions[pair] for pair in zip(table["dataset"], table["condition"], strict=True)],
            "known": [known.get(category, len(known)) for category in table["category"]],
            "category": table["category"],
            "stimulus": table["stimulus"],
        }
    )
    return np.asarray(key.sort_values(list(key.columns), kind="stable").index)
