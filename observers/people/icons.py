"""Icons of choices on the response grid, from free icon fonts; a choice without one is shown as its word."""

import numpy as np
from PIL import Image

from stimuli.glyphs import glyph

ICONS = {
    "airplane": "fa:plane", "bear": "mdi:teddy_bear", "bicycle": "mdi:bicycle", "bird": "fa:crow", "boat": "mdi:sail_boat",
    "bottle": "mdi:bottle_wine", "car": "mdi:car_side", "cat": "fa:cat", "chair": "fa:chair", "clock": "mdi:clock_outline",
    "dog": "fa:dog", "elephant": "mdi:elephant", "keyboard": "fa:keyboard", "knife": "mdi:knife", "oven": "mdi:stove",
    "truck": "fa:truck",
}  # fmt: skip
SIDE = 256
FILLED = 0.8  # of the side, by the longer side of the ink
PAPER = 235  # gray of the box that an icon is in


def icon(choice: str) -> np.ndarray | None:
    """(SIDE, SIDE, 3) uint8, dark on light; None where the choice has none."""
    if choice not in ICONS:
        return None
    ink = _fitted(glyph(ICONS[choice], 2 * SIDE))
    return np.repeat(np.round(PAPER * (1 - ink)).astype(np.uint8)[..., None], 3, axis=2)


def _fitted(ink: np.ndarray) -> np.ndarray:
    """Its inked part in the middle of (SIDE, SIDE), as large as that of the other icons."""
    rows, columns = np.nonzero(ink.any(1))[0], np.nonzero(ink.any(0))[0]
    part = np.round(255 * ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).astype(np.uint8)
    scale = FILLED * SIDE / max(part.shape)
    small = Image.fromarray(part).resize((round(part.shape[1] * scale), round(part.shape[0] * scale)))
    board = Image.new("L", (SIDE, SIDE), 0)
    board.paste(small, ((SIDE - small.width) // 2, (SIDE - small.height) // 2))
    return np.asarray(board) / 255
