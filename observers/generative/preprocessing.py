"""Preprocess images for generative models: crop the central square and resize it."""

from typing import Any

import numpy as np
import torch
from PIL import Image

from observers.protocol import ObserverError

MAX_SAMPLE_SIZE = 1024  # elements per side of the network's input, according to its config.json


def read_sample_size(network: Any, model_name: str) -> int:
    """Return the sample_size in the network's config.json, the number of elements per side of its input.

    Raises:
        ObserverError: If the value is not a valid size.
    """
    size = getattr(network.config, "sample_size", None)
    if type(size) is not int or not 1 <= size <= MAX_SAMPLE_SIZE:
        raise ObserverError(
            f"{model_name}: its config.json has the sample_size {size!r}: expected a whole number from 1 to "
            f"{MAX_SAMPLE_SIZE}; download the file again"
        )
    return size


def check_multiple(size: int, step: int, model_name: str) -> int:
    """Return the size of an image in pixels per side, which must be a multiple of `step` pixels.

    Raises:
        ObserverError: If it is not.
    """
    if size % step or size < step:
        raise ObserverError(f"{model_name}: the size {size} must be a multiple of {step} pixels")
    return size


def crop_and_resize(pixels: np.ndarray, size: int) -> torch.Tensor:
    """Crop the central square of an image and resize it by bicubic interpolation.

    Args:
        pixels: The image, (height, width, 3) uint8.
        size: Pixels per side of the result.

    Returns:
        The image, (3, size, size) float32 in −1..1.
    """
    height, width = pixels.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    image = Image.fromarray(pixels[top : top + side, left : left + side])
    if side != size:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(image, dtype=np.float32)).permute(2, 0, 1).contiguous() / 127.5 - 1
