"""Shapes from icons: what an icon's ink is of, and glyphs of the icon fonts that packages carry.

Ink is (n, n) float64 in 0..1. A Shape has the object's silhouette and the lines and holes on it, which an icon shows as
gaps in its ink, or, where it is drawn in lines only, as its ink.
Fonts: Material Design Icons 7 (Apache-2.0), Font Awesome Free 6 (SIL OFL 1.1).
"""

import importlib
from functools import cache

import numpy as np
from attrs import field, frozen
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from stimuli.errors import UnknownName

SIDE = 96  # pixels of a shape
FONTS = {"mdi": ("fonticon_mdi7.mdi7", "MDI7"), "fa": ("fonticon_fa6.fa6s", "FA6S")}
LINES = 0.55  # ink in less than this share of the filled outline: drawn in lines
SMALL = 0.05  # of the outline: a hole up to this size is a detail on the object, a larger one is not object


@frozen(eq=False)
class Shape:
    name: str  # set:icon
    category: str
    silhouette: np.ndarray = field(
        repr=False
    )  # (SIDE, SIDE) float64 in 0..1, the longer side of its box as long as SIDE
    details: np.ndarray = field(repr=False)  # the same, of marks on it


def glyph(name: str, side: int = 256) -> np.ndarray:
    """(side, side) ink of `mdi:cat` or `fa:cat`. Raises UnknownName."""
    font, _, icon = name.partition(":")
    if font not in FONTS:
        raise UnknownName("icon font", font, FONTS)
    known = _font(font)
    if not isinstance(known.get(icon), str):
        raise UnknownName(f"icon of {font}", icon, [key for key in known if not key.startswith("_")])
    board = Image.new("L", (side, side), 0)
    letters = ImageFont.truetype(known["__font_file__"], round(0.7 * side))
    ImageDraw.Draw(board).text((side / 2, side / 2), known[icon][-1], 255, letters, anchor="mm")
    return np.asarray(board) / 255


@cache
def _font(font: str) -> dict[str, str]:
    """Letters of a font by the names of icons, and its file."""
    module, name = FONTS[font]
    return dict(vars(getattr(importlib.import_module(module), name)))


def shape_of(ink: np.ndarray, name: str, category: str) -> Shape | None:
    """The shape that an icon's ink shows; None where it shows nothing."""
    dark = ink > 0.5
    outline = ndimage.binary_fill_holes(dark)
    if outline.sum() < 0.02 * ink.size:
        return None
    if dark.sum() < LINES * outline.sum():
        gaps = outline & ~dark
        within = ndimage.binary_fill_holes(ndimage.binary_closing(gaps, iterations=max(1, ink.shape[0] // 24)))
        inside, marks = outline, dark & within  # not the line around it
    else:
        parts, n = ndimage.label(outline & ~dark)
        sizes = np.bincount(parts.ravel(), minlength=n + 1)
        small = (sizes <= SMALL * outline.sum()) & (np.arange(n + 1) > 0)
        marks = small[parts]
        inside = dark | marks
    rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Shape(name, category, _fitted(inside[box]), _fitted(marks[box]))


def _fitted(plane: np.ndarray) -> np.ndarray:
    """In the middle of (SIDE, SIDE), its longer side SIDE."""
    height, width = plane.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smooth = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    small = Image.fromarray(np.asarray(255 * plane, np.uint8)).resize(size, smooth)
    board = Image.new("L", (SIDE, SIDE), 0)
    board.paste(small, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(board) / 255
