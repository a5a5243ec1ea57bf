"""Where the choices are on the screen after an image, and which one a click or a key means."""

import math
from collections.abc import Sequence

from attrs import frozen

from observers.people.screen import Click, Key
from stimuli.categories import CATEGORIES

# Column by column, from the top: the order of Geirhos et al. (2018).
PUBLISHED = (
    "knife", "airplane", "keyboard", "elephant", "bicycle", "clock", "oven", "chair",
    "bear", "boat", "cat", "bottle", "truck", "car", "bird", "dog",
)  # fmt: skip
ICON, GAP = 129 / 224, 10 / 224  # of the side of an image, as published
# Keys row by row; a grid of other width takes the first ones of each row.
KEYS = ("1234567890", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./")


@frozen
class ChoiceCell:
    choice: str
    x: float
    y: float
    side: float
    key: str  # "" where there is none

    def holds(self, click: Click) -> bool:
        return abs(click.x - self.x) <= self.side / 2 and abs(click.y - self.y) <= self.side / 2


def grid(choices: Sequence[str], image: float) -> tuple[ChoiceCell, ...]:
    """Cells of K choices for images of `image` pixels a side, aligned with the choices; in all about as wide as high.

    The sixteen categories lie as published, two choices side by side; others column by column in their order.
    """
    shown = PUBLISHED if set(choices) == set(CATEGORIES) else tuple(choices)
    n_rows = 1 if len(shown) == 2 else math.ceil(math.sqrt(len(shown)))
    n_columns = math.ceil(len(shown) / n_rows)
    if n_rows % 2 and n_columns % 2:  # the pointer begins in the middle, where no choice may be
        n_rows += 1
        n_columns = math.ceil(len(shown) / n_rows)
    # As published up to the four by four; a larger grid is no larger in all.
    side, step = ICON * image, (ICON + GAP) * image
    shrink = min(1.0, 4 / max(n_rows, n_columns))
    cells = {}
    for i, choice in enumerate(shown):
        column, row = divmod(i, n_rows)
        x, y = (column - (n_columns - 1) / 2) * step * shrink, ((n_rows - 1) / 2 - row) * step * shrink
        cells[choice] = ChoiceCell(choice, x, y, side * shrink, _key(row, column, len(shown)))
    return tuple(cells[choice] for choice in choices)


def _key(row: int, column: int, n: int) -> str:
    if n == 2:
        return ("left", "right")[column]
    return KEYS[row][column] if row < len(KEYS) and column < len(KEYS[row]) else ""


def meant(cells: Sequence[ChoiceCell], event: Click | Key) -> str | None:
    """The choice that a click or a key stands for; None where it stands for none."""
    for cell in cells:
        if cell.holds(event) if isinstance(event, Click) else (cell.key != "" and cell.key == event.name):
            return cell.choice
    return None
