"""The benchmark of Geirhos et al. 2021: four numbers an observer, averaged over datasets in the published way.

Conventions (d dataset, C_d its included conditions, H_d its people):
- OOD accuracy: all trials of a dataset's included conditions pooled (for "humans": of all its people), then the mean over d;
- accuracy difference (squared), observed and error consistency with people: mean over d of mean over h in H_d of mean over
  c in C_d; for "humans" over the unordered pairs of people instead of h.
Datasets an observer has not answered are left out of its means: `n_datasets` says how many it has. A dataset that no person
answered, in a condition that counts, is left out for everyone: `attrs["notes"]` of the table says which.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from analysis.consistency import Rule, consistency, included
from stimuli.datasets import DATASETS
from stimuli.errors import LogError

COLUMNS = (
    "observer", "kind", "n_datasets", "ood_accuracy", "accuracy_difference", "observed_consistency", "error_consistency",
)  # fmt: skip
HUMANS, STAND_INS = "humans", "simulated people"
_MEASURES = {
    "accuracy_difference": "accuracy_difference",
    "observed": "observed_consistency",
    "kappa": "error_consistency",
}


def benchmark(
    frame: pd.DataFrame, rule: Rule = "undefined-is-nan", stand_ins: Collection[str] | None = None
) -> pd.DataFrame:
    """A row for all people together and one for every other observer, with COLUMNS.

    Observers named in `stand_ins` take the place of people, who are left out, on the datasets that they answered, published
    or not; their row is STAND_INS, of their own kind. Raises LogError if no dataset (without stand-ins: no published one) is
    there that people, or those who stand in for them, answered.
    """
    if stand_ins is not None:
        return _with_stand_ins(frame, rule, set(stand_ins))
    frame = frame[frame["dataset"].isin(DATASETS)]
    rows, left_out = _parts(frame, rule)
    if not rows:
        raise LogError(
            "the benchmark compares with people: give recorded people of a published dataset as well, in conditions that "
            "count in it"
        )
    out = _averaged(rows)
    out.attrs["notes"] = [f"{len(rows)} of the {len(DATASETS)} published datasets"]
    if left_out:
        out.attrs["notes"] += [f"left out, since no person answered them: {', '.join(left_out)}"]
    return out


def _with_stand_ins(frame: pd.DataFrame, rule: Rule, names: set[str]) -> pd.DataFrame:
    there = frame["observer"].isin(names)
    if not there.any():
        raise LogError(f"none of those who stand in for people is there: {', '.join(sorted(names))}")
    kind, notes = str(frame.loc[there, "kind"].iloc[0]), []
    is_person = (frame["kind"] == "human") & ~there
    people = sorted(set(frame.loc[is_person, "observer"]))
    if people:
        notes.append(f"left out, since others stand in for people: {', '.join(people)}")
    frame = frame[~is_person]
    frame = frame.assign(kind=np.where(frame["observer"].isin(names), "human", frame["kind"]))
    parts, left_out = _parts(frame, rule)
    if left_out:
        notes.append(f"left out, since nobody who stands in for people answered them: {', '.join(left_out)}")
    if not parts:
        raise LogError("those who stand in for people answered no condition that counts: have them answer more")
    out = _averaged(parts)
    out.loc[out["observer"] == HUMANS, ["observer", "kind"]] = [STAND_INS, kind]
    out.attrs["notes"] = notes
    return out


def _parts(frame: pd.DataFrame, rule: Rule) -> tuple[list[pd.DataFrame], list[str]]:
    """The four numbers on every dataset that people answered in a condition that counts, and the names of the others."""
    parts, left_out = [], []
    for dataset, trials in frame.groupby("dataset", sort=False):
        trials = included(trials, str(dataset))
        if (trials["kind"] == "human").any():
            parts.append(_of_dataset(trials, rule).assign(dataset=dataset))
        else:
            left_out.append(str(dataset))
    return parts, left_out


def _averaged(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The mean over datasets, people first, then by error consistency."""
    by_observer = pd.concat(parts).groupby(["observer", "kind"])
    out = by_observer[list(COLUMNS[3:])].mean().assign(n_datasets=by_observer["dataset"].nunique()).reset_index()
    out["first"] = out["observer"] != HUMANS
    out = out.sort_values(["first", "error_consistency"], ascending=[True, False])
    return out[list(COLUMNS)].reset_index(drop=True)


def _of_dataset(trials: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """The four numbers of every observer on one dataset's trials, `observer` and `kind` beside them."""
    names = set(trials.loc[trials["kind"] == "human", "observer"])
    pairs = consistency(trials, intervals=False, rule=rule)
    share = trials.groupby(["observer", "condition"])["correct"].mean()
    p1, p2 = (share.reindex(_keys(pairs, observer)).to_numpy() for observer in ("observer_1", "observer_2"))
    pairs = pairs.assign(accuracy_difference=np.square(p1 - p2))
    first, second = pairs["observer_1"].isin(names), pairs["observer_2"].isin(names)
    among_people = pairs[first & second].assign(observer=HUMANS, human=lambda p: p["observer_1"] + p["observer_2"])
    with_people = pairs[first & ~second].assign(observer=lambda p: p["observer_2"], human=lambda p: p["observer_1"])
    per_human = pd.concat([among_people, with_people]).groupby(["observer", "human"])[list(_MEASURES)].mean()
    out = per_human.groupby("observer").mean().rename(columns=_MEASURES)
    pooled = trials.assign(observer=trials["observer"].where(trials["kind"] != "human", HUMANS))
    accuracy = pooled.groupby(["observer", "kind"])["correct"].mean().rename("ood_accuracy").reset_index("kind")
    return accuracy.join(out, how="left").reset_index()


def _keys(pairs: pd.DataFrame, observer: str) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(pairs[[observer, "condition"]])
