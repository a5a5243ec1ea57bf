"""Notes about observers and datasets that should be compared, but cannot be, because texts in their files differ.

Two observers of a dataset are compared on the images that both saw in the same condition. Without such images, measures of
agreement do not have a row for them, which is easily overlooked.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
from attrs import frozen

from analysis.io.notes import abbreviate
from stimuli.published.datasets import DATASETS
from stimuli.published.normalize import file_of

MAX_GROUPS = 300  # the largest number of different lists of images of a dataset that are compared with each other
MAX_CELLS = 1 << 28  # the largest number of pairs of an observer and an image for which they are compared
MIN_SHARED = 0.5  # share of the images of a dataset with which two datasets are probably one


@frozen
class _Observers:
    """Observers with the same images in the same conditions.

    Attributes:
        names: Their names.
        stimuli: Their images.
        conditions: Their conditions.
    """

    names: tuple[str, ...]
    stimuli: frozenset[str]
    conditions: tuple[str, ...]


def comparison_notes(frame: pd.DataFrame, guessed: Mapping[Path, str]) -> Iterator[str]:
    """Yield notes about observers without a common image, similar conditions, and datasets with the same images.

    Args:
        frame: All trials, with text in columns of categories.
        guessed: The datasets that were inferred from the names of files, by file.
    """
    datasets, *keys = (frame[name].cat.codes.to_numpy() for name in ("dataset", "observer", "stimulus", "condition"))
    if len(datasets) and datasets.min() != datasets.max():
        order = np.argsort(datasets, kind="stable")
        datasets, keys = datasets[order], [column[order] for column in keys]
    starts = np.flatnonzero(np.diff(datasets, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(datasets)], strict=True):
        dataset = str(frame["dataset"].cat.categories[datasets[start]])
        part = [column[start:end] for column in keys]
        yield from _disjoint_notes(dataset, *_groups(frame, *part))
        if dataset not in DATASETS:
            yield from _condition_notes(
                dataset, [str(frame["condition"].cat.categories[c]) for c in np.unique(part[2])]
            )
    yield from _dataset_notes(frame, guessed)


def _groups(
    frame: pd.DataFrame, observers: np.ndarray, stimuli: np.ndarray, conditions: np.ndarray
) -> tuple[list[_Observers], np.ndarray]:
    """Return the observers of one dataset in groups with the same images and conditions, and which groups share none.

    The arguments after the frame are the codes of the trials of the dataset. The result is empty if all observers have the
    same images in the same conditions.
    """
    names, images, labels = (frame[name].cat.categories for name in ("observer", "stimulus", "condition"))
    key = stimuli.astype(np.int64) * len(labels) + conditions
    codes, row = np.unique(observers, return_inverse=True)
    different, column = np.unique(key, return_inverse=True)
    if len(codes) < 2 or len(codes) * len(different) > MAX_CELLS:
        return [], np.zeros((0, 0), bool)
    saw = np.zeros((len(codes), len(different)), bool)
    saw[row, column] = True
    rows_of: dict[bytes, list[int]] = {}
    for number, packed in enumerate(np.packbits(saw, axis=1)):
        rows_of.setdefault(packed.tobytes(), []).append(number)
    if len(rows_of) < 2:
        return [], np.zeros((0, 0), bool)
    chosen = list(rows_of.values())[:MAX_GROUPS]
    matrix = saw[[rows[0] for rows in chosen]].astype(np.float32)
    groups = []
    for rows in chosen:
        keys = different[saw[rows[0]]]
        groups.append(
            _Observers(
                tuple(str(names[codes[number]]) for number in rows),
                frozenset(str(images[code]) for code in np.unique(keys // len(labels))),
                tuple(str(labels[code]) for code in np.unique(keys % len(labels))),
            )
        )
    return groups, matrix @ matrix.T == 0


def _disjoint_notes(dataset: str, groups: Sequence[_Observers], is_disjoint: np.ndarray) -> Iterator[str]:
    """Yield a note for each reason why pairs of observers do not have an image in common, with an example."""
    examples: dict[str, tuple[_Observers, _Observers]] = {}
    n_pairs: dict[str, int] = {}
    for i, j in np.argwhere(np.triu(is_disjoint)).tolist():
        first, second = groups[i], groups[j]
        reason = "conditions" if first.stimuli & second.stimuli else "images"
        if reason == "images" and _loose(first.stimuli) & _loose(second.stimuli):
            reason = "names"
        examples.setdefault(reason, (first, second))
        n_pairs[reason] = n_pairs.get(reason, 0) + len(first.names) * len(second.names)
    for reason, (first, second) in examples.items():
        n = n_pairs[reason] - 1
        others = f", like {n:,} other pair{'s' if n > 1 else ''}" if n else ""
        yield _describe(reason, dataset, first, second, f"they are not compared{others}")


def _describe(reason: str, dataset: str, first: _Observers, second: _Observers, result: str) -> str:
    """Return the note for a pair of observers without a common image."""
    pair = f"{first.names[0]} and {second.names[0]} of {dataset}"
    if reason == "conditions":
        n = len(first.stimuli & second.stimuli)
        labels = [_label(group.conditions) for group in (first, second)]
        remedy = ""
        if len(first.conditions) == len(second.conditions) == 1:
            new, old = sorted((first.conditions[0], second.conditions[0]))
            remedy = f"; if these are the same condition, --replace 'condition:{old}={new}' makes it one"
        return f"{pair} saw {n} images of the same names, but in {labels[0]} and in {labels[1]}: {result}{remedy}"
    if reason == "names":
        loose = {_loose_name(name): name for name in sorted(first.stimuli)}
        other = next(name for name in sorted(second.stimuli) if _loose_name(name) in loose)
        return (
            f"{pair} saw images whose names differ only in folders, suffixes or capitals, such as "
            f"{loose[_loose_name(other)]!r} and {other!r}: {result}; if the images are the same, rename them in one file"
        )
    return f"{pair} saw different images, such as {min(first.stimuli)!r} and {min(second.stimuli)!r}: {result}"


def _label(conditions: Sequence[str]) -> str:
    """Return conditions as text for a note."""
    if len(conditions) == 1:
        return f"condition {conditions[0]!r}" if conditions[0] else "no condition"
    return f"{len(conditions)} conditions such as {next(filter(None, conditions))!r}"


def _loose(names: frozenset[str]) -> set[str]:
    return set(map(_loose_name, names))


def _loose_name(name: str) -> str:
    """Return the name of an image without its folder, its suffix and capitals."""
    return PurePath(file_of(name)).stem.casefold()


def _condition_notes(dataset: str, conditions: Sequence[str]) -> Iterator[str]:
    """Yield a note about conditions of an unpublished dataset that are probably one, such as `0.1` and `0.10`."""
    spellings: dict[str | float, list[str]] = {}
    for condition in conditions:
        try:
            key: str | float = float(condition.replace(",", "."))
        except ValueError:
            key = condition.casefold()
        spellings.setdefault(key, []).append(condition)
    for same in spellings.values():
        if len(same) > 1:
            yield (
                f"{same[0]!r} and {same[1]!r} count as two conditions of {dataset}; if they are the same, --replace "
                f"'condition:{same[1]}={same[0]}' makes them one"
            )


def _dataset_notes(frame: pd.DataFrame, guessed: Mapping[Path, str]) -> Iterator[str]:
    """Yield notes about datasets of one folder with the same images, of which at most one is a published dataset."""
    in_folders: dict[Path, dict[str, None]] = {}
    for path, dataset in guessed.items():
        in_folders.setdefault(path.parent, {})[dataset] = None
    several = {name for names in in_folders.values() if len(names) > 1 for name in names}
    if not several - DATASETS.keys():
        return
    pairs = frame.loc[frame["dataset"].isin(list(several)), ["dataset", "stimulus"]].drop_duplicates()
    images = {str(name): frozenset(group) for name, group in pairs.groupby("dataset", observed=True)["stimulus"]}
    for names in in_folders.values():
        rest = sorted((name for name in names if name in images), key=lambda name: name not in DATASETS)[:MAX_GROUPS]
        while rest:
            first, *rest = rest
            same = [name for name in rest if name not in DATASETS and _are_same(images[first], images[name])]
            rest = [name for name in rest if name not in same]
            if same:
                yield (
                    f"files in one folder belong to {len(same) + 1} datasets according to their names, "
                    f"{abbreviate([first, *same])}, but have the same images, such as "
                    f"{min(images[first] & images[same[0]])!r}; if they are one dataset, --replace "
                    f"'dataset:{same[0]}={first}' makes it one"
                )


def _are_same(first: frozenset[str], second: frozenset[str]) -> bool:
    """Return whether two datasets share at least half of the images of the smaller one."""
    return len(first & second) >= MIN_SHARED * min(len(first), len(second))
