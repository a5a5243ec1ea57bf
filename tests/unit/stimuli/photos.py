"""Crops of the photographs that scikit-learn includes."""

from functools import cache

import numpy as np
from sklearn.datasets import load_sample_image

SIZES = [(96, 96), (64, 96), (57, 81)]  # height, width


@cache
def sample_image(name):
    return load_sample_image(name)


def photo(name="china.jpg", height=224, width=224, top=60, left=180):
    """Return a crop of a photograph, (height, width, 3) float64 in 0..1."""
    return sample_image(name)[top : top + height, left : left + width] / 255


def photos(height, width):
    """Return crops of two photographs."""
    return [photo("china.jpg", height, width), photo("flower.jpg", height, width, 40, 200)]


def as_uint8(image):
    """Convert an image in 0..1 to uint8."""
    return np.rint(255 * image).astype(np.uint8)
