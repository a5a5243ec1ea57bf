"""Shape bias on cue-conflict images (Geirhos et al. 2019): the proportion of shape among shape and texture decisions.

Conventions: only images whose shape and texture differ count (1,200 of the 1,280 published images). With n_shape responses
that name the shape and n_texture responses that name the texture,
    shape_bias = n_shape / (n_shape + n_texture).
A response that names neither, or a missing response, does not count; shape bias is NaN if both counts are 0. The ratio
does not show how often an observer follows either cue, so the rates n_shape / n_conflict and n_texture / n_conflict
should be reported with it. The interval is the 95 % Wilson interval over the n_shape + n_texture decisions.
"""

import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.columns import as_text
from analysis.io.frame import observer_order
from analysis.io.number_format import format_number
from analysis.measures.accuracy import wilson_interval
from analysis.measures.totals import ALL, distinct_from_total
from core.errors import LogError
from stimuli.categories import CATEGORIES

COLUMNS = (
    "observer",
    "kind",
    "category",
    "n_conflict",
    "n_shape",
    "n_texture",
    "shape_bias",
    "low",
    "high",
    "cue_rate",
)
SPREAD = ("observer", "kind", "n_categories", "lowest", "q1", "median", "q3", "highest", "shape_bias")


def has_cue_conflicts(frame: pd.DataFrame) -> bool:
    """Return whether any image has a shape and a texture that differ."""
    return {"shape", "texture"} <= set(frame.columns) and bool(_is_conflict(frame).any())


def _is_conflict(frame: pd.DataFrame) -> pd.Series:
    """Return a mask of the trials that show an image whose shape and texture differ."""
    return (frame["shape"] != "") & (frame["texture"] != "") & (frame["shape"] != frame["texture"])


def shape_bias(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the shape bias of every observer, over all images and for every shape category.

    Args:
        frame: Trials as returned by `read_trials`. Trials without a cue conflict are excluded.

    Returns:
        A table with `COLUMNS`. Every observer has one row with category "all" and one row per shape category (a category
        that is itself named "all" is called "category all"). `n_conflict` is the number of cue-conflict trials; `low` and
        `high` are the interval of `shape_bias`; `cue_rate` is the proportion of the cue-conflict trials whose response names
        the shape or the texture. People come first.

    Raises:
        LogError: If no trial has a cue conflict, or if several datasets have cue conflicts (observers of the same name in
            different datasets may be different people).

    Example:
        >>> overall_shape_bias(shape_bias(frame))
    """
    frame = check_frame(frame)
    conflict = _count_decisions(frame)
    over_all = _add_shape_bias(conflict, ["observer", "kind"]).assign(category=ALL)
    table = pd.concat([over_all, _add_shape_bias(conflict, ["observer", "kind", "category"])], ignore_index=True)
    observers = {name: i for i, name in enumerate(observer_order(conflict)["observer"])}
    categories = {name: i for i, name in enumerate((ALL, *CATEGORIES))}
    key = pd.DataFrame(
        {
            "o": table["observer"].map(observers),
            "k": table["category"].map(lambda c: categories.get(c, len(categories))),
            "c": table["category"],
        }
    )
    table = table.loc[key.sort_values(["o", "k", "c"]).index, list(COLUMNS)].reset_index(drop=True)
    table.attrs = {}  # pandas copies the notes of the frame, which do not apply to this table
    return table


def pooled_shape_bias(frame: pd.DataFrame, kind: str = "human") -> pd.DataFrame:
    """Return `shape_bias` for the trials of all observers of one kind, pooled as one observer with the name of the kind."""
    conflict = _count_decisions(frame)
    return shape_bias(conflict[conflict["kind"] == kind].assign(observer=kind))


def cue_conflict_trials(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the trials whose shape and texture differ.

    Raises LogError if the frame does not contain such trials, or if they belong to several datasets.
    """
    if not has_cue_conflicts(frame):
        raise LogError("no trial has a shape and a texture that differ; shape bias needs a cue-conflict experiment")
    conflict = frame[_is_conflict(frame)]
    datasets = sorted(set(conflict["dataset"]))
    if len(datasets) > 1:
        raise LogError(
            f"several datasets have cue conflicts ({', '.join(datasets)}); choose one with --dataset or pass the logs of one"
        )
    return conflict


def _count_decisions(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the cue-conflict trials with the columns `n_shape` and `n_texture` (booleans) and the shape as category."""
    conflict = cue_conflict_trials(frame)
    return conflict.assign(
        category=distinct_from_total(conflict["shape"], "category"),
        n_shape=conflict["response"] == conflict["shape"],
        n_texture=conflict["response"] == conflict["texture"],
    )


def _add_shape_bias(conflict: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the counts of decisions per group, with shape bias and its interval."""
    groups = conflict.groupby(keys, sort=False)
    table = as_text(groups[["n_shape", "n_texture"]].sum().assign(n_conflict=groups.size()).reset_index())
    n = table["n_shape"] + table["n_texture"]
    table["shape_bias"] = table["n_shape"] / n.where(n > 0)
    table["low"], table["high"] = wilson_interval(table["n_shape"].to_numpy(), n.to_numpy())
    table["cue_rate"] = n / table["n_conflict"]
    return table


def overall_shape_bias(table: pd.DataFrame) -> pd.DataFrame:
    """Return the shape bias over all images, with the rates at which each cue determined the response.

    Args:
        table: The result of `shape_bias`.

    Returns:
        One row per observer with the columns of `shape_bias` except `category`, and `shape_rate`, `texture_rate` and
        `cue_rate` (their sum): proportions of the cue-conflict trials.
    """
    rows = table[table["category"] == ALL].drop(columns="category").reset_index(drop=True)
    rates = {f"{cue}_rate": rows[f"n_{cue}"] / rows["n_conflict"] for cue in ("shape", "texture")}
    cue_rate = rows.pop("cue_rate")
    return rows.assign(**rates, cue_rate=cue_rate)


def shape_bias_spread(table: pd.DataFrame) -> pd.DataFrame:
    """Summarize how much the shape bias of each observer differs between categories, from the table of `shape_bias`.

    The result has the columns `SPREAD` and one row per observer, in the order of the table: the minimum, quartiles and
    maximum over the `n_categories` categories in which shape bias is defined (linear interpolation, as in numpy; NaN if
    shape bias is undefined in all categories), and `shape_bias` over all images.
    """
    overall, rows = table[table["category"] == ALL], []
    for row in overall.itertuples():
        values = table.loc[(table["observer"] == row.observer) & (table["category"] != ALL), "shape_bias"].dropna()
        quartiles = values.quantile([0, 0.25, 0.5, 0.75, 1]).to_list()
        rows.append((row.observer, row.kind, len(values), *quartiles, row.shape_bias))
    return pd.DataFrame(rows, columns=list(SPREAD))


def shape_bias_by_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Replace the observers of each kind in the table of `shape_bias` by one row per category with their mean shape bias.

    In such a row, `low` and `high` are the lowest and highest shape bias of a single observer, which is a range and not a
    confidence interval. Counts are sums over the observers. A kind with a single observer keeps its rows.
    """
    groups = table.groupby(["kind", "category"], sort=False)
    rows = groups.agg(
        n_conflict=("n_conflict", "sum"), n_shape=("n_shape", "sum"), n_texture=("n_texture", "sum"),
        mean=("shape_bias", "mean"), low=("shape_bias", "min"), high=("shape_bias", "max"),
    ).rename(columns={"mean": "shape_bias"}).reset_index()  # fmt: skip
    rows["cue_rate"] = (rows["n_shape"] + rows["n_texture"]) / rows["n_conflict"]
    n_observers = table.groupby("kind")["observer"].nunique()
    rows["observer"] = [f"{kind}, mean of n = {n_observers[kind]}" for kind in rows["kind"]]
    is_single = table["kind"].map(n_observers) == 1
    several = rows[rows["kind"].map(n_observers) > 1]
    return pd.concat([table[is_single], several], ignore_index=True)[list(COLUMNS)]


def describe_people(frame: pd.DataFrame) -> str:
    """Describe the shape bias of people by its range, mean and pooled value; "" if there are no people."""
    if not (_is_conflict(frame) & (frame["kind"] == "human")).any():
        return ""
    table = shape_bias(frame)
    people = table[(table["category"] == ALL) & (table["kind"] == "human")]["shape_bias"]
    pooled = pooled_shape_bias(frame)
    pooled_value = pooled.loc[pooled["category"] == ALL, "shape_bias"].item()
    return (
        f"people: n = {len(people)}, shape bias {format_number(people.min())} to {format_number(people.max())}, "
        f"mean {format_number(people.mean(), 4)}, pooled {format_number(pooled_value, 4)}"
    )
