"""Objects of the microcosm between two categories: shapes blended by their distance to the outline, and textures mixed.

w is the share of the second category. The signed distance to the outline of the blend is (1 − w) of that of the first shape
and w of that of the second (Cohen-Or et al. 1998), so that the outline moves from one to the other; the patterns and the
marks on the objects are mixed with the same shares. At 0 and 1 it is an object of one category, as in the microcosm.
"""

import numpy as np
from scipy import ndimage

from stimuli import microcosm
from stimuli.glyphs import Shape

SOFT = 0.6  # pixels over which the outline of a blend fades


def blended(one: Shape, other: Shape, w: float) -> Shape:
    """The shape between two."""
    distance = (1 - w) * _distance(one.silhouette) + w * _distance(other.silhouette)
    silhouette = 1 / (1 + np.exp(-distance / SOFT))
    details = ((1 - w) * one.details + w * other.details) * (silhouette > 0.5)
    return Shape(f"{one.name}+{other.name}", f"{one.category}+{other.category}", silhouette, details)


def draw(one: Shape, other: Shape, w: float, rng: np.random.Generator) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: an object between two."""
    shape = one if w == 0 else other if w == 1 else blended(one, other, w)
    return microcosm.draw(shape, one.category, rng, mixed=(other.category, w))


def _distance(silhouette: np.ndarray) -> np.ndarray:
    """Pixels to the outline, above 0 inside."""
    inside = silhouette > 0.5
    return np.asarray(ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside))
