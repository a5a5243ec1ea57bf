"""The response grid: where each choice is on the screen, and which choice a click or a key press selects."""

import math
from collections.abc import Sequence

from attrs import frozen

from observers.people.screens.screen import Click, Key
from stimuli.categories import CATEGORIES

# The order of the choices in Geirhos et al. (2018), column by column, each from top to bottom.
PUBLISHED_ORDER = (
    "knife", "airplane", "keyboard", "elephant", "bicycle", "clock", "oven", "chair",
    "bear", "boat", "cat", "bottle", "truck", "car", "bird", "dog",
)  # fmt: skip
CELL_SIZE, GAP = (
    129 / 224,
    10 / 224,
)  # fractions of the side of an image; in Geirhos et al. (2018), cell, gap and image have 129, 10 and 224 pixels
# The keys of a keyboard, row by row; a grid with fewer columns uses the first keys of each row.
KEY_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl;", "zxcvbnm,./")


@frozen
class ChoiceCell:
    """The square of one choice on the response grid.

    `x` and `y` are the center of the square and `side` is its width and height, all in pixels. `key` is the name of the key
    that selects the choice; it is empty if the keyboard has too few keys.
    """

    choice: str
    x: float
    y: float
    side: float
    key: str

    def contains(self, click: Click) -> bool:
        """Return whether a click is inside the square."""
        return abs(click.x - self.x) <= self.side / 2 and abs(click.y - self.y) <= self.side / 2


def response_grid(choices: Sequence[str], image_side: float) -> tuple[ChoiceCell, ...]:
    """Return the K cells of K choices, in the order of the choices, for images of `image_side` pixels.

    The sixteen categories have their published positions. Two choices are placed side by side. Other choices fill an
    approximately square grid column by column. A grid with more than four rows or columns is scaled down to the size of a
    grid of four by four.
    """
    order = PUBLISHED_ORDER if set(choices) == set(CATEGORIES) else tuple(choices)
    n_rows = 1 if len(order) == 2 else math.ceil(math.sqrt(len(order)))
    n_columns = math.ceil(len(order) / n_rows)
    if n_rows % 2 and n_columns % 2:  # the pointer starts at the center, where there must be no choice
        n_rows += 1
        n_columns = math.ceil(len(order) / n_rows)
    side, step = CELL_SIZE * image_side, (CELL_SIZE + GAP) * image_side
    shrink = min(1.0, 4 / max(n_rows, n_columns))
    cells = {}
    for i, choice in enumerate(order):
        column, row = divmod(i, n_rows)
        x, y = (column - (n_columns - 1) / 2) * step * shrink, ((n_rows - 1) / 2 - row) * step * shrink
        cells[choice] = ChoiceCell(choice, x, y, side * shrink, _key_name(row, column, len(order)))
    return tuple(cells[choice] for choice in choices)


def _key_name(row: int, column: int, n_choices: int) -> str:
    """Return the key for a position in the grid, or an empty text if the keyboard has no key for it."""
    if n_choices == 2:
        return ("left", "right")[column]
    return KEY_ROWS[row][column] if row < len(KEY_ROWS) and column < len(KEY_ROWS[row]) else ""


def choice_for_event(cells: Sequence[ChoiceCell], event: Click | Key) -> str | None:
    """Return the choice that a click or a key press selects, or None if it selects no choice."""
    for cell in cells:
        if cell.contains(event) if isinstance(event, Click) else (cell.key != "" and cell.key == event.name):
            return cell.choice
    return None
