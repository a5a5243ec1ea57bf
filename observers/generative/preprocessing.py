"""Preprocess images for generative models: crop the central square and resize it, or resize and crop as for ImageNet
models.

The two are the same for a square image whose side is shorter than twice the size that the model needs, such as an image
of 224 pixels for a model of 256 pixels.
"""

from typing import Any

import numpy as np
import torch
from PIL import Image

from observers.protocol import ObserverError
from stimuli.images import MAX_PIXELS

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


def resize_and_crop(pixels: np.ndarray, size: int) -> torch.Tensor:
    """Resize an image and crop its central square, as in the training of ADM, DiT and EDM (Dhariwal & Nichol 2021).

    As long as the shorter side is at least twice the size of the result, blocks of 2 × 2 pixels are averaged; then the
    shorter side is resized to `size` by bicubic interpolation, and the central square is cropped.

    Args:
        pixels: The image, (height, width, 3) uint8.
        size: Pixels per side of the result.

    Returns:
        The image, (3, size, size) float32 in −1..1.

    Raises:
        ObserverError: If the image is so narrow that it would have more than MAX_PIXELS pixels before it is cropped.
    """
    image = Image.fromarray(pixels)
    if size * size * max(image.size) > MAX_PIXELS * min(image.size):
        raise ObserverError(
            f"an image of {image.width} × {image.height} pixels is too narrow to be resized to {size} pixels and cropped: "
            f"crop it to a square"
        )
    while min(image.size) >= 2 * size:
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
    if min(image.size) != size:
        scale = size / min(image.size)
        resized = round(image.width * scale), round(image.height * scale)
        image = image.resize(resized, Image.Resampling.BICUBIC)
    left, top = (image.width - size) // 2, (image.height - size) // 2
    image = image.crop((left, top, left + size, top + size))
    return torch.from_numpy(np.asarray(image, dtype=np.float32)).permute(2, 0, 1).contiguous() / 127.5 - 1
