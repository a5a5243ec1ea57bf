"""Choosing observers and sessions.

An observer is chosen by name or by pattern. A pattern is one of these:
    resnet50           the observer with this name
    llava*             names that match; * stands for any text, ? for one character, [ab] for one of these characters
    kind:human         all observers of this kind (or kinds: `kind:*vis*`)
    edge:subject-01    the observer (or pattern) in this dataset only, because subject-01 is a different person in each
                       dataset
Exact names have priority, so that a name may contain `*`, `:` or a comma. Otherwise, a comma separates patterns.
"""

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
from attrs import field, frozen

from analysis.io.check_frame import check_frame
from analysis.selection.labels import label_observers
from analysis.selection.observer_notes import renew_notes
from analysis.selection.split import split_observers
from core.errors import LogError, UnknownName
from core.kinds import KINDS, Kind
from core.names import abbreviate

WILDCARDS = "*?["


@frozen
class Selection:
    """Which observers and sessions an analysis uses, and how it names and splits them, as the options of a command say.

    Attributes:
        observers: Names or patterns of the observers to use; empty for all.
        exclude: Names or patterns of observers to leave out.
        sessions: Numbers of the sessions to use; empty for all.
        labels: A labels file for `label_observers`, or None.
        by: Column by which `split_observers` splits the observers, or "".
        kinds: Kinds of observers, which `read_trials` sets before the selection.
        replace: Texts that `read_trials` replaces before the selection.
        exclusions: Which exclusion rules `read_trials` applies: "declared", "none" or a file.
    """

    observers: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sessions: tuple[int, ...] = ()
    labels: Path | None = None
    by: str = ""
    kinds: Mapping[str, Kind] = field(factory=dict)
    replace: Mapping[str, Mapping[str, str]] = field(factory=dict)
    exclusions: Path | str = "declared"


def apply_selection(frame: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Select, label and split the observers of a frame, in this order. Raises the errors of these functions."""
    options = selection.observers, selection.exclude
    selected = select_observers(frame, *options, sessions=selection.sessions)
    if selection.labels is not None:
        selected = label_observers(selected, selection.labels, known=frame["observer"].unique())
    return split_observers(selected, selection.by) if selection.by else selected


def select_observers(
    frame: pd.DataFrame,
    observers: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    *,
    sessions: Collection[int] = (),
) -> pd.DataFrame:
    """Return the trials of some observers and sessions.

    Args:
        frame: Trials as returned by `read_trials`.
        observers: Names of the observers to use, or patterns such as "llava*", "kind:human" and "edge:subject-01"; by
            default all observers.
        exclude: Names or patterns of observers to leave out.
        sessions: Numbers of the sessions to use; by default all sessions.

    Returns:
        A frame with the selected trials. `attrs["notes"]` says how many observers and trials were excluded.

    Raises:
        UnknownName: If a name or pattern does not match an observer, or if a session does not occur.
        LogError: If no trials remain.

    Example:
        >>> people = select_observers(frame, "kind:human", exclude="subject-04", sessions=[1])
    """
    frame = check_frame(frame)
    number = frame.groupby(["dataset", "observer", "kind"], sort=False, observed=True).ngroup().to_numpy()
    _, first, number = np.unique(number, return_index=True, return_inverse=True)
    pairs = frame[["dataset", "observer", "kind"]].iloc[first].astype("str").reset_index(drop=True)
    is_selected = np.ones(len(pairs), bool)
    if include := _as_list(observers):
        is_selected = np.logical_or.reduce([_match_text(pairs, text) for text in include])
    for text in _as_list(exclude):
        is_selected = is_selected & ~_match_text(pairs, text)
    new_notes = []
    if not is_selected.all():
        new_notes.append(_exclusion_note(pairs, is_selected, int((~is_selected)[number].sum())))
    mask = is_selected[number] if len(frame) else np.zeros(0, bool)
    if sessions:
        in_session = _in_sessions(frame, sessions)
        lost = sorted(set(frame.loc[mask, "observer"]) - set(frame.loc[mask & in_session, "observer"]))
        without = f", among them all trials of {abbreviate(lost)}" if lost else ""
        n = int((mask & ~in_session).sum())
        if n:
            chosen = ", ".join(map(str, sessions))
            new_notes.append(f"{n:,} trials of sessions other than {chosen} are excluded{without}")
        mask = mask & in_session
    if not mask.any() and len(frame):
        raise LogError(
            "the selection excludes all trials: choose other observers or sessions, or exclude fewer of them"
        )
    return renew_notes(frame, frame if mask.all() else frame[mask].reset_index(drop=True), new_notes)


def _as_list(texts: str | Iterable[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def _match_text(pairs: pd.DataFrame, text: str) -> np.ndarray:
    """Return a mask of the observers that a pattern, or a list of patterns with commas, matches. Raise UnknownName."""
    mask = _match_pattern(pairs, text)
    if mask.any():
        return mask
    parts = [part.strip() for part in text.split(",") if part.strip()]
    masks = [_match_pattern(pairs, part) for part in parts]
    for part, of_part in zip(parts, masks, strict=True):
        if not of_part.any():
            prefix, _, rest = part.partition(":")
            if prefix == "kind" and rest not in KINDS:
                raise UnknownName("kind of observer", rest, KINDS)
            if prefix == "kind":
                raise UnknownName("kind of observer in these logs", rest, pairs["kind"])
            hint = "Patterns such as llava* and kind:human are possible, too."
            raise UnknownName("observer in these logs", part, pairs["observer"], hint)
    if not masks:
        raise UnknownName("observer in these logs", text, pairs["observer"])
    return np.asarray(np.logical_or.reduce(masks))


def _match_pattern(pairs: pd.DataFrame, pattern: str) -> np.ndarray:
    exact = (pairs["observer"] == pattern).to_numpy()
    if exact.any():
        return exact
    prefix, colon, rest = pattern.partition(":")
    if colon and prefix == "kind":
        return np.array([fnmatchcase(kind, rest) for kind in pairs["kind"]], bool)
    if colon and (in_dataset := (pairs["dataset"] == prefix).to_numpy()).any():
        mask = np.zeros(len(pairs), bool)
        mask[in_dataset] = _match_pattern(pairs[in_dataset].reset_index(drop=True), rest)
        return mask
    if not any(character in pattern for character in WILDCARDS):
        return exact
    return np.array([fnmatchcase(name, pattern) for name in pairs["observer"]], bool)


def _in_sessions(frame: pd.DataFrame, sessions: Collection[int]) -> np.ndarray:
    known = sorted(int(number) for number in frame["session"].dropna().unique())
    for number in sessions:
        if number not in known:
            raise UnknownName("session in these logs", str(number), map(str, known))
    return frame["session"].isin(list(sessions)).to_numpy(bool, na_value=False)


def _exclusion_note(pairs: pd.DataFrame, is_selected: np.ndarray, n_trials: int) -> str:
    remaining, excluded = set(pairs.loc[is_selected, "observer"]), pairs[~is_selected]
    names = sorted({
        f"{dataset}:{observer}" if observer in remaining else observer
        for dataset, observer in zip(excluded["dataset"], excluded["observer"], strict=True)
    })  # fmt: skip
    n = int(is_selected.sum())
    return (
        f"{abbreviate(names)} {'is' if len(names) == 1 else 'are'} excluded ({n_trials:,} trials); {n} of {len(pairs)} "
        "observers remain"
        + (" (an observer counts once for each dataset)" if pairs["observer"].duplicated().any() else "")
    )
