"""Measure whether reconstructions preserve the layout of an image, and whether all prompts change the same parts of it.

Conventions: there are M images, each restored under the same prompts and draws. Before the comparison, images are
converted to gray, resized to SIDE × SIDE pixels and low-pass filtered (Gaussian with a standard deviation of SIGMA
pixels), so that layout matters and detail does not.
    layout             mean Pearson correlation over pixels between a reconstruction and its own image
    of_others          mean correlation between a reconstruction and the other images, which estimates chance
    kept               layout - of_others
    overlap            mean overlap (intersection over union) of two regions of the same image: the pixels that changed
                       most under one prompt, and those that changed most under another prompt with the same draw.
                       Each region is the fraction TOP_FRACTION of the pixels
    overlap_of_others  the same mean overlap, but for two regions in different images
    in_place           overlap - overlap_of_others
The intervals of kept and in_place are 95 % percentile intervals of a bootstrap over images. Measures that compare
images are NaN if there is only one image, so restore an unrelated image as well. Measures that compare prompts are NaN
if there is only one prompt. The correlation of a constant image and the region of a reconstruction without changes are
undefined and are excluded from the averages.
"""

from itertools import product

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from analysis.illusions.reconstructions import SETTING_COLUMNS, read_image
from analysis.measures.resampling import N_RESAMPLES, nan_mean, percentiles, resample_weights

SIDE, SIGMA, TOP_FRACTION = 64, 4.0, 0.2
COLUMNS = (
    "observer", *SETTING_COLUMNS, "n_images", "n_prompts", "layout", "of_others", "kept", "kept_low", "kept_high", "overlap",
    "overlap_of_others", "in_place", "in_place_low", "in_place_high",
)  # fmt: skip


def placement(table: pd.DataFrame, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Measure the preservation of layout for each observer and setting.

    Args:
        table: Result of `analysis.illusions.reconstructions.read_reconstructions`.
        n_resamples: Number of bootstrap resamples.
        seed: Random seed for the bootstrap.

    Returns:
        One row for each observer and combination of strength, steps and guidance, with COLUMNS: the measures of the
        module with the ends `_low` and `_high` of their intervals, and the numbers of images and prompts.

    Raises:
        StimulusError: If an image file cannot be opened.
    """
    rows = []
    originals = {file: low_pass(read_image(file)) for file in table["original"].unique()}
    for keys, part in table.groupby(["observer", *SETTING_COLUMNS], sort=False):
        images = list(dict.fromkeys(part["image"]))
        own_originals = {i: originals[part.loc[part["image"] == i, "original"].iloc[0]] for i in images}
        reconstructions = {
            (image, prompt, draw): low_pass(read_image(file))
            for image, prompt, draw, file in part[["image", "prompt", "seed", "file"]].itertuples(index=False)
        }
        layouts = _layout_correlations(images, own_originals, reconstructions)
        overlaps = _change_overlaps(images, own_originals, reconstructions)
        measures = [
            *_compare_with_others(layouts, n_resamples, seed),
            *_compare_with_others(overlaps, n_resamples, seed),
        ]
        rows.append((*keys, len(images), part["prompt"].nunique(), *measures))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def low_pass(image: np.ndarray) -> np.ndarray:
    """Convert a `(height, width, 3)` image in 0..1 to a low-pass filtered `(SIDE, SIDE)` gray image."""
    gray = Image.fromarray(image.mean(axis=2).astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(ndimage.gaussian_filter(np.asarray(gray, float), SIGMA, mode="nearest"))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Pearson correlation of two images over pixels; NaN if either is constant."""
    a, b = first - first.mean(), second - second.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 1e-9 else float("nan")


def region_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of the regions in which two images have their largest values.

    A region is the fraction TOP_FRACTION of the pixels. The result is NaN if either image is constant.
    """
    if np.ptp(first) < 1e-9 or np.ptp(second) < 1e-9:
        return float("nan")
    a, b = (change >= np.quantile(change, 1 - TOP_FRACTION) for change in (first, second))
    return float((a & b).sum() / (a | b).sum())


Reconstructions = dict[tuple[str, str, int], np.ndarray]  # image, prompt, draw -> low-pass filtered reconstruction


def _layout_correlations(
    images: list[str], originals: dict[str, np.ndarray], reconstructions: Reconstructions
) -> np.ndarray:
    """Return the `(M, M)` mean correlations of the reconstructions of image i with image j."""
    out = np.full((len(images),) * 2, np.nan)
    for i, j in product(range(len(images)), repeat=2):
        values = [
            correlation(reconstruction, originals[images[j]])
            for (image, _, _), reconstruction in reconstructions.items()
            if image == images[i]
        ]
        out[i, j] = nan_mean(np.array(values), axis=0)
    return out


def _change_overlaps(
    images: list[str], originals: dict[str, np.ndarray], reconstructions: Reconstructions
) -> np.ndarray:
    """Return the `(M, M)` mean overlaps of the changes of image i under one prompt and of image j under another."""
    changes = {key: np.abs(reconstruction - originals[key[0]]) for key, reconstruction in reconstructions.items()}
    out = np.full((len(images),) * 2, np.nan)
    by_image = {image: [(p, d, c) for (i, p, d), c in changes.items() if i == image] for image in images}
    for i, j in product(range(len(images)), repeat=2):
        values = [
            region_overlap(first, second)
            for (p, d, first), (q, e, second) in product(by_image[images[i]], by_image[images[j]])
            if d == e and p < q
        ]
        if values:
            out[i, j] = nan_mean(np.array(values), axis=0)
    return out


def _compare_with_others(matrix: np.ndarray, n_resamples: int, seed: int) -> list[float]:
    """Compare the diagonal of an `(M, M)` matrix with its other elements.

    Return the mean of the diagonal, the mean of the other elements, and their difference with its interval over images.
    """
    n = len(matrix)
    image_weights = np.concatenate(
        [np.ones((n, 1), np.float32), resample_weights(n, n_resamples, seed)], axis=1
    ).astype(float)
    own = _weighted_mean(np.diag(matrix), image_weights)
    rows, columns = np.nonzero(~np.eye(n, dtype=bool))
    other = _weighted_mean(matrix[rows, columns], image_weights[rows] * image_weights[columns])
    difference = own - other
    low, high = percentiles(difference[None, 1:])[:, 0] if n > 1 else (np.nan, np.nan)
    return [float(own[0]), float(other[0]), float(difference[0]), float(low), float(high)]


def _weighted_mean(values: np.ndarray, image_weights: np.ndarray) -> np.ndarray:
    """Return the `(n_resamples + 1,)` means of the values that are not NaN, one per resample."""
    defined = ~np.isnan(values)
    total = image_weights[defined].sum(axis=0)
    weighted_sum = values[defined] @ image_weights[defined]
    return np.asarray(np.divide(weighted_sum, total, out=np.full(len(total), np.nan), where=total > 0))
