"""Open image files safely, as (height, width, 3) uint8 sRGB.

Files may come from anyone: only PNG and JPEG are decoded, and only up to MAX_PIXELS.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stimuli.atomic import write_atomically
from stimuli.errors import StimulusError

FORMATS = ("PNG", "JPEG")
SUFFIXES = (".png", ".jpg", ".jpeg")
UNSUPPORTED_SUFFIXES = (
    ".bmp",
    ".gif",
    ".heic",
    ".tif",
    ".tiff",
    ".webp",
)  # images as well: in a folder they are said, not passed over
MAX_PIXELS = 50_000_000
MIN_SIDE, MAX_SIZE = 8, 4096  # pixels a side of what is made
SLACK = 1e-6  # by which rounding may leave 0..1


def open_image(path: Path) -> np.ndarray:
    """The image at `path` as (height, width, 3) uint8 sRGB, its EXIF orientation applied, a color profile not.

    Gray becomes three equal channels. Raises StimulusError for what is missing, no PNG or JPEG, damaged, larger than
    MAX_PIXELS, deeper than 8 bits, in CMYK, or see-through (its background would be up to whoever shows it).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have a limit of our own
            opened = Image.open(path, formats=FORMATS)
        with opened as image:
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


def open_source_image(path: Path) -> np.ndarray:
    """The image to make a stimulus of: as `open_image`, and of MIN_SIDE pixels a side at least. Raises StimulusError."""
    pixels = open_image(path)
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise StimulusError(
            f"{path} has {pixels.shape[1]} × {pixels.shape[0]} pixels: expected {MIN_SIDE} a side at least"
        )
    return pixels


def _is_deep_png(path: Path) -> bool:
    """More than 8 bits a channel, which Pillow would cut down without a word where the image has colors."""
    with open(path, "rb") as file:
        head = file.read(25)
    return head.startswith(b"\x89PNG") and head[24] > 8


def save_image(pixels: np.ndarray, path: Path, compress_level: int = 6) -> None:
    """Write (height, width, 3) or gray (height, width) uint8 pixels as a PNG, making its folder; whole or not at all."""
    assert pixels.dtype == np.uint8 and pixels.shape[2:] in ((), (3,))
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", compress_level=compress_level)
    write_atomically(path, content.getvalue())


def check_float_image(found: object, shapes: Sequence[tuple[int, ...]], who: str) -> np.ndarray:
    """What a function gave, if it is floats in 0..1 of one of `shapes`. Raises StimulusError, which names `who` gave it."""
    expected = f"expected floats in 0..1 of the shape {' or '.join(map(str, shapes))}"
    if not isinstance(found, np.ndarray):
        raise StimulusError(f"{who} gave {type(found).__name__}: {expected}")
    if found.shape not in shapes or found.dtype.kind != "f":
        raise StimulusError(f"{who} gave {found.dtype} of the shape {found.shape}: {expected}")
    low, high = found.min(), found.max()
    if not (low >= -SLACK and high <= 1 + SLACK):  # nor where one is NaN
        raise StimulusError(f"{who} gave values from {low:g} to {high:g}: {expected}")
    return found if low >= 0 and high <= 1 else np.asarray(np.clip(found, 0, 1))


def to_uint8(image: np.ndarray, *, truncate: bool = False) -> np.ndarray:
    """0..1 -> uint8, 255 x rounded, or cut off if `truncate`."""
    scaled = 255 * image
    return np.asarray(np.floor(scaled) if truncate else np.rint(scaled), np.uint8)


def check_size(size: int | None) -> None:
    """Raises StimulusError for pixels a side that no stimulus has; None is as it is."""
    if size is not None and not MIN_SIDE <= size <= MAX_SIZE:
        raise StimulusError(f"the size must be {MIN_SIDE} to {MAX_SIZE} pixels, got {size}")


def center_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) uint8: the middle square of an image, resized by Lanczos' filter."""
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    image = Image.fromarray(pixels[top : top + side, left : left + side])
    return np.asarray(image if side == size else image.resize((size, size), Image.Resampling.LANCZOS))
