"""Images as generative models take them: square, of the size they were trained at."""

from typing import Any

import numpy as np
import torch
from PIL import Image

from observers.protocol import ObserverError

MAX_TRAINED = 1024  # of a config.json; elements a side of what the network sees


def trained_size(network: Any, who: str) -> int:
    """What its config.json calls sample_size. Raises ObserverError where that is no size."""
    found = getattr(network.config, "sample_size", None)
    if type(found) is not int or not 1 <= found <= MAX_TRAINED:
        raise ObserverError(
            f"{who}: its config.json has the sample_size {found!r}: expected a whole number up to {MAX_TRAINED}; get it anew"
        )
    return found


def square(pixels: np.ndarray, size: int) -> torch.Tensor:
    """(height, width, 3) uint8 -> (3, size, size) float32 in −1..1: the middle square, resized bicubically."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    image = Image.fromarray(pixels[top : top + side, left : left + side])
    if side != size:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(image, dtype=np.float32)).permute(2, 0, 1).contiguous() / 127.5 - 1
