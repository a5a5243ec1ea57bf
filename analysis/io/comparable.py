"""Notes about observers and datasets that should be compared, but cannot be, because texts in their files differ.

Two observers of a dataset are compared on the images that both saw in the same condition. Without such images, measures of
agreement do not have a row for them, which is easily overlooked.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
from attrs import frozen

from analysis.io.common_images import MAX_GROUPS, Group, Reason, find_separate, group_by_images
from core.names import abbreviate, group_similar
from stimuli.published.datasets import DATASETS
from stimuli.published.normalize import file_of

MIN_SHARED = 0.5  # share of the images of a dataset with which two datasets are probably one


def comparison_notes(frame: pd.DataFrame, guessed: Mapping[Path, str]) -> Iterator[str]:
    """Yield notes about observers without a common image, similar names, images with two categories, and similar datasets.

    Args:
        frame: All trials, with text in columns of categories.
        guessed: The datasets that were inferred from the names of files, by file.
    """
    datasets, *keys = (
        frame[name].cat.codes.to_numpy() for name in ("dataset", "observer", "stimulus", "condition", "category")
    )
    if len(datasets) and datasets.min() != datasets.max():
        order = np.argsort(datasets, kind="stable")
        datasets, keys = datasets[order], [column[order] for column in keys]
    names = _Names(*(frame[name].cat.categories for name in ("observer", "stimulus", "condition", "category")))
    starts = np.flatnonzero(np.diff(datasets, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(datasets)], strict=True):
        dataset = str(frame["dataset"].cat.categories[datasets[start]])
        observers, stimuli, conditions, categories = (column[start:end] for column in keys)
        yield from _similar_observers_note(dataset, [str(names.observers[c]) for c in np.unique(observers)])
        yield from _two_categories_note(dataset, names, observers, stimuli, conditions, categories)
        yield from _separate_notes(dataset, names, observers, stimuli, conditions)
        if dataset not in DATASETS:
            yield from _condition_notes(dataset, [str(names.conditions[c]) for c in np.unique(conditions)])
    yield from _dataset_notes(frame, guessed)


@frozen
class _Names:
    """The names of observers, images, conditions and categories by their codes."""

    observers: pd.Index
    stimuli: pd.Index
    conditions: pd.Index
    categories: pd.Index

    def file_names(self, stimuli: np.ndarray) -> np.ndarray:
        """Return equal numbers for images whose names differ only in folders, suffixes and capitals."""
        different, image = np.unique(stimuli, return_inverse=True)
        return pd.factorize(np.array([_file_name(str(self.stimuli[code])) for code in different], object))[0][image]

    def describe(self, group: Group) -> "_Observers":
        """Return the names of a group of observers."""
        stimuli, conditions = np.divmod(group.trials, len(self.conditions))
        return _Observers(
            str(self.observers[group.observers[0]]),
            frozenset(str(self.stimuli[code]) for code in np.unique(stimuli)),
            tuple(str(self.conditions[code]) for code in np.unique(conditions)),
        )


@frozen
class _Observers:
    """One of several observers with the same images in the same conditions.

    Attributes:
        name: The name of one of them.
        stimuli: Their images.
        conditions: Their conditions.
    """

    name: str
    stimuli: frozenset[str]
    conditions: tuple[str, ...]


def _similar_observers_note(dataset: str, observers: Sequence[str]) -> Iterator[str]:
    """Yield a note about names that probably belong to one observer, such as `subject-1` and `subject-01`."""
    similar = group_similar(observers, _without_zeros)
    if similar:
        pairs = abbreviate([" and ".join(map(repr, group)) for group in similar])
        yield (
            f"some names of observers of {dataset} differ only in upper and lower case, separators or leading zeros, and "
            f"count as different observers: {pairs}; if they are the same, use the same name in all files"
        )


def _without_zeros(name: str) -> str:
    """Return the name of an observer in lower case, with hyphens as separators, and with numbers without leading zeros."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_-]+", "-", name.casefold()))


def _two_categories_note(
    dataset: str,
    names: _Names,
    observers: np.ndarray,
    stimuli: np.ndarray,
    conditions: np.ndarray,
    categories: np.ndarray,
) -> Iterator[str]:
    """Yield a note about images that have different categories in different trials of a dataset."""
    images = stimuli.astype(np.int64) * len(names.conditions) + conditions
    order = np.lexsort((categories, images))
    image, category = images[order], categories[order]
    changes = np.flatnonzero((image[1:] == image[:-1]) & (category[1:] != category[:-1]))
    if not len(changes):
        return
    first, second = order[changes[0]], order[changes[0] + 1]
    n = len(np.unique(image[changes]))
    labels = [f"{names.categories[categories[i]]} (for {names.observers[observers[i]]})" for i in (first, second)]
    yield (
        f"{n:,} image{'s' if n > 1 else ''} of {dataset} {'have' if n > 1 else 'has'} different categories in different "
        f"trials, such as {str(names.stimuli[stimuli[first]])!r}: {labels[0]} and {labels[1]}; either the categories in a "
        f"file are wrong, or different images have the same name"
    )


def _separate_notes(
    dataset: str, names: _Names, observers: np.ndarray, stimuli: np.ndarray, conditions: np.ndarray
) -> Iterator[str]:
    """Yield a note for each reason why pairs of observers do not have an image in common, with an example.

    The arguments after the names are the codes of the trials of the dataset.
    """
    n_conditions = len(names.conditions)
    groups = group_by_images(observers, stimuli.astype(np.int64) * n_conditions + conditions)
    for reason, pairs in find_separate(groups[:MAX_GROUPS], n_conditions, names.file_names).items():
        n = pairs.n_pairs - 1
        others = f", like {n:,} other pair{'s' if n > 1 else ''}" if n else ""
        first, second = names.describe(pairs.first), names.describe(pairs.second)
        yield _describe(reason, dataset, first, second, f"they are not compared{others}")
    if len(groups) > MAX_GROUPS:
        yield (
            f"the observers of {dataset} saw {len(groups):,} different lists of images; only the observers of the first "
            f"{MAX_GROUPS:,} lists were checked for images in common"
        )


def _describe(reason: Reason, dataset: str, first: _Observers, second: _Observers, result: str) -> str:
    """Return the note for a pair of observers without a common image."""
    pair = f"{first.name} and {second.name} of {dataset}"
    if reason == "conditions":
        n = len(first.stimuli & second.stimuli)
        labels = [_label(group.conditions) for group in (first, second)]
        remedy = ""
        if len(first.conditions) == len(second.conditions) == 1:
            new, old = sorted((first.conditions[0], second.conditions[0]))
            remedy = f"; if these are the same condition, --replace 'condition:{old}={new}' merges them"
        return f"{pair} saw {n} images with the same names, but in {labels[0]} and in {labels[1]}: {result}{remedy}"
    if reason == "names":
        of_first = {_file_name(name): name for name in sorted(first.stimuli)}
        other = next(name for name in sorted(second.stimuli) if _file_name(name) in of_first)
        return (
            f"{pair} saw images whose names differ only in folders, suffixes or capitals, such as "
            f"{of_first[_file_name(other)]!r} and {other!r}: {result}; if the images are the same, use the same "
            f"names in both files"
        )
    return f"{pair} saw different images, such as {min(first.stimuli)!r} and {min(second.stimuli)!r}: {result}"


def _label(conditions: Sequence[str]) -> str:
    """Return conditions as text for a note."""
    if len(conditions) == 1:
        return f"condition {conditions[0]!r}" if conditions[0] else "no condition"
    return f"{len(conditions)} conditions such as {next(filter(None, conditions))!r}"


def _file_name(name: str) -> str:
    """Return the name of an image without its folder, its suffix and capitals."""
    file = file_of(name)
    return (file.rpartition(".")[0] or file).casefold()


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
                f"'condition:{same[1]}={same[0]}' merges them"
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
        yield from _same_images_notes(
            sorted(names.keys() & images, key=lambda name: (name not in DATASETS, name)), images
        )


def _same_images_notes(names: Sequence[str], images: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield a note for every set of datasets of one folder with the same images. Published datasets are first in `names`.

    Two datasets have the same images if they share at least half of the images of the smaller one.
    """
    datasets_of: dict[str, list[str]] = {}
    for name in names:
        for image in images[name]:
            datasets_of.setdefault(image, []).append(name)
    rest = dict.fromkeys(names)
    for first in names:
        if first not in rest:
            continue
        del rest[first]
        n_shared = Counter(chain.from_iterable(datasets_of[image] for image in images[first]))
        same = [
            name
            for name in names
            if name in rest
            and name not in DATASETS
            and n_shared[name] >= MIN_SHARED * min(len(images[first]), len(images[name]))
        ]
        for name in same:
            del rest[name]
        if same:
            yield (
                f"files in one folder belong to {len(same) + 1} datasets according to their names, "
                f"{abbreviate([first, *same])}, but have the same images, such as "
                f"{min(images[first] & images[same[0]])!r}; if they are one dataset, --replace "
                f"'dataset:{same[0]}={first}' merges them"
            )
