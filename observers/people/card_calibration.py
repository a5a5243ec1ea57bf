"""Measure the width of a screen with a bank card, because all bank cards have the same size."""

from observers.people.monitor import CARD_CM
from observers.people.screens.screen import OutlineItem, Scene, Screen, TextItem

STEPS = {"left": -1, "right": 1, "down": -10, "up": 10}  # change of the width of the box per key press, in pixels
CARD_RATIO = 5.398 / 8.56  # height divided by width (ISO/IEC 7810 ID-1)
GRAY = 0.6
INSTRUCTIONS = (
    "Hold a bank card against the box. Make the box as large as the card:",
    "left and right arrow keys change its width by 1 pixel, up and down by 10.",
    "Press Enter when the box and the card have the same size.",
)


def measure_width(screen: Screen) -> float:
    """Return the width of the visible area of the screen in cm.

    The user changes the size of a box with the arrow keys until it is as large as a bank card, then presses Enter. Raises
    KeyboardInterrupt if Escape is pressed.
    """
    width, height = screen.size
    box_width = width / 6.0  # roughly the size of a card on most screens
    line = height / 40
    text_items = tuple(
        TextItem(text, 0, height / 2 - (2 + 1.6 * i) * line, line) for i, text in enumerate(INSTRUCTIONS)
    )
    while True:
        flip = screen.flip(Scene(GRAY, (*text_items, OutlineItem(0, 0, box_width, box_width * CARD_RATIO))))
        for key in flip.keys:
            if key.name == "escape":
                raise KeyboardInterrupt
            if key.name == "return":
                return width * CARD_CM / box_width
            box_width = min(max(box_width + STEPS.get(key.name, 0), 10.0), float(width))
