"""Splitting observers by a column of the trials, for example into their sessions."""

from collections import Counter

import numpy as np
import pandas as pd
from attrs import evolve

from analysis.io.appearance import Shared, appearance_of, rename, store_appearance
from analysis.io.check_frame import check_frame
from analysis.io.frame import observer_order
from analysis.selection.columns import column_texts, natural_order, short_name
from analysis.selection.observer_notes import renew_notes
from core.errors import LogError

PARTS = "parts"  # key of `frame.attrs`: the name of the column, and the former name and the value of every new observer


def split_observers(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Treat the trials of an observer with different values of a column as those of different observers.

    Args:
        frame: Trials as returned by `read_trials`.
        by: A column with few different values, such as `session`, `block` or an extra column of the trials.

    Returns:
        A frame in which observers have names such as "subject-01 (session 2)". Trials without a value keep the name of
        their observer. A note says that the parts count as different observers.

    Raises:
        UnknownName: If the frame does not have the column.
        LogError: If the column has too many values, or if an observer already has the new name of another one.

    Example:
        >>> error_consistency(split_observers(frame, "session"))
    """
    frame = check_frame(frame)
    split, parts = split_with_parts(frame, by)
    n = parts["original"].nunique()
    originals = {new: [old, value] for new, old, value in parts.to_numpy(str).tolist()}
    split.attrs[PARTS] = Shared({"by": short_name(by), "originals": originals})
    before = "1 observer" if n == 1 else f"{n} observers"
    note = (
        f"observers are split by {short_name(by)}: {before} became {len(parts)}, which count as different observers in "
        "every measure"
    )
    return renew_notes(frame, split, [note])


def separate_parts(table: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of a measure in which the value by which observers were split has a column of its own.

    The new column follows `observer`, which gets the name of the observer before the split. The table is returned unchanged
    if the observers of the frame were not split.
    """
    parts = frame.attrs.get(PARTS)
    if parts is None:
        return table
    table = table.copy()
    pairs = [parts["originals"][name] for name in table["observer"]]
    table["observer"] = [original for original, _ in pairs]
    if parts["by"] not in table.columns:  # measures by condition or by kind have the column already
        table.insert(list(table.columns).index("observer") + 1, parts["by"], [value for _, value in pairs])
    return table


def split_with_parts(frame: pd.DataFrame, by: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the frame of `split_observers` without a new note, and a table of the parts.

    The table has one row per new observer, in order, and the columns `observer`, `original` (the name of the observer
    before the split) and `value`.
    """
    observer, names = pd.factorize(frame["observer"].astype("str"))
    value, texts = pd.factorize(column_texts(frame, by))
    part, codes = pd.factorize(observer.astype(np.int64) * max(len(texts), 1) + value)
    originals, values = names[codes // max(len(texts), 1)].astype(str), texts[codes % max(len(texts), 1)].astype(str)
    new = [f"{name} ({short_name(by)} {text})" if text else name for name, text in zip(originals, values, strict=True)]
    clashes = [name for name, n in Counter(new).items() if n > 1]
    if clashes:
        raise LogError(f"two observers would be named {clashes[0]}: give one of them another label with a labels file")
    split = frame.assign(observer=pd.Categorical.from_codes(
        np.argsort(np.argsort(new))[part], categories=pd.Index(sorted(new), dtype="str")
    ))  # fmt: skip
    ranks = {text: rank for rank, text in enumerate(natural_order(values))}
    usual = {name: rank for rank, name in enumerate(observer_order(frame)["observer"].drop_duplicates())}
    parts = pd.DataFrame({"observer": new, "original": originals, "value": values})
    keys = pd.DataFrame({"o": parts["original"].map(usual), "v": parts["value"].map(ranks)})
    parts = parts.loc[keys.sort_values(["o", "v"]).index].reset_index(drop=True)
    renamed = {str(name): tuple(names) for name, names in parts.groupby("original", sort=False)["observer"]}
    store_appearance(split, rename(evolve(appearance_of(frame), order=tuple(usual)), renamed))
    return split, parts
