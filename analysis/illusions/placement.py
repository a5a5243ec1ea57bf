"""Do reconstructions keep the place and pose of what was in the image?

Declared once: M images of a folder of reconstructions, each restored under the same prompts and draws; pictures are gray, of
SIDE pixels a side, and low-passed (Gaussian of SIGMA pixels), so that layout counts and detail does not.
    layout        mean correlation (Pearson's, over pixels) of a reconstruction with its own image
    of_others     the same with the other images: what any two pictures have in common
    kept          layout - of_others
    overlap       mean, over pairs of prompts with the same draw, of the overlap (intersection over union) of the SHARE of
                  the image that changed most under either: is it the same place that becomes the one or the other?
    overlap_of_others   the same between different images
    in_place      overlap - overlap_of_others
Intervals of kept and in_place: bootstrap over images, 95 %. NaN where there is but one image (or one prompt), since then
nothing says what chance gives: restore an unrelated image as well. A flat picture has no correlation and is left out.
"""

from itertools import product

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from analysis.illusions.reconstructions import SETTING_COLUMNS, read_image
from analysis.resampling import N_RESAMPLES, nan_mean, percentiles, weights

SIDE, SIGMA, SHARE = 64, 4.0, 0.2
COLUMNS = (
    "observer", *SETTING_COLUMNS, "n_images", "n_prompts", "layout", "of_others", "kept", "kept_low", "kept_high", "overlap",
    "overlap_of_others", "in_place", "in_place_low", "in_place_high",
)  # fmt: skip


def placement(table: pd.DataFrame, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """A row for every observer and setting of `read_reconstructions`, with COLUMNS."""
    rows = []
    originals = {file: low_passed(read_image(file)) for file in table["original"].unique()}
    for keys, part in table.groupby(["observer", *SETTING_COLUMNS], sort=False):
        images = list(dict.fromkeys(part["image"]))
        original = {i: originals[part.loc[part["image"] == i, "original"].iloc[0]] for i in images}
        made = {
            (image, prompt, draw): low_passed(read_image(file))
            for image, prompt, draw, file in part[["image", "prompt", "seed", "file"]].itertuples(index=False)
        }
        layout = _layout(images, original, made)
        overlap = _overlaps(images, original, made)
        measured = [*_against_others(layout, n_resamples, seed), *_against_others(overlap, n_resamples, seed)]
        rows.append((*keys, len(images), part["prompt"].nunique(), *measured))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def low_passed(image: np.ndarray) -> np.ndarray:
    """(h, w, 3) in 0..1 -> (SIDE, SIDE) gray."""
    gray = Image.fromarray(image.mean(axis=2).astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(ndimage.gaussian_filter(np.asarray(gray, float), SIGMA, mode="nearest"))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """NaN where either is flat."""
    a, b = one - one.mean(), other - other.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 1e-9 else float("nan")


def overlap_of(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of the SHARE of pixels in which each is largest; NaN where one is the same everywhere."""
    if np.ptp(one) < 1e-9 or np.ptp(other) < 1e-9:
        return float("nan")
    a, b = (change >= np.quantile(change, 1 - SHARE) for change in (one, other))
    return float((a & b).sum() / (a | b).sum())


Made = dict[tuple[str, str, int], np.ndarray]


def _layout(images: list[str], original: dict[str, np.ndarray], made: Made) -> np.ndarray:
    """(M, M): of reconstructions of image i with image j."""
    out = np.full((len(images),) * 2, np.nan)
    for i, j in product(range(len(images)), repeat=2):
        values = [
            correlation(found, original[images[j]]) for (image, _, _), found in made.items() if image == images[i]
        ]
        out[i, j] = nan_mean(np.array(values), axis=0)
    return out


def _overlaps(images: list[str], original: dict[str, np.ndarray], made: Made) -> np.ndarray:
    """(M, M): of what changed in image i under one prompt with what changed in image j under another."""
    changed = {key: np.abs(found - original[key[0]]) for key, found in made.items()}
    out = np.full((len(images),) * 2, np.nan)
    by_image = {image: [(p, d, c) for (i, p, d), c in changed.items() if i == image] for image in images}
    for i, j in product(range(len(images)), repeat=2):
        values = [
            overlap_of(one, other)
            for (p, d, one), (q, e, other) in product(by_image[images[i]], by_image[images[j]])
            if d == e and p < q
        ]
        if values:
            out[i, j] = nan_mean(np.array(values), axis=0)
    return out


def _against_others(values: np.ndarray, n_resamples: int, seed: int) -> list[float]:
    """Mean of the diagonal, of the rest, their difference with its interval over images, of (M, M)."""
    m = len(values)
    drawn = np.concatenate([np.ones((m, 1), np.float32), weights(m, n_resamples, seed)], axis=1).astype(float)
    own = _weighted(np.diag(values), drawn)
    rows, columns = np.nonzero(~np.eye(m, dtype=bool))
    other = _weighted(values[rows, columns], drawn[rows] * drawn[columns])
    kept = own - other
    low, high = percentiles(kept[None, 1:])[:, 0] if m > 1 else (np.nan, np.nan)
    return [float(own[0]), float(other[0]), float(kept[0]), float(low), float(high)]


def _weighted(values: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    there = ~np.isnan(values)
    total = drawn[there].sum(axis=0)
    return np.asarray(
        np.divide(values[there] @ drawn[there], total, out=np.full(drawn.shape[1], np.nan), where=total > 0)
    )
