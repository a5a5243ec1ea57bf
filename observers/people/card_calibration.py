"""How wide the picture on a monitor is, by a bank card held against it."""

from observers.people.monitor import CARD_CM
from observers.people.screen import OutlineItem, Scene, Screen, TextItem

STEPS = {"left": -1, "right": 1, "down": -10, "up": 10}  # pixels
CARD_RATIO = 5.398 / 8.56  # ISO/IEC 7810 ID-1
GRAY = 0.6


def measured_width(screen: Screen) -> float:
    """Width of the picture in cm: arrow keys make a box as large as a card, then Enter. Escape raises KeyboardInterrupt."""
    width, height = screen.size
    side = width / 6.0  # about a card on most screens
    line = height / 40
    while True:
        text = (
            "Hold a bank card against the box.", "Left and right: its width by one pixel; down and up: by ten.",
            "Enter when it is as large as the card.",
        )  # fmt: skip
        words = tuple(TextItem(said, 0, height / 2 - (2 + 1.6 * i) * line, line) for i, said in enumerate(text))
        flip = screen.flip(Scene(GRAY, (*words, OutlineItem(0, 0, side, side * CARD_RATIO))))
        for key in flip.keys:
            if key.name == "escape":
                raise KeyboardInterrupt
            if key.name == "return":
                return width * CARD_CM / side
            side = min(max(side + STEPS.get(key.name, 0), 10.0), float(width))
