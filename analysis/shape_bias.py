"""Shape bias on cue-conflict images (Geirhos et al. 2019): shape decisions among shape and texture decisions.

Conventions: only images whose shape and texture differ count (1,200 of the published 1,280). shape_bias =
n_shape / (n_shape + n_texture); an answer that is neither, and no answer, counts for neither; undefined (NaN) where both
are 0. The ratio hides how often an observer follows any cue at all: the rates n_shape / n_conflict and
n_texture / n_conflict belong beside it. The interval is Wilson's, 95 %, over n_shape + n_texture decisions.
"""

import pandas as pd

from analysis.accuracy import wilson
from analysis.frame import observer_order
from stimuli.categories import CATEGORIES
from stimuli.errors import LogError

COLUMNS = ("observer", "kind", "category", "n_conflict", "n_shape", "n_texture", "shape_bias", "low", "high")
SPREAD = ("observer", "kind", "n_categories", "lowest", "q1", "median", "q3", "highest", "shape_bias")
ALL = "all"


def has_conflicts(frame: pd.DataFrame) -> bool:
    """Are there images whose shape and texture differ?"""
    return {"shape", "texture"} <= set(frame.columns) and bool(_conflicts(frame).any())


def _conflicts(frame: pd.DataFrame) -> pd.Series:
    return (frame["shape"] != "") & (frame["texture"] != "") & (frame["shape"] != frame["texture"])


def shape_bias(frame: pd.DataFrame) -> pd.DataFrame:
    """For every observer a row over `all` images and one for each shape category, with COLUMNS; people first.

    Trials without conflicting cues are left out, observers without any too. Raises LogError if nothing is left, or if
    several datasets have such trials: their observers may share names.
    """
    conflict = _decisions(frame)
    overall = _count(conflict, ["observer", "kind"]).assign(category=ALL)
    table = pd.concat([overall, _count(conflict, ["observer", "kind", "category"])], ignore_index=True)
    observers = {name: i for i, name in enumerate(observer_order(conflict)["observer"])}
    known = {name: i for i, name in enumerate((ALL, *CATEGORIES))}
    key = pd.DataFrame(
        {
            "o": table["observer"].map(observers),
            "k": table["category"].map(lambda c: known.get(c, len(known))),
            "c": table["category"],
        }
    )
    out = table.loc[key.sort_values(["o", "k", "c"]).index, list(COLUMNS)].reset_index(drop=True)
    out.attrs = {}  # not the notes on the frame
    return out


def pooled_shape_bias(frame: pd.DataFrame, kind: str = "human") -> pd.DataFrame:
    """The same with all observers of one kind taken together, as one observer named after the kind."""
    conflict = _decisions(frame)
    return shape_bias(conflict[conflict["kind"] == kind].assign(observer=kind))


def _decisions(frame: pd.DataFrame) -> pd.DataFrame:
    if not has_conflicts(frame):
        raise LogError("no trial has a shape and a texture that differ: shape bias needs a cue-conflict experiment")
    conflict = frame[_conflicts(frame)]
    datasets = sorted(set(conflict["dataset"]))
    if len(datasets) > 1:
        raise LogError(
            f"several datasets have cue conflicts ({', '.join(datasets)}): give --dataset, or the logs of one"
        )
    return conflict.assign(
        category=conflict["shape"],
        n_shape=conflict["response"] == conflict["shape"],
        n_texture=conflict["response"] == conflict["texture"],
    )


def _count(conflict: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    groups = conflict.groupby(keys, sort=False)
    table = groups[["n_shape", "n_texture"]].sum().assign(n_conflict=groups.size()).reset_index()
    n = table["n_shape"] + table["n_texture"]
    table["shape_bias"] = table["n_shape"] / n.where(n > 0)
    table["low"], table["high"] = wilson(table["n_shape"].to_numpy(), n.to_numpy())
    return table


def overall(table: pd.DataFrame) -> pd.DataFrame:
    """The rows over all images, with the rates at which shape, texture and either were followed."""
    rows = table[table["category"] == ALL].drop(columns="category").reset_index(drop=True)
    rates = {f"{cue}_rate": rows[f"n_{cue}"] / rows["n_conflict"] for cue in ("shape", "texture")}
    return rows.assign(**rates, cue_rate=rates["shape_rate"] + rates["texture_rate"])


def spread(table: pd.DataFrame) -> pd.DataFrame:
    """How far the shape bias of an observer differs between categories: from that table a row an observer, in its order.

    `lowest`, `q1`, `median`, `q3`, `highest` over the `n_categories` in which it is defined (quartiles by linear
    interpolation, as numpy has them; NaN where there is none), and `shape_bias` over all conflicts.
    """
    every, rows = table[table["category"] == ALL], []
    for row in every.itertuples():
        bias = table.loc[(table["observer"] == row.observer) & (table["category"] != ALL), "shape_bias"].dropna()
        ends = bias.quantile([0, 0.25, 0.5, 0.75, 1]).to_list()
        rows.append((row.observer, row.kind, len(bias), *ends, row.shape_bias))
    return pd.DataFrame(rows, columns=list(SPREAD))


def people_sentence(frame: pd.DataFrame) -> str:
    """Mean, range and pooled shape bias of the people, in words; empty where there are none."""
    if not (_conflicts(frame) & (frame["kind"] == "human")).any():
        return ""
    table = shape_bias(frame)
    people = table[(table["category"] == ALL) & (table["kind"] == "human")]["shape_bias"]
    pooled = pooled_shape_bias(frame)
    whole = pooled.loc[pooled["category"] == ALL, "shape_bias"].item()
    return (
        f"people: n = {len(people)}, shape bias {people.min():.3f} to {people.max():.3f}, "
        f"mean {people.mean():.4f}, pooled {whole:.4f}"
    )
