"""Icons for the choices on the response grid, from free icon fonts; a choice without an icon is shown as text."""

from functools import cache

import numpy as np
from PIL import Image

from stimuli.draw.glyphs import render_glyph

ICONS = {
    "airplane": "fa:plane", "bear": "mdi:teddy_bear", "bicycle": "mdi:bicycle", "bird": "fa:crow", "boat": "mdi:sail_boat",
    "bottle": "mdi:bottle_wine", "car": "mdi:car_side", "cat": "fa:cat", "chair": "fa:chair", "clock": "mdi:clock_outline",
    "dog": "fa:dog", "elephant": "mdi:elephant", "keyboard": "fa:keyboard", "knife": "mdi:knife", "oven": "mdi:stove",
    "truck": "fa:truck",
}  # fmt: skip
SIDE = 256  # width and height of an icon, in pixels
ICON_FRACTION = 0.8  # longer side of the drawing on an icon, as a fraction of SIDE
BOX_GRAY = 235  # gray level (0..255) of the box behind the drawing


@cache
def draw_icon(choice: str) -> np.ndarray | None:
    """Return the icon of a choice, or None for a choice without an icon.

    The icon is a dark drawing on a light box, as a uint8 array of shape (SIDE, SIDE, 3), which must not be changed.
    """
    if choice not in ICONS:
        return None
    ink = _fit_to_square(render_glyph(ICONS[choice], 2 * SIDE))
    return np.repeat(np.round(BOX_GRAY * (1 - ink)).astype(np.uint8)[..., None], 3, axis=2)


def _fit_to_square(ink: np.ndarray) -> np.ndarray:
    """Crop a drawing (0..1) to its ink, scale it to the size that all drawings have, and center it on SIDE × SIDE pixels."""
    rows, columns = np.nonzero(ink.any(1))[0], np.nonzero(ink.any(0))[0]
    cropped = np.round(255 * ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).astype(np.uint8)
    scale = ICON_FRACTION * SIDE / max(cropped.shape)
    scaled = Image.fromarray(cropped).resize((round(cropped.shape[1] * scale), round(cropped.shape[0] * scale)))
    canvas = Image.new("L", (SIDE, SIDE), 0)
    canvas.paste(scaled, ((SIDE - scaled.width) // 2, (SIDE - scaled.height) // 2))
    return np.asarray(canvas) / 255
