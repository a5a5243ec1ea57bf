"""Open image files safely as arrays, and save arrays as PNG files.

Conventions: pixel arrays are `(height, width, 3)` uint8 in sRGB; images in computation are floats in 0..1.
Image files may come from any source, so only PNG and JPEG are decoded, and only up to MAX_PIXELS.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from core.atomic import write_atomically
from core.errors import StimulusError

FORMATS = ("PNG", "JPEG")
# The exceptions that Pillow raises for damaged files. Metadata, such as EXIF, cause most kinds of them.
DECODING_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, AttributeError, struct.error,
    zlib.error, Image.DecompressionBombError,
)  # fmt: skip
MAX_PIXELS = 50_000_000
MIN_SIDE, MAX_SIZE = 8, 4096  # smallest and largest side of a generated stimulus, in pixels
TOLERANCE = 1e-6  # rounding error by which a float image may exceed 0..1


def open_image(path: Path) -> np.ndarray:
    """Decode a PNG or JPEG file.

    The EXIF orientation is applied and the color profile is ignored, for all observers alike. A gray image is returned with
    three equal channels. Of a JPEG file with several pictures, as some cameras write them, the first is returned. Partly
    transparent images are refused because their appearance would depend on the background behind them.

    Args:
        path: The image file.

    Returns:
        The image, `(height, width, 3)` uint8 sRGB.

    Raises:
        StimulusError: If the file is missing, damaged, not a regular file, neither PNG nor JPEG, larger than MAX_PIXELS,
            deeper than 8 bits per channel, animated, in the CMYK or LAB color space, or partly transparent.
    """
    if path.exists() and not path.is_file():  # opening a FIFO would wait forever
        raise StimulusError(f"{path} is not a file but a folder or a special file: expected a PNG or JPEG image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS is checked below
            warnings.simplefilter("ignore", UserWarning)  # Pillow warns of metadata that it cannot read
            opened = Image.open(path, formats=FORMATS)
            with opened as image:
                return _to_rgb(image, path)
    except FileNotFoundError:
        raise StimulusError(f"the image {path} does not exist") from None
    except UnidentifiedImageError:
        raise StimulusError(f"{path} is not a PNG or JPEG image, or is damaged") from None
    except DECODING_ERRORS as error:
        reason = str(error) or type(error).__name__
        raise StimulusError(f"the image {path} cannot be read ({reason}): save it again as PNG") from None


def _to_rgb(image: Image.Image, path: Path) -> np.ndarray:
    """Return the pixels of an opened image, after the checks of `open_image`. Raises StimulusError and DECODING_ERRORS."""
    if image.width * image.height > MAX_PIXELS:
        raise StimulusError(
            f"{path} has {image.width} × {image.height} pixels, more than the maximum of {MAX_PIXELS:,}; "
            f"save a smaller version"
        )
    if _is_deep(image):
        raise StimulusError(f"{path} has more than 8 bits per channel; save it as an 8-bit PNG")
    if image.mode in ("CMYK", "LAB"):
        raise StimulusError(f"{path} is in the color space {image.mode}; save it in sRGB")
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise StimulusError(f"{path} is animated; save the picture to be shown as a separate PNG")
    upright = ImageOps.exif_transpose(image)
    if "A" in upright.getbands() or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        if upright.getchannel("A").getextrema() != (255, 255):
            raise StimulusError(f"{path} is partly transparent; flatten it onto the background to be shown")
    return np.asarray(upright.convert("RGB"))


def open_source_image(path: Path) -> np.ndarray:
    """Open an image from which a stimulus is made; it needs at least MIN_SIDE pixels per side.

    Raise StimulusError if the image is smaller or cannot be opened by `open_image`.
    """
    pixels = open_image(path)
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise StimulusError(
            f"{path} has {pixels.shape[1]} × {pixels.shape[0]} pixels, expected at least {MIN_SIDE} per side"
        )
    return pixels


def _is_deep(image: Image.Image) -> bool:
    """Return whether an image that has not been decoded yet has more than 8 bits per channel.

    The mode of a color image is RGB even if its file has 16 bits per channel, which Pillow reduces to 8 without a warning.
    The raw mode of its data, such as `RGB;16B`, shows the depth.
    """
    tiles = getattr(image, "tile", ())  # (codec, extents, offset, raw mode)
    return image.mode.startswith(("I", "F")) or any(";16" in str(tile[3]) for tile in tiles)


def save_image(pixels: np.ndarray, path: Path, compress_level: int = 6) -> None:
    """Write `(height, width, 3)` or gray `(height, width)` uint8 pixels as a PNG file, atomically.

    Missing folders are created. `compress_level` is that of zlib, from 0 (fastest) to 9 (smallest file).
    """
    assert pixels.dtype == np.uint8 and pixels.shape[2:] in ((), (3,))
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="PNG", compress_level=compress_level)
    write_atomically(path, content.getvalue())


def check_float_image(image: object, shapes: Sequence[tuple[int, ...]], source: str) -> np.ndarray:
    """Check that a user's function has returned a float array in 0..1 with one of the `shapes`, and return this array.

    Values outside 0..1 by no more than TOLERANCE are clipped. `source` names the function in the error message. Raise
    StimulusError if the type, data type, shape or range of values is not as required, or if a value is NaN.
    """
    expected = f"expected floats in 0..1 of the shape {' or '.join(map(str, shapes))}"
    if not isinstance(image, np.ndarray):
        raise StimulusError(f"{source} gave {type(image).__name__}: {expected}")
    if image.shape not in shapes or image.dtype.kind != "f":
        raise StimulusError(f"{source} gave {image.dtype} of the shape {image.shape}: {expected}")
    low, high = image.min(), image.max()
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # written with `not`, so that it is true for NaN
        raise StimulusError(f"{source} gave values from {low:g} to {high:g}: {expected}")
    return image if low >= 0 and high <= 1 else np.asarray(np.clip(image, 0, 1))


def to_uint8(image: np.ndarray, *, truncate: bool = False) -> np.ndarray:
    """Convert floats in 0..1 to uint8: 255 times the value, rounded to the nearest integer or truncated."""
    scaled = 255 * image
    return np.asarray(np.floor(scaled) if truncate else np.rint(scaled), np.uint8)


def check_size(size: int | None) -> None:
    """Raise StimulusError if a side length in pixels lies outside MIN_SIDE..MAX_SIZE; None (keep the size) is accepted."""
    if size is not None and not MIN_SIDE <= size <= MAX_SIZE:
        raise StimulusError(f"the size must be {MIN_SIDE} to {MAX_SIZE} pixels, got {size}")


def center_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Crop the central square of an image and resize it to `(size, size, 3)` uint8 with a Lanczos filter."""
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    image = Image.fromarray(pixels[top : top + side, left : left + side])
    return np.asarray(image if side == size else image.resize((size, size), Image.Resampling.LANCZOS))
