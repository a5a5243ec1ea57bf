"""Silhouettes and edges of an object on a plain background, black on white as in Geirhos et al. (2019, ICLR).

Images have h × w pixels and are (h, w, 3) float64 arrays in 0..1; the results are (h, w) arrays of zeros and ones.
"""

import numpy as np
from scipy import ndimage

from core.errors import StimulusError
from stimuli.distort.distortions import to_gray

TOLERANCE = 0.06  # largest difference of a background pixel from the border color, in any channel
MIN_PLAIN_FRACTION = 0.6  # fraction of the border that must have the background color
# Canny's hysteresis thresholds as fractions of the largest gradient, and the standard deviation of the blur in pixels.
LOW_THRESHOLD, HIGH_THRESHOLD, BLUR_SIGMA = 0.1, 0.2, 2.0


def object_mask(image: np.ndarray) -> np.ndarray:
    """Return an (h, w) bool array that is true on the object.

    The background is all pixels that have the color of the border and are connected to the border. Raise StimulusError
    if the border does not have one predominant color, or if everything is background.
    """
    color = background_color(border_pixels(image))
    if color is None:
        raise StimulusError(
            "the background is not plain: expected an object on a background of one color, but the border of the image has "
            "several"
        )
    similar = np.abs(image - color).max(axis=2) <= TOLERANCE
    regions, _ = ndimage.label(similar)
    border_regions = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    mask = np.asarray(~(np.isin(regions, border_regions) & similar))
    if not mask.any():
        raise StimulusError("the image does not show an object: all of it has the color of its border")
    return mask


def border_pixels(image: np.ndarray) -> np.ndarray:
    """Return the (n, 3) outermost pixels of an image."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def background_color(border: np.ndarray) -> np.ndarray | None:
    """Return the (3,) median color of (n, 3) border pixels in 0..1, or None if too many pixels differ from it."""
    color = np.median(border, axis=0)
    is_plain = (np.abs(border - color).max(axis=1) <= TOLERANCE).mean() >= MIN_PLAIN_FRACTION
    return np.asarray(color) if is_plain else None


def silhouette(image: np.ndarray, level: str, rng: np.random.Generator) -> np.ndarray:
    """Show the object in black on white.

    Args:
        image: (h, w, 3) in 0..1, an object on a plain background.
        level: Not used; silhouettes have a single unnamed condition.
        rng: Not used.

    Returns:
        (h, w), 0 on the object and 1 elsewhere.

    Raises:
        StimulusError: If the background is not plain, or the image does not show an object.
    """
    return np.where(object_mask(image), 0.0, 1.0)


def edges(image: np.ndarray, level: str, rng: np.random.Generator) -> np.ndarray:
    """Show the edges found by Canny's algorithm (1986, IEEE TPAMI 8:679) in black on white, one pixel wide.

    The gray image is blurred with a standard deviation of 2 pixels before its gradient is computed. A pixel belongs to an
    edge if its gradient is larger than those of its neighbors across the edge and exceeds 1/5 of the largest gradient in
    the image. A pixel whose gradient exceeds only 1/10 of the largest gradient belongs to an edge if it is connected to
    a pixel whose gradient exceeds 1/5 of the largest gradient.

    Args:
        image: (h, w, 3) in 0..1.
        level: Not used; edges have a single unnamed condition.
        rng: Not used.

    Returns:
        (h, w), 0 on edges and 1 elsewhere.

    Raises:
        StimulusError: If all pixels have the same gray value.
    """
    g = ndimage.gaussian_filter(to_gray(image), BLUR_SIGMA, mode="nearest")
    vertical, horizontal = ndimage.sobel(g, 0, mode="nearest"), ndimage.sobel(g, 1, mode="nearest")
    gradient = np.hypot(vertical, horizontal)
    if gradient.max() < 1e-9:
        raise StimulusError("the image does not have edges: all pixels have the same gray value")
    direction = np.stack([vertical, horizontal]) / np.maximum(gradient, 1e-12)
    pixels = np.indices(g.shape).astype(float)
    before, after = (
        ndimage.map_coordinates(gradient, pixels + sign * direction, order=1, mode="nearest") for sign in (-1, 1)
    )
    is_ridge = (gradient >= before) & (gradient > after)
    weak, strong = (is_ridge & (gradient > share * gradient.max()) for share in (LOW_THRESHOLD, HIGH_THRESHOLD))
    segments, _ = ndimage.label(weak, structure=np.ones((3, 3)))
    return np.where(np.isin(segments, np.unique(segments[strong])) & weak, 0.0, 1.0)
