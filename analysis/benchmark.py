"""The benchmark of Geirhos et al. 2021: four numbers an observer, averaged over datasets in the published way.

Conventions (d dataset, C_d its included conditions, H_d its people):
- OOD accuracy: all trials of a dataset's included conditions pooled (for "humans": of all its people), then the mean over d;
- accuracy difference (squared), observed and error consistency with people: mean over d of mean over h in H_d of mean over
  c in C_d; for "humans" over the unordered pairs of people instead of h.
Datasets an observer has not answered are left out of its means: `n_datasets` says how many it has.
"""

import numpy as np
import pandas as pd

from analysis.consistency import Rule, consistency, included
from stimuli.datasets import DATASETS
from stimuli.errors import LogError

COLUMNS = (
    "observer", "kind", "n_datasets", "ood_accuracy", "accuracy_difference", "observed_consistency", "error_consistency",
)  # fmt: skip
HUMANS = "humans"
_SCORES = {
    "accuracy_difference": "accuracy_difference",
    "observed": "observed_consistency",
    "kappa": "error_consistency",
}


def benchmark(frame: pd.DataFrame, rule: Rule = "undefined-is-nan") -> pd.DataFrame:
    """A row for all people together and one for every other observer, with COLUMNS.

    Raises LogError if no published dataset with people is there.
    """
    frame = frame[frame["dataset"].isin(DATASETS)]
    people = frame[frame["kind"] == "human"]
    if people.empty:
        raise LogError("the benchmark compares with people: give recorded people of a published dataset as well")
    rows = []
    for dataset, trials in frame.groupby("dataset", sort=False):
        trials = included(trials, str(dataset))
        names = set(trials.loc[trials["kind"] == "human", "observer"])
        pairs = consistency(trials, intervals=False, rule=rule)
        share = trials.groupby(["observer", "condition"])["correct"].mean()
        p1, p2 = (share.reindex(_keys(pairs, observer)).to_numpy() for observer in ("observer_1", "observer_2"))
        pairs = pairs.assign(accuracy_difference=np.square(p1 - p2))
        first, second = pairs["observer_1"].isin(names), pairs["observer_2"].isin(names)
        among_people = pairs[first & second].assign(observer=HUMANS, human=lambda p: p["observer_1"] + p["observer_2"])
        with_people = pairs[first & ~second].assign(observer=lambda p: p["observer_2"], human=lambda p: p["observer_1"])
        per_human = pd.concat([among_people, with_people]).groupby(["observer", "human"])[list(_SCORES)].mean()
        score = per_human.groupby("observer").mean().rename(columns=_SCORES)
        pooled = trials.assign(observer=trials["observer"].where(trials["kind"] != "human", HUMANS))
        score = score.join(pooled.groupby("observer")["correct"].mean().rename("ood_accuracy"), how="outer")
        rows.append(score.assign(dataset=dataset).reset_index())
    table = pd.concat(rows)
    by_observer = table.groupby("observer")
    means = by_observer.mean(numeric_only=True).assign(n_datasets=by_observer["dataset"].nunique())
    kinds = frame[["observer", "kind"]].drop_duplicates().set_index("observer")["kind"]
    kinds[HUMANS] = "human"
    out = means.join(kinds).reset_index()
    out["first"] = out["observer"] != HUMANS
    out = out.sort_values(["first", "error_consistency"], ascending=[True, False])
    return out[list(COLUMNS)].reset_index(drop=True)


def _keys(pairs: pd.DataFrame, observer: str) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(pairs[[observer, "condition"]])
