"""Object shapes extracted from icons, and the glyphs of the icon fonts that are installed as Python packages.

Ink is an (n, n) float64 array in 0..1 that is 1 where the icon is drawn. A `Shape` consists of the object's silhouette
and of its details, the lines and holes on the object. A filled icon shows details as gaps in its ink; an icon drawn in
outline shows them as ink.

Fonts: Material Design Icons 7 (Apache-2.0), Font Awesome Free 6 (SIL OFL 1.1).
"""

import importlib
from functools import cache

import numpy as np
from attrs import field, frozen
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from core.errors import UnknownName

SIDE = 96  # pixels per side of a Shape
FONTS = {"mdi": ("fonticon_mdi7.mdi7", "MDI7"), "fa": ("fonticon_fa6.fa6s", "FA6S")}
# An icon counts as drawn in outline if its ink covers less than this fraction of its filled outline.
OUTLINE_ICON_INK = 0.55
LARGEST_DETAIL = 0.05  # fraction of the filled outline: a larger hole is background, a smaller one is a detail


@frozen(eq=False)
class Shape:
    """The silhouette of an object and the details on it.

    Attributes:
        name: `FONT:ICON`, for example `mdi:cat`.
        category: The category of the object.
        silhouette: (SIDE, SIDE) float64 in 0..1. The longer side of the bounding box is SIDE pixels long.
        details: (SIDE, SIDE) float64 in 0..1, the lines and holes on the object.
    """

    name: str
    category: str
    silhouette: np.ndarray = field(repr=False)
    details: np.ndarray = field(repr=False)


def render_glyph(name: str, side: int = 256) -> np.ndarray:
    """Return the ink of a glyph of an icon font.

    Args:
        name: `FONT:ICON`, for example `mdi:cat` or `fa:cat`.
        side: Width and height of the result in pixels.

    Returns:
        (side, side) float64 in 0..1.

    Raises:
        UnknownName: If the font or the icon does not exist.
    """
    font, _, icon = name.partition(":")
    if font not in FONTS:
        raise UnknownName("icon font", font, FONTS)
    characters = _font(font)
    if not isinstance(characters.get(icon), str):
        raise UnknownName(f"icon of {font}", icon, [key for key in characters if not key.startswith("_")])
    canvas = Image.new("L", (side, side), 0)
    typeface = ImageFont.truetype(characters["__font_file__"], round(0.7 * side))
    ImageDraw.Draw(canvas).text((side / 2, side / 2), characters[icon][-1], 255, typeface, anchor="mm")
    return np.asarray(canvas) / 255


@cache
def _font(font: str) -> dict[str, str]:
    """Return a mapping from icon names to the characters of a font; the key `__font_file__` has the file of the font."""
    module, name = FONTS[font]
    return dict(vars(getattr(importlib.import_module(module), name)))


def shape_from_ink(ink: np.ndarray, name: str, category: str) -> Shape | None:
    """Return the shape that the ink of an icon shows, or None if the icon is almost empty."""
    dark = ink > 0.5
    outline = ndimage.binary_fill_holes(dark)
    if outline.sum() < 0.02 * ink.size:
        return None
    if dark.sum() < OUTLINE_ICON_INK * outline.sum():
        gaps = outline & ~dark
        interior = ndimage.binary_fill_holes(ndimage.binary_closing(gaps, iterations=max(1, ink.shape[0] // 24)))
        silhouette, details = outline, dark & interior  # the line that surrounds the object is not a detail
    else:
        holes, n_holes = ndimage.label(outline & ~dark)
        sizes = np.bincount(holes.ravel(), minlength=n_holes + 1)
        is_detail = (sizes <= LARGEST_DETAIL * outline.sum()) & (np.arange(n_holes + 1) > 0)
        details = is_detail[holes]
        silhouette = dark | details
    rows, columns = np.nonzero(silhouette.any(1))[0], np.nonzero(silhouette.any(0))[0]
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Shape(name, category, _resize_to_square(silhouette[box]), _resize_to_square(details[box]))


def _resize_to_square(plane: np.ndarray) -> np.ndarray:
    """Return the plane resized so that its longer side is SIDE, centered in a (SIDE, SIDE) array."""
    height, width = plane.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resampling = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    resized = Image.fromarray(np.asarray(255 * plane, np.uint8)).resize(size, resampling)
    canvas = Image.new("L", (SIDE, SIDE), 0)
    canvas.paste(resized, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas) / 255
