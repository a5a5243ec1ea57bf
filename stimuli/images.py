"""Open image files safely, as (height, width, 3) uint8 sRGB.

Files may come from anyone: only PNG and JPEG are decoded, and only up to MAX_PIXELS.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stimuli.errors import StimulusError

FORMATS = ("PNG", "JPEG")
SUFFIXES = (".png", ".jpg", ".jpeg")
MAX_PIXELS = 50_000_000


def open_image(path: Path) -> np.ndarray:
    """The image at `path` as (height, width, 3) uint8 sRGB, its EXIF orientation applied.

    Gray becomes three equal channels. Raises StimulusError for what is missing, no PNG or JPEG, damaged, larger than
    MAX_PIXELS, deeper than 8 bits, in CMYK, or see-through (its background would be up to whoever shows it).
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise StimulusError(
                    f"{path} has {image.width} × {image.height} pixels; at most {MAX_PIXELS:,} are read"
                )
            if image.mode.startswith(("I", "F")) or _is_deep_png(path):
                raise StimulusError(f"{path} has more than 8 bits a channel; save it as 8-bit PNG")
            if image.mode in ("CMYK", "LAB"):
                raise StimulusError(f"{path} has the colors of print ({image.mode}); save it in sRGB")
            upright = ImageOps.exif_transpose(image)
            if "A" in upright.getbands() or "transparency" in upright.info:
                upright = upright.convert("RGBA")
                if upright.getchannel("A").getextrema() != (255, 255):
                    raise StimulusError(f"{path} is partly transparent; flatten it onto the background to be shown")
            return np.asarray(upright.convert("RGB"))
    except FileNotFoundError:
        raise StimulusError(f"the image {path} does not exist") from None
    except UnidentifiedImageError:
        raise StimulusError(f"{path} is no PNG or JPEG image") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise StimulusError(f"the image {path} cannot be read: {error}") from None


def _is_deep_png(path: Path) -> bool:
    """More than 8 bits a channel, which Pillow would cut down without a word where the image has colors."""
    with open(path, "rb") as file:
        head = file.read(25)
    return head.startswith(b"\x89PNG") and head[24] > 8


def save_image(pixels: np.ndarray, path: Path, compress_level: int = 6) -> None:
    """Write (height, width, 3) or gray (height, width) uint8 pixels as a PNG, making its folder; whole or not at all."""
    assert pixels.dtype == np.uint8 and pixels.shape[2:] in ((), (3,))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    Image.fromarray(pixels).save(partial, format="PNG", compress_level=compress_level)
    partial.replace(path)


def middle_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) uint8: the middle square of an image, resized by Lanczos' filter."""
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    image = Image.fromarray(pixels[top : top + side, left : left + side])
    return np.asarray(image if side == size else image.resize((size, size), Image.Resampling.LANCZOS))
