"""Ties between computed numbers: values that differ by at most `TOLERANCE` are equal.

A quantity that is computed in two ways, or from images in a different order, can differ in its last digits. Such a
difference must not affect a rank, a p value or a comparison with the human range.
"""

import numpy as np

TOLERANCE = 1e-9


def join_ties(values: np.ndarray) -> np.ndarray:
    """Return the values with all ties along the first axis replaced by the smallest of them; NaN stays NaN."""
    values = np.asarray(values, float)
    if not len(values):
        return values
    order = np.argsort(values, axis=0, kind="stable")
    ascending = np.take_along_axis(values, order, axis=0)
    with np.errstate(invalid="ignore"):  # the difference of two infinite values
        steps = np.diff(ascending, axis=0, prepend=ascending[:1])
    position = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    # NaN, which is sorted last, is not close to any value.
    first = np.maximum.accumulate(np.where(~(steps <= TOLERANCE), position, 0), axis=0)
    joined = np.empty_like(values)
    np.put_along_axis(joined, order, np.take_along_axis(ascending, first, axis=0), axis=0)
    return joined
