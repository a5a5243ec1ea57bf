"""Silhouettes and edges of an object on a plain background, as the published sets show them: black on white.

h × w pixels, (h, w, 3) float64 in 0..1 in, (h, w) with 0 and 1 only out.
"""

import numpy as np
from scipy import ndimage

from stimuli.distortions import gray
from stimuli.errors import StimulusError

TOLERANCE = 0.06  # of the color's distance from that of the border, for background
SHARE = 0.6  # of the border that must be background
LOW, HIGH, SIGMA = 0.1, 0.2, 2.0  # of the largest gradient; pixels


def mask(image: np.ndarray) -> np.ndarray:
    """(h, w) bool, true on the object: what the border's median color, connected to the border, does not fill.

    Raises StimulusError where the border is of several colors, or all of the image like it.
    """
    color = background(border(image))
    if color is None:
        raise StimulusError("the background is not plain: expected an object on one color all along the border")
    like_it = np.abs(image - color).max(axis=2) <= TOLERANCE
    parts, _ = ndimage.label(like_it)
    outside = np.isin(parts, np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])))
    found = np.asarray(~(outside & like_it))
    if not found.any():
        raise StimulusError("there is no object: all of the image is like its border")
    return found


def border(image: np.ndarray) -> np.ndarray:
    """(n, 3): the outermost pixels."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def background(outermost: np.ndarray) -> np.ndarray | None:
    """(3,): the median color of the border, in 0..1; None where it is of several colors."""
    color = np.median(outermost, axis=0)
    plain = (np.abs(outermost - color).max(axis=1) <= TOLERANCE).mean() >= SHARE
    return np.asarray(color) if plain else None


def silhouette(image: np.ndarray, level: str, rng: np.random.Generator) -> np.ndarray:
    """The object black, all else white. Raises StimulusError where the background is not plain."""
    return np.where(mask(image), 0.0, 1.0)


def edges(image: np.ndarray, level: str, rng: np.random.Generator) -> np.ndarray:
    """Canny's edges (1986) of g, black, one pixel wide: gradients of g blurred by 2 pixels, largest across the edge, above a
    fifth of the steepest, or above a tenth and connected to such. Raises StimulusError for an image of one gray."""
    g = ndimage.gaussian_filter(gray(image), SIGMA, mode="nearest")
    down, right = ndimage.sobel(g, 0, mode="nearest"), ndimage.sobel(g, 1, mode="nearest")
    steep = np.hypot(down, right)
    if steep.max() < 1e-9:
        raise StimulusError("there are no edges: the image is of one gray")
    unit = np.stack([down, right]) / np.maximum(steep, 1e-12)
    at = np.indices(g.shape).astype(float)
    before, after = (ndimage.map_coordinates(steep, at + sign * unit, order=1, mode="nearest") for sign in (-1, 1))
    ridge = (steep >= before) & (steep > after)
    weak, strong = (ridge & (steep > share * steep.max()) for share in (LOW, HIGH))
    parts, _ = ndimage.label(weak, structure=np.ones((3, 3)))
    return np.where(np.isin(parts, np.unique(parts[strong])) & weak, 0.0, 1.0)
