"""Responses per image: how many observers and how many people were correct, and how well observers agree.

Conventions: a missing response counts as wrong; in `share` it is a response like any other. `response` is the most
frequent response ("" if that is a missing response; the alphabetically first one in case of a tie). `share` is the
proportion of the n observers that gave this response, so 1 - share measures disagreement and is 0 if all observers gave
the same response.
"""

import numpy as np
import pandas as pd

from analysis.io.frame import condition_order, dataset_order
from stimuli.categories import CATEGORIES

COLUMNS = (
    "dataset", "stimulus", "condition", "category", "n", "n_correct", "n_people", "n_people_correct", "response", "share",
)  # fmt: skip
KEY = ["dataset", "stimulus", "condition"]


def responses_by_image(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with `COLUMNS` and one row per image.

    Datasets, conditions and categories have their published order; images are sorted by name.
    """
    if frame.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    image, keys = pd.factorize(pd.MultiIndex.from_frame(frame[KEY]))
    response, responses = pd.factorize(frame["response"].to_numpy(object), sort=True)
    shape = len(keys), len(responses)
    counts = np.bincount(image * shape[1] + response, minlength=shape[0] * shape[1]).reshape(shape)
    correct, is_person = frame["correct"].to_numpy(bool), (frame["kind"] == "human").to_numpy()
    table = pd.DataFrame(list(keys), columns=KEY)
    table["category"] = frame["category"].to_numpy(object)[np.unique(image, return_index=True)[1]]
    masks = {"n": None, "n_correct": correct, "n_people": is_person, "n_people_correct": correct & is_person}
    for name, mask in masks.items():
        table[name] = np.bincount(image, mask, minlength=len(keys)).astype(int)
    table["response"] = np.asarray(responses, object)[counts.argmax(axis=1)]
    table["share"] = counts.max(axis=1) / table["n"]
    return table.iloc[_published_order(table)][list(COLUMNS)].reset_index(drop=True)


def _published_order(table: pd.DataFrame) -> np.ndarray:
    """Return the positions that sort the rows by dataset, condition, category and name."""
    datasets = {name: i for i, name in enumerate(dataset_order(table["dataset"]))}
    categories = {name: i for i, name in enumerate(CATEGORIES)}
    conditions = {
        (dataset, condition): i
        for dataset, part in table.groupby("dataset")["condition"]
        for i, condition in enumerate(condition_order(str(dataset), part))
    }
    key = pd.DataFrame(
        {
            "dataset": table["dataset"].map(datasets),
            "condition": [conditions[pair] for pair in zip(table["dataset"], table["condition"], strict=True)],
            "published": [categories.get(category, len(categories)) for category in table["category"]],
            "category": table["category"],
            "stimulus": table["stimulus"],
        }
    )
    return np.asarray(key.sort_values(list(key.columns), kind="stable").index)
