"""The paradigm of Geirhos et al. (2018, 2019), frame by frame, on any Screen.

The sequence of a trial is: fixation square, image, one blank frame, mask, one blank frame, then the response grid for a
fixed duration, during which the last click on a choice counts. After the grid comes a blank frame, or the feedback if the
trial is a practice trial.

Each part of a trial is shown for ceil(duration · frame rate) frames. Because a measured frame rate is slightly off, for
example 60.02 Hz, an excess of up to a tenth of a frame is ignored. The rt is the time from the frame on which the grid
appeared to the response. Pressing Escape raises KeyboardInterrupt at any frame.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen

from observers.people.grid import ChoiceCell, choice_for_event, response_grid
from observers.people.icons import BOX_GRAY, draw_icon
from observers.people.screen import Click, Flip, ImageItem, Item, Key, OutlineItem, Scene, Screen, TextItem
from observers.protocol import Presentation, Response, Trial
from stimuli.masks import pink_mask

# The times at which the image appeared, the image disappeared and the grid appeared, in seconds of the screen's clock; the
# number of frames of the image; the number of frames dropped between fixation and grid; the frame rate in frames per second.
MEASURES = ("onset", "offset", "grid_onset", "n_frames", "n_dropped", "frame_rate")
FEEDBACK_SECONDS = 0.3
BEEP_HERTZ, BEEP_SECONDS = 300.0, 0.25
FIXATION_SIZE = 0.1  # side of the fixation square, as a fraction of the side of an image
FRAME_TOLERANCE = 0.1  # fraction of a frame by which a duration may exceed a whole number of frames
LINE_HEIGHT = 1.6  # distance of two lines of text in units of the height of their letters
WORD_HEIGHT = 1.4  # a word of n letters fits into a cell if the letters are at most WORD_HEIGHT / n cells high
LATE_FRAMES = 1.5  # an interval between flips that is longer than this, in frames, contains a dropped frame
MASK_PIXELS = 256  # side of the mask image, which is scaled to the size of the stimulus on the screen


@frozen(eq=False)
class TrialLayout:
    """The properties that all trials of a session share.

    `image_side` is the longer side of an image in pixels. `icons` has a texture for each cell, or None if the cell shows
    the choice as text. `keys` is True if choices are made with keys instead of the mouse.
    """

    image_side: float
    cells: tuple[ChoiceCell, ...]
    icons: tuple[Any, ...]
    presentation: Presentation
    keys: bool = False


@frozen(eq=False)
class PreparedTrial:
    """A trial whose image and mask are loaded as textures."""

    trial: Trial
    image: ImageItem
    mask: ImageItem


def make_layout(
    screen: Screen, choices: Sequence[str], presentation: Presentation, image_side: float, keys: bool = False
) -> TrialLayout:
    """Load the icons and compute the response grid for images of `image_side` pixels."""
    icons = (draw_icon(choice) for choice in choices)
    textures = tuple(None if icon is None else screen.load(icon) for icon in icons)
    return TrialLayout(image_side, response_grid(choices, image_side), textures, presentation, keys)


def prepare_trial(screen: Screen, trial: Trial, layout: TrialLayout, rng: np.random.Generator) -> PreparedTrial:
    """Load the image of a trial and a new random mask."""
    pixels = trial.stimulus.pixels()
    height, width = pixels.shape[:2]
    scale = layout.image_side / max(height, width)
    mask = pink_mask(MASK_PIXELS, layout.presentation.mask_contrast, rng)
    items = (
        ImageItem(screen.load(pixels), 0, 0, width * scale, height * scale),
        ImageItem(screen.load(mask), 0, 0, layout.image_side, layout.image_side),
    )
    screen.warm_up(Scene(layout.presentation.background, items))
    return PreparedTrial(trial, *items)


def warm_up(screen: Screen, layout: TrialLayout) -> None:
    """Draw the fixation square and the response grid once off screen, so that the first trial does not drop frames."""
    for items in ((_fixation(layout),), grid_items(layout)):
        screen.warm_up(Scene(layout.presentation.background, items))


def show_wait_message(screen: Screen, layout: TrialLayout) -> None:
    """Show "One moment …" while the images of a block are loaded."""
    text = TextItem("One moment …", height=layout.image_side / 10)
    _flip(screen, Scene(layout.presentation.background, (text,)))


def n_frames(seconds: float, rate: float) -> int:
    """Return how many frames, at least 1, a duration of `seconds` takes at a rate of `rate` frames per second."""
    return max(1, math.ceil(seconds * rate - FRAME_TOLERANCE))


def show_trial(screen: Screen, prepared: PreparedTrial, layout: TrialLayout, *, feedback: bool = False) -> Response:
    """Show a trial and return the response with the MEASURES.

    With `feedback`, the correct choice is outlined after the response, and a beep sounds if the response was wrong.
    """
    durations, gray, rate = layout.presentation, layout.presentation.background, screen.rate
    blank = Scene(gray)
    times = _show_frames(screen, Scene(gray, (_fixation(layout),)), n_frames(durations.fixation, rate))
    onset = len(times)
    times += _show_frames(screen, Scene(gray, (prepared.image,)), n_frames(durations.stimulus, rate))
    offset = len(times)
    times += _show_frames(screen, blank, 1)
    times += _show_frames(screen, Scene(gray, (prepared.mask,)), n_frames(durations.mask, rate))
    times += _show_frames(screen, blank, 1)
    choice, rt, grid_onset = _collect_response(screen, layout, gray)
    times.append(grid_onset)
    if feedback:
        _show_feedback(screen, layout, choice, prepared.trial.stimulus.category)
    intervals = np.diff(times) * rate  # in frames
    n_dropped = int(np.sum(np.round(intervals[intervals > LATE_FRAMES]) - 1))
    measured = (times[onset], times[offset], grid_onset, offset - onset, n_dropped, rate)
    rounded = (round(float(number), 6) for number in measured)  # to microseconds
    return Response(choice, None if rt is None else round(rt, 6), measured=dict(zip(MEASURES, rounded, strict=True)))


def show_text(screen: Screen, lines: Sequence[str], layout: TrialLayout) -> None:
    """Show lines of text until the participant clicks or presses the space bar or Enter.

    The letters are smaller if there are so many lines that they would not fit on the screen.
    """
    height = min(layout.image_side / 10, screen.size[1] / (LINE_HEIGHT * (len(lines) + 2)))
    items = tuple(
        TextItem(line, 0, (len(lines) / 2 - i) * LINE_HEIGHT * height, height) for i, line in enumerate(lines) if line
    )
    scene = Scene(layout.presentation.background, items, pointer=not layout.keys)
    screen.center_pointer()
    _flip(screen, Scene(layout.presentation.background))  # discard clicks and key presses from before the text appeared
    while True:
        flip = _flip(screen, scene)
        if flip.clicks or any(key.name in ("space", "return") for key in flip.keys):
            return


def grid_items(layout: TrialLayout) -> tuple[Item, ...]:
    """Return the items of the response grid: an icon or text for each choice, and the key names if keys are used."""
    items: list[Item] = []
    for cell, texture in zip(layout.cells, layout.icons, strict=True):
        if texture is None:
            items += [OutlineItem(cell.x, cell.y, cell.side, cell.side), _choice_text(cell)]
        else:
            items.append(ImageItem(texture, cell.x, cell.y, cell.side, cell.side))
        if layout.keys:
            corner = cell.side * 0.4
            items.append(TextItem(cell.key, cell.x - corner, cell.y + corner, cell.side / 7))
    return tuple(items)


def _fixation(layout: TrialLayout) -> OutlineItem:
    """Return the fixation square."""
    return OutlineItem(0, 0, FIXATION_SIZE * layout.image_side, FIXATION_SIZE * layout.image_side)


def _choice_text(cell: ChoiceCell) -> TextItem:
    """Return the text of a choice, one word per line, in letters that are small enough for the cell."""
    words = cell.choice.split() or [cell.choice]
    longest = max(map(len, words))
    height = cell.side * min(1 / 6, WORD_HEIGHT / longest, 0.8 / (1.3 * len(words)))
    return TextItem("\n".join(words), cell.x, cell.y, height)


def _show_frames(screen: Screen, scene: Scene, n: int) -> list[float]:
    """Show a scene for `n` frames and return the times of the flips."""
    return [_flip(screen, scene).time for _ in range(n)]


def _collect_response(screen: Screen, layout: TrialLayout, gray: float) -> tuple[str | None, float | None, float]:
    """Show the response grid and return the last choice, its rt in seconds and the time at which the grid appeared."""
    scene = Scene(gray, grid_items(layout), pointer=not layout.keys)
    screen.center_pointer()
    grid_onset = _flip(screen, scene).time
    choice, rt = None, None
    n = n_frames(layout.presentation.response, screen.rate)
    for i in range(n):  # the first frame of the grid is already shown; the last flip of the loop removes the grid
        flip = _flip(screen, scene if i < n - 1 else Scene(gray))
        events: list[Click | Key] = list(flip.keys if layout.keys else flip.clicks)
        for event in events:
            selected = choice_for_event(layout.cells, event)
            if selected is not None and event.time >= grid_onset:
                choice, rt = selected, event.time - grid_onset
    return choice, rt, grid_onset


def _show_feedback(screen: Screen, layout: TrialLayout, choice: str | None, category: str) -> None:
    """Outline the correct choice, and beep if it was not chosen. Do nothing if none of the choices is correct."""
    correct = next((cell for cell in layout.cells if cell.choice == category), None)
    if correct is None:
        return
    if choice != category:
        screen.beep(BEEP_HERTZ, BEEP_SECONDS)
    gray = layout.presentation.background
    outline = OutlineItem(
        correct.x, correct.y, correct.side, correct.side, gray=BOX_GRAY / 255, line_width=correct.side / 16
    )
    _show_frames(screen, Scene(gray, (*grid_items(layout), outline)), n_frames(FEEDBACK_SECONDS, screen.rate))


def _flip(screen: Screen, scene: Scene) -> Flip:
    """Show a scene for one frame. Raises KeyboardInterrupt if Escape was pressed."""
    flip = screen.flip(scene)
    if any(key.name == "escape" for key in flip.keys):
        raise KeyboardInterrupt
    return flip
