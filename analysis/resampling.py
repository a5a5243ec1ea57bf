"""The paired bootstrap: images are drawn with replacement, the same ones for every observer (Efron & Tibshirani 1993).

Declared once: I images of one dataset and condition, R resamples. A statistic that is a function of sums over images needs
no loop: right (O, I) @ weight (I, R) is every observer's number right in every resample. Conditions are resampled apart,
so that each keeps its number of images. Same seed, same resamples.
"""

import numpy as np

N_RESAMPLES = 1000
LEVEL = (2.5, 97.5)  # percent


def weights(n_images: int, n_resamples: int, seed: int) -> np.ndarray:
    """How often each image is in each resample, (I, R) float32, which holds counts below 2^24 exactly."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(n_images, size=(n_resamples, n_images)) if n_images else np.zeros((n_resamples, 0), int)
    drawn += n_images * np.arange(n_resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_resamples * n_images).astype(np.float32)
    return counts.reshape(n_resamples, n_images).T


def percentiles(values: np.ndarray) -> np.ndarray:
    """(…, R) -> (2, …): 2.5 and 97.5 % of the resamples in which the value is defined; NaN where it is in none."""
    flat = values.reshape(int(np.prod(values.shape[:-1])), values.shape[-1])
    out = np.full((2, len(flat)), np.nan)
    defined = ~np.isnan(flat).any(axis=1)
    if flat.shape[1]:
        out[:, defined] = np.percentile(flat[defined], LEVEL, axis=1)
    for row in np.flatnonzero(~defined):
        some = flat[row, ~np.isnan(flat[row])]
        if len(some):
            out[:, row] = np.percentile(some, LEVEL)
    return out.reshape(2, *values.shape[:-1])


def nan_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is defined; NaN, without a warning, where nothing is."""
    there = ~np.isnan(values)
    n = there.sum(axis=axis)
    return np.asarray(
        np.divide(np.where(there, values, 0.0).sum(axis=axis), n, out=np.full(n.shape, np.nan), where=n > 0)
    )


def p_value(null: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Two-sided p of value (…) in a simulated null (…, R): twice the lesser tail, at most 1; NaN where value is.

    The value counts as one of the draws (Davison & Hinkley 1997, 4.2.5), so that p is at least 2 / (R + 1) and never 0.
    Draws in which the statistic is undefined are left out.
    """
    value = np.asarray(value, float)
    n = (~np.isnan(null)).sum(axis=-1)
    near = 1e-12  # equal but for rounding
    below = (null <= value[..., None] + near).sum(axis=-1)
    above = (null >= value[..., None] - near).sum(axis=-1)
    p = np.minimum(1.0, 2 * (1 + np.minimum(below, above)) / (1 + n))
    return np.where(np.isnan(value) | (n == 0), np.nan, p)
