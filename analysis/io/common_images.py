"""Find the observers of a dataset who do not have an image in common, and the reasons.

Observers with the same images in the same conditions form a group, and groups are compared with each other.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from attrs import frozen

MAX_GROUPS = 5000  # the largest number of groups that are compared with each other; they take a few seconds
_BITS = 64  # groups that are compared at once with all others

Reason = Literal["conditions", "names", "images"]


@frozen
class Group:
    """Observers with the same images in the same conditions, as codes of a frame.

    Attributes:
        observers: Codes of the observers.
        trials: Codes of the pairs of an image and a condition.
    """

    observers: tuple[int, ...]
    trials: np.ndarray


@frozen
class Separation:
    """Pairs of observers who do not have an image in common for the same reason.

    Attributes:
        first: The group of the first observer of a pair.
        second: The group of the second one.
        n_pairs: The number of all pairs with this reason.
    """

    first: Group
    second: Group
    n_pairs: int


def group_by_images(observers: np.ndarray, trials: np.ndarray) -> list[Group]:
    """Return the observers in groups with the same trials.

    Args:
        observers: Code of the observer of every trial.
        trials: Code of the image and the condition of every trial.
    """
    codes, row = np.unique(observers, return_inverse=True)
    different, column = np.unique(trials, return_inverse=True)
    pairs = np.unique(row.astype(np.int64) * len(different) + column)
    rows, columns = np.divmod(pairs, len(different))
    lists = np.split(columns, np.flatnonzero(np.diff(rows)) + 1)
    members: dict[bytes, tuple[np.ndarray, list[int]]] = {}
    for code, numbers in zip(codes.tolist(), lists, strict=True):
        members.setdefault(numbers.tobytes(), (numbers, []))[1].append(code)
    return [Group(tuple(same), different[numbers]) for numbers, same in members.values()]


def find_separate(
    groups: Sequence[Group], n_conditions: int, file_names: Callable[[np.ndarray], np.ndarray]
) -> dict[Reason, Separation]:
    """Return the pairs of observers of different groups who do not have an image in common.

    Args:
        groups: The groups.
        n_conditions: A code of a trial is the code of its image times this number, plus the code of its condition.
        file_names: Returns codes of the file names of images, which are equal if the names of the images differ only in
            folders, suffixes and capitals.

    Returns:
        The pairs by reason: the same images in different conditions ("conditions"), images whose names differ only in
        folders, suffixes or capitals ("names"), and different images ("images"). Each reason has the first pair as an
        example.
    """
    comparison = _Comparison(groups, n_conditions, file_names)
    sizes = np.array([len(group.observers) for group in groups])
    n_pairs: dict[Reason, int] = {}
    examples: dict[Reason, tuple[int, int]] = {}
    for start in range(0, len(groups), _BITS):
        for reason, is_separate in comparison.reasons(start):
            first, second = np.nonzero(is_separate)
            if len(first):
                n_pairs[reason] = n_pairs.get(reason, 0) + int((sizes[first] * sizes[start + second]).sum())
                example = int(first[0]), start + int(second[0])
                examples[reason] = min(examples.get(reason, example), example)
    return {
        reason: Separation(groups[first], groups[second], n_pairs[reason])
        for reason, (first, second) in examples.items()
    }


class _Lists:
    """Lists of numbers, for which `overlap` finds the pairs of lists that have a number in common."""

    def __init__(self, lists: Sequence[np.ndarray]) -> None:
        sizes = np.array([len(numbers) for numbers in lists])
        _, numbers, counts = np.unique(np.concatenate(lists), return_inverse=True, return_counts=True)
        is_shared = counts[numbers] > 1  # the other numbers occur in only one list
        self._numbers = (np.cumsum(counts > 1) - 1)[numbers[is_shared]]
        self._n_different = int((counts > 1).sum())
        self._ends = np.cumsum(is_shared)[np.cumsum(sizes) - 1]
        self._starts = np.concatenate([[0], self._ends[:-1]])

    def overlap(self, start: int) -> np.ndarray:
        """Return whether lists have a number in common with each of the _BITS lists that begin at `start`.

        The columns of the result are these lists. The rows are all lists up to the last one of them.
        """
        end = min(start + _BITS, len(self._starts))
        bits = np.zeros(self._n_different, np.uint64)  # for each number, the lists that contain it
        for bit, (first, last) in enumerate(zip(self._starts[start:end], self._ends[start:end], strict=True)):
            bits[self._numbers[first:last]] |= np.uint64(1 << bit)
        has_shared = self._starts[:end] < self._ends[:end]
        joined = np.zeros(end, np.uint64)
        if has_shared.any():
            numbers = self._numbers[: self._ends[end - 1]]
            joined[has_shared] = np.bitwise_or.reduceat(bits[numbers], self._starts[:end][has_shared])
        return (joined[:, None] >> np.arange(end - start, dtype=np.uint64) & np.uint64(1)).astype(bool)


class _Comparison:
    """Compares groups by their trials and, if necessary, by their images and by the file names of the images."""

    def __init__(
        self, groups: Sequence[Group], n_conditions: int, file_names: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self._groups, self._n_conditions, self._code_file_names = groups, n_conditions, file_names

    @cached_property
    def _trials(self) -> _Lists:
        return _Lists([group.trials for group in self._groups])

    @cached_property
    def _images(self) -> _Lists:
        return _Lists([group.trials // self._n_conditions for group in self._groups])

    @cached_property
    def _file_names(self) -> _Lists:
        sizes = np.cumsum([len(group.trials) for group in self._groups])[:-1]
        images = np.concatenate([group.trials // self._n_conditions for group in self._groups])
        return _Lists(np.split(self._code_file_names(images), sizes))

    def reasons(self, start: int) -> Iterator[tuple[Reason, np.ndarray]]:
        """Yield each reason with a matrix that is true where it separates a group from a later group.

        The columns are the _BITS groups that begin at `start`, and the rows are all groups up to the last one of them.
        """
        overlap = self._trials.overlap(start)
        numbers = np.arange(overlap.shape[1]) + start
        rest = ~overlap & (np.arange(len(overlap))[:, None] < numbers)
        if rest.any():
            overlap = self._images.overlap(start)
            yield "conditions", rest & overlap
            rest &= ~overlap
        if rest.any():
            overlap = self._file_names.overlap(start)
            yield "names", rest & overlap
            rest &= ~overlap
        yield "images", rest
