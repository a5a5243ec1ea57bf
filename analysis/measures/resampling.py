"""The paired bootstrap: images are drawn with replacement, the same ones for all observers (Efron & Tibshirani 1993).

Notation: I images of one dataset and condition, R resamples. A statistic that depends on sums over images needs no loop:
correct (O, I) @ weight (I, R) is the number of correct responses of every observer in every resample. Every condition is
resampled separately, so it keeps its number of images. The same seed gives the same resamples.
"""

import numpy as np

from analysis.measures.ties import TOLERANCE

N_RESAMPLES = 1000
PERCENTILES = (2.5, 97.5)


def resample_weights(n_images: int, n_resamples: int, seed: int) -> np.ndarray:
    """Return how often each image occurs in each resample, with shape (I, R).

    The counts are float32, which represents whole numbers below 2^24 exactly.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.integers(n_images, size=(n_resamples, n_images)) if n_images else np.zeros((n_resamples, 0), int)
    drawn += n_images * np.arange(n_resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n_images).astype(np.float32)
    return counts.reshape(n_resamples, n_images).T


def percentiles(values: np.ndarray) -> np.ndarray:
    """Return the 2.5 and 97.5 % percentiles over the last axis: the shape (…, R) becomes (2, …).

    Undefined values (NaN) are excluded; the result is NaN where all values are undefined.
    """
    # numpy.nanpercentile warns where all values are undefined, and is slow because it loops over all rows.
    flat = values.reshape(int(np.prod(values.shape[:-1])), values.shape[-1])
    result = np.full((2, len(flat)), np.nan)
    is_complete = ~np.isnan(flat).any(axis=1)
    if flat.shape[1]:
        result[:, is_complete] = np.percentile(flat[is_complete], PERCENTILES, axis=1)
    for row in np.flatnonzero(~is_complete):
        defined = flat[row, ~np.isnan(flat[row])]
        if len(defined):
            result[:, row] = np.percentile(defined, PERCENTILES)
    return result.reshape(2, *values.shape[:-1])


def nan_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of the values that are not NaN; NaN, without a warning, where all values are NaN."""
    # numpy.nanmean warns where all values are NaN.
    defined = ~np.isnan(values)
    if values.shape[axis] and defined.all():  # the usual case, which needs less memory and time
        return np.asarray(values.sum(axis=axis) / values.shape[axis])
    n = defined.sum(axis=axis)
    total = np.where(defined, values, 0.0).sum(axis=axis)
    return np.asarray(np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0))


def p_value(null: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the two-sided p value of each observed value, with shape (…), from R null values, with shape (…, R).

    p is twice the smaller tail, at most 1. The observed value counts as one of the null values (Davison & Hinkley 1997,
    4.2.5), so p is at least 2 / (R + 1). Null values that are NaN are excluded. p is NaN where the observed value is
    NaN, or where all null values are NaN.
    """
    value = np.asarray(value, float)
    n = (~np.isnan(null)).sum(axis=-1)
    below = (null <= value[..., None] + TOLERANCE).sum(axis=-1)
    above = (null >= value[..., None] - TOLERANCE).sum(axis=-1)
    p = np.minimum(1.0, 2 * (1 + np.minimum(below, above)) / (1 + n))
    return np.where(np.isnan(value) | (n == 0), np.nan, p)
