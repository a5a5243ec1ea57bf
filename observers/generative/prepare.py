"""Images as generative models take them: square, of the size they were trained at."""

import numpy as np
import torch
from PIL import Image


def square(pixels: np.ndarray, size: int) -> torch.Tensor:
    """(height, width, 3) uint8 -> (3, size, size) float32 in −1..1: the middle square, resized bicubically."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    image = Image.fromarray(pixels[top : top + side, left : left + side])
    if side != size:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(image, dtype=np.float32)).permute(2, 0, 1).contiguous() / 127.5 - 1
