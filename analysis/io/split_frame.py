"""The trials of every dataset and condition, with one pass over the frame for all of them.

Selecting the trials of one condition after another compares every trial with every condition, which takes most of the time
of an analysis if a frame has thousands of conditions or hundreds of datasets.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd

from analysis.io.frame import condition_order, dataset_order


def split_datasets(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the name and the rows of every dataset in the usual order. The rows keep their order and the notes."""
    return ((name, frame.take(rows)) for name, rows in rows_by_value(frame["dataset"], dataset_order))


def split_conditions(dataset: str, trials: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the name and the rows of every condition of a dataset in the usual order. The rows keep their order."""
    by_condition = rows_by_value(trials["condition"], lambda conditions: condition_order(dataset, conditions))
    return ((name, trials.take(rows)) for name, rows in by_condition)


def rows_by_value(column: pd.Series, order: Callable[[Iterable[str]], list[str]]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every value of a column and the positions of its rows, with the values in the order that `order` returns."""
    numbers, unique = pd.factorize(column.to_numpy(object))
    if not len(unique):
        return
    ends = np.cumsum(np.bincount(numbers, minlength=len(unique)))
    rows = dict(zip(map(str, unique), np.split(numbers.argsort(kind="stable"), ends[:-1]), strict=True))
    for value in order(rows):
        yield value, rows[value]
