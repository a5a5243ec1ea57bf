"""Objects of the microcosm between two categories: blended shapes with mixed textures.

The weight w is the share of the second category. The signed distance to the outline of a blended shape is (1 − w) times
that of the first shape plus w times that of the second (Cohen-Or et al. 1998), so the outline moves gradually from one
shape to the other. Surface textures and details of the objects are mixed with the same weights. With w = 0 or w = 1 the
result is an object of one category, as in the microcosm.
"""

import numpy as np
from scipy import ndimage

from stimuli.draw import microcosm
from stimuli.draw.glyphs import Shape

EDGE_WIDTH = 0.6  # pixels over which the outline of a blended shape fades


def blend_shapes(first: Shape, second: Shape, w: float) -> Shape:
    """Blend two shapes; `w` (0 to 1) is the weight of the second one."""
    distance = (1 - w) * _signed_distance(first.silhouette) + w * _signed_distance(second.silhouette)
    silhouette = 1 / (1 + np.exp(-distance / EDGE_WIDTH))
    details = ((1 - w) * first.details + w * second.details) * (silhouette > 0.5)
    return Shape(f"{first.name}+{second.name}", f"{first.category}+{second.category}", silhouette, details)


def draw(first: Shape, second: Shape, w: float, rng: np.random.Generator) -> np.ndarray:
    """Draw an object whose shape and texture are a blend of two categories, as a `(SIZE, SIZE, 3)` uint8 image.

    `w` (0 to 1) is the weight of the second category.
    """
    shape = first if w == 0 else second if w == 1 else blend_shapes(first, second, w)
    return microcosm.draw_image(shape, first.category, rng, second_texture=(second.category, w))


def _signed_distance(silhouette: np.ndarray) -> np.ndarray:
    """Return the distance of every pixel to the outline, in pixels: positive inside and negative outside the shape."""
    inside = silhouette > 0.5
    return np.asarray(ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside))
