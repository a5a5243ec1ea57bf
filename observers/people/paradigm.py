"""The paradigm of Geirhos et al. (2018, 2019), frame by frame, on any Screen.

Fixation → image → one blank frame → mask → one blank frame → response grid for a fixed time, in which the last click on a
choice counts → a blank frame, or in practice feedback. A time takes ceil(time · rate) frames, up to a tenth
of one: a screen measured at 60.02 Hz has 60. rt is counted from the frame that shows the
grid. Escape at any frame raises KeyboardInterrupt.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen

from observers.people.grid import ChoiceCell, grid, meant
from observers.people.icons import PAPER, icon
from observers.people.screen import Click, Flip, ImageItem, Item, Key, OutlineItem, Scene, Screen, TextItem
from observers.protocol import Presentation, Response, Trial
from stimuli.masks import pink_mask

# Times of flips in seconds of the screen's clock, frames of the image, and frames that came late up to the grid.
MEASURES = ("onset", "offset", "grid_onset", "n_frames", "n_dropped", "frame_rate")
FEEDBACK = 0.3  # seconds
BEEP = (300.0, 0.25)  # hertz, seconds
FIXATION = 0.1  # of the side of an image
SLACK = 0.1  # of a frame
WIDE = 1.4  # heights of a letter that fit into a cell, a letter of the longest word
LATE = 1.5  # frames: an interval longer than this has dropped one
MASK = 256  # pixels a side; it is shown as large as the image


@frozen(eq=False)
class TrialLayout:
    """What does not change from trial to trial: sizes in pixels, and the choices on the screen."""

    image: float  # the longer side of an image
    cells: tuple[ChoiceCell, ...]
    icons: tuple[Any, ...]  # textures, None where a word is shown
    presentation: Presentation
    keys: bool = False  # are choices made by keys?


@frozen(eq=False)
class PreparedTrial:
    """Textures of a trial."""

    trial: Trial
    image: ImageItem
    mask: ImageItem


def look(
    screen: Screen, choices: Sequence[str], presentation: Presentation, image: float, keys: bool = False
) -> TrialLayout:
    drawings = (icon(choice) for choice in choices)
    textures = tuple(None if drawing is None else screen.load(drawing) for drawing in drawings)
    return TrialLayout(image, grid(choices, image), textures, presentation, keys)


def prepare(screen: Screen, trial: Trial, look: TrialLayout, rng: np.random.Generator) -> PreparedTrial:
    """Load what a trial shows; its mask is drawn anew."""
    pixels = trial.stimulus.pixels()
    height, width = pixels.shape[:2]
    scale = look.image / max(height, width)
    mask = pink_mask(MASK, look.presentation.mask_contrast, rng)
    pictures = (
        ImageItem(screen.load(pixels), 0, 0, width * scale, height * scale),
        ImageItem(screen.load(mask), 0, 0, look.image, look.image),
    )
    screen.rehearse(Scene(look.presentation.background, pictures))
    return PreparedTrial(trial, *pictures)


def rehearse(screen: Screen, look: TrialLayout) -> None:
    """Lay out what every trial shows: else the first would drop frames."""
    for items in ((_fixation(look),), grid_items(look)):
        screen.rehearse(Scene(look.presentation.background, items))


def moment(screen: Screen, look: TrialLayout) -> None:
    """Say that something takes a moment."""
    _flip(screen, Scene(look.presentation.background, (TextItem("One moment …", height=look.image / 10),)))


def n_frames(seconds: float, rate: float) -> int:
    return max(1, math.ceil(seconds * rate - SLACK))


def show(screen: Screen, prepared: PreparedTrial, look: TrialLayout, *, feedback: bool = False) -> Response:
    """Show a trial and take the answer. With `feedback` a beep tells an error, and the right choice is outlined."""
    shown, gray, rate = look.presentation, look.presentation.background, screen.rate
    blank = Scene(gray)
    times = _frames(screen, Scene(gray, (_fixation(look),)), n_frames(shown.fixation, rate))
    onset = len(times)
    times += _frames(screen, Scene(gray, (prepared.image,)), n_frames(shown.stimulus, rate))
    offset = len(times)
    times += _frames(screen, blank, 1)
    times += _frames(screen, Scene(gray, (prepared.mask,)), n_frames(shown.mask, rate))
    times += _frames(screen, blank, 1)
    choice, rt, begun = _response(screen, look, gray)
    times.append(begun)
    if feedback:
        _feedback(screen, look, choice, prepared.trial.stimulus.category)
    late = np.diff(times) * rate
    measured = (
        times[onset], times[offset], begun, offset - onset, int(np.sum(np.round(late[late > LATE]) - 1)), rate,
    )  # fmt: skip
    rounded = (round(float(number), 6) for number in measured)  # to microseconds
    return Response(choice, None if rt is None else round(rt, 6), measured=dict(zip(MEASURES, rounded, strict=True)))


def wait(screen: Screen, lines: Sequence[str], look: TrialLayout) -> None:
    """Show text until a click, the space bar or Enter."""
    height = look.image / 10
    items = tuple(
        TextItem(line, 0, (len(lines) / 2 - i) * 1.6 * height, height) for i, line in enumerate(lines) if line
    )
    scene = Scene(look.presentation.background, items, pointer=not look.keys)
    screen.center_pointer()
    _flip(screen, Scene(look.presentation.background))  # what was pressed before is nothing
    while True:
        flip = _flip(screen, scene)
        if flip.clicks or any(key.name in ("space", "return") for key in flip.keys):
            return


def grid_items(look: TrialLayout) -> tuple[Item, ...]:
    """The response grid: icons, words where there is none, and keys where they are used."""
    items: list[Item] = []
    for cell, texture in zip(look.cells, look.icons, strict=True):
        if texture is None:
            items += [OutlineItem(cell.x, cell.y, cell.side, cell.side), _word(cell)]
        else:
            items.append(ImageItem(texture, cell.x, cell.y, cell.side, cell.side))
        if look.keys:
            corner = cell.side * 0.4
            items.append(TextItem(cell.key, cell.x - corner, cell.y + corner, cell.side / 7))
    return tuple(items)


def _fixation(look: TrialLayout) -> OutlineItem:
    return OutlineItem(0, 0, FIXATION * look.image, FIXATION * look.image)


def _word(cell: ChoiceCell) -> TextItem:
    """The choice in letters small enough for its cell, a word a line where it has several."""
    words = cell.choice.split() or [cell.choice]
    longest = max(map(len, words))
    height = cell.side * min(1 / 6, WIDE / longest, 0.8 / (1.3 * len(words)))
    return TextItem("\n".join(words), cell.x, cell.y, height)


def _frames(screen: Screen, scene: Scene, n: int) -> list[float]:
    """Times of the flips of `n` frames of a scene."""
    return [_flip(screen, scene).time for _ in range(n)]


def _response(screen: Screen, look: TrialLayout, gray: float) -> tuple[str | None, float | None, float]:
    """Choice, seconds from the grid's onset, and the onset."""
    scene = Scene(gray, grid_items(look), pointer=not look.keys)
    screen.center_pointer()
    begun = _flip(screen, scene).time
    choice, rt = None, None
    n = n_frames(look.presentation.response, screen.rate)
    for i in range(n):  # begun is the first frame; the last flip ends the grid
        flip = _flip(screen, scene if i < n - 1 else Scene(gray))
        events: list[Click | Key] = list(flip.keys if look.keys else flip.clicks)
        for event in events:
            found = meant(look.cells, event)
            if found is not None and event.time >= begun:
                choice, rt = found, event.time - begun
    return choice, rt, begun


def _feedback(screen: Screen, look: TrialLayout, choice: str | None, category: str) -> None:
    """Of answers to images that have a right one."""
    right = next((cell for cell in look.cells if cell.choice == category), None)
    if right is None:
        return
    if choice != category:
        screen.beep(*BEEP)
    gray = look.presentation.background
    around = OutlineItem(right.x, right.y, right.side, right.side, gray=PAPER / 255, line=right.side / 16)
    _frames(screen, Scene(gray, (*grid_items(look), around)), n_frames(FEEDBACK, screen.rate))


def _flip(screen: Screen, scene: Scene) -> Flip:
    flip = screen.flip(scene)
    if any(key.name == "escape" for key in flip.keys):
        raise KeyboardInterrupt
    return flip
