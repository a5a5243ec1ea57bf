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
from observers.people.icons import draw_icon
from observers.people.screens.screen import Click, Flip, ImageItem, Item, Key, OutlineItem, Scene, Screen, TextItem
from observers.people.texts.reading import load_texts
from observers.people.texts.session_texts import SessionTexts
from observers.protocol import Presentation, Response, Trial
from stimuli.masks import pink_mask

# The times at which the image appeared, the image disappeared and the grid appeared, in seconds of the screen's clock; the
# number of frames of the image; the number of frames dropped between fixation and grid; the frame rate in frames per second.
MEASURES = ("onset", "offset", "grid_onset", "n_frames", "n_dropped", "frame_rate")
FEEDBACK_SECONDS = 0.3
MAX_MISSED = 0.02  # proportion of missed trials in a block above which the break text asks for an answer to every trial
READING_SECONDS = 1.0  # duration of the feedback after an error, which is long enough to read its words
BEEP_HERTZ, BEEP_SECONDS = 300.0, 0.25
FIXATION_SIZE = 0.1  # side of the fixation square, as a fraction of the side of an image
FRAME_TOLERANCE = 0.1  # fraction of a frame by which a duration may exceed a whole number of frames
MARK_GRAY, CORRECT_GRAY = 0.0, 1.0  # gray levels of the frames around the chosen and around the correct choice
MARK_WIDTH = 1 / 16  # line width of these frames, as a fraction of the side of a cell
BREAK_SECONDS = 60.0  # duration of a break between two blocks, for the estimate of the duration of a session
WORD_HEIGHT = 1.4  # a word of n letters fits into a cell if the letters are at most WORD_HEIGHT / n cells high
LATE_FRAMES = 1.5  # an interval between flips that is longer than this, in frames, contains a dropped frame
MASK_PIXELS = 256  # side of the mask image, which is scaled to the size of the stimulus on the screen


@frozen(eq=False)
class TrialLayout:
    """The properties that all trials of a session share.

    `image_side` is the longer side of an image in pixels. `icons` has a texture for each cell, or None if the cell shows
    the choice as text. `texts` has the names of the choices and the words of the feedback. `keys` is True if choices are
    made with keys instead of the mouse.
    """

    image_side: float
    cells: tuple[ChoiceCell, ...]
    icons: tuple[Any, ...]
    presentation: Presentation
    texts: SessionTexts
    keys: bool = False


@frozen(eq=False)
class PreparedTrial:
    """A trial whose image and mask are loaded as textures."""

    trial: Trial
    image: ImageItem
    mask: ImageItem


def make_layout(
    screen: Screen,
    choices: Sequence[str],
    presentation: Presentation,
    image_side: float,
    keys: bool = False,
    texts: SessionTexts | None = None,
) -> TrialLayout:
    """Load the icons and compute the response grid for images of `image_side` pixels. The default texts are English."""
    icons = (draw_icon(choice) for choice in choices)
    textures = tuple(None if icon is None else screen.load(icon) for icon in icons)
    return TrialLayout(
        image_side, response_grid(choices, image_side), textures, presentation, texts or load_texts(), keys
    )


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
    """Draw everything but the images once off screen, so that the first trial does not drop frames."""
    marks = tuple(item for cell in layout.cells for item in (_mark(cell), _mark(cell, CORRECT_GRAY)))
    words = tuple(_feedback_text(screen, layout, outcome) for outcome in ("correct", "wrong", "missed"))
    for items in ((_fixation(layout),), grid_items(layout), marks, tuple(word for word in words if word)):
        screen.warm_up(Scene(layout.presentation.background, items))


def session_minutes(n_trials: int, n_blocks: int, presentation: Presentation) -> int:
    """Return the estimated duration of a session with breaks in minutes, rounded up."""
    seconds = presentation.fixation + presentation.stimulus + presentation.mask + presentation.response
    return math.ceil((n_trials * seconds + (n_blocks - 1) * BREAK_SECONDS) / 60)


def n_frames(seconds: float, rate: float) -> int:
    """Return how many frames, at least 1, a duration of `seconds` takes at a rate of `rate` frames per second."""
    return max(1, math.ceil(seconds * rate - FRAME_TOLERANCE))


def show_trial(screen: Screen, prepared: PreparedTrial, layout: TrialLayout, *, feedback: bool = False) -> Response:
    """Show a trial and return the response with the MEASURES.

    A choice has a dark frame from the moment it is chosen. With `feedback`, the correct choice has a white frame after the
    response, words say whether the response was correct, and a beep sounds if it was not.
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


def grid_items(layout: TrialLayout) -> tuple[Item, ...]:
    """Return the items of the response grid: an icon or text for each choice, and the key names if keys are used."""
    items: list[Item] = []
    for cell, texture in zip(layout.cells, layout.icons, strict=True):
        if texture is None:
            name = layout.texts.choice_name(cell.choice)
            items += [OutlineItem(cell.x, cell.y, cell.side, cell.side), _choice_text(cell, name, layout.texts.font)]
        else:
            items.append(ImageItem(texture, cell.x, cell.y, cell.side, cell.side))
        if layout.keys:
            corner = cell.side * 0.4
            items.append(TextItem(cell.key, cell.x - corner, cell.y + corner, cell.side / 7))
    return tuple(items)


def _fixation(layout: TrialLayout) -> OutlineItem:
    """Return the fixation square."""
    return OutlineItem(0, 0, FIXATION_SIZE * layout.image_side, FIXATION_SIZE * layout.image_side)


def _choice_text(cell: ChoiceCell, name: str, font: str) -> TextItem:
    """Return the text of a choice, one word per line, in letters that are small enough for the cell."""
    words = name.split() or [name]
    longest = max(map(len, words))
    height = cell.side * min(1 / 6, WORD_HEIGHT / longest, 0.8 / (1.3 * len(words)))
    return TextItem("\n".join(words), cell.x, cell.y, height, font=font)


def _mark(cell: ChoiceCell, gray: float = MARK_GRAY) -> OutlineItem:
    """Return the frame around a choice."""
    return OutlineItem(cell.x, cell.y, cell.side, cell.side, gray=gray, line_width=cell.side * MARK_WIDTH)


def _feedback_text(screen: Screen, layout: TrialLayout, outcome: str) -> TextItem | None:
    """Return the words of the feedback above the grid, or None if they are empty or do not fit on the screen."""
    text = layout.texts.line(f"feedback.{outcome}")
    top = max(cell.y + cell.side / 2 for cell in layout.cells)
    height = min(layout.image_side / 10, screen.size[0] / max(len(text), 1))
    if not text or top + 3 * height > screen.size[1] / 2:
        return None
    return TextItem(text, 0, top + 1.5 * height, height, font=layout.texts.font)


def _show_frames(screen: Screen, scene: Scene, n: int) -> list[float]:
    """Show a scene for `n` frames and return the times of the flips."""
    return [flip(screen, scene).time for _ in range(n)]


def _collect_response(screen: Screen, layout: TrialLayout, gray: float) -> tuple[str | None, float | None, float]:
    """Show the response grid and return the last choice, its rt in seconds and the time at which the grid appeared.

    The last choice has a frame from the next flip on.
    """
    grid = grid_items(layout)
    scene = Scene(gray, grid, pointer=not layout.keys)
    screen.center_pointer()
    grid_onset = flip(screen, scene).time
    choice: str | None = None
    rt: float | None = None
    n = n_frames(layout.presentation.response, screen.rate)
    for i in range(n):  # the first frame of the grid is already shown; the last flip of the loop removes the grid
        result = flip(screen, scene if i < n - 1 else Scene(gray))
        events: list[Click | Key] = list(result.keys if layout.keys else result.clicks)
        previous = choice
        for event in events:
            selected = choice_for_event(layout.cells, event)
            if selected is not None and event.time >= grid_onset:
                choice, rt = selected, event.time - grid_onset
        if choice != previous:
            scene = Scene(gray, (*grid, *_marks(layout, choice)), pointer=not layout.keys)
    return choice, rt, grid_onset


def _marks(layout: TrialLayout, choice: str | None) -> tuple[OutlineItem, ...]:
    """Return the frame around the chosen choice, or nothing without a choice."""
    return tuple(_mark(cell) for cell in layout.cells if cell.choice == choice)


def _show_feedback(screen: Screen, layout: TrialLayout, choice: str | None, category: str) -> None:
    """Frame the chosen and the correct choice, say whether the choice was correct, and beep if it was not.

    Do nothing if none of the choices is correct.
    """
    correct = next((cell for cell in layout.cells if cell.choice == category), None)
    if correct is None:
        return
    outcome = "correct" if choice == category else "missed" if choice is None else "wrong"
    if outcome != "correct":
        screen.beep(BEEP_HERTZ, BEEP_SECONDS)
    words = _feedback_text(screen, layout, outcome)
    marks = (*_marks(layout, choice if outcome == "wrong" else None), _mark(correct, CORRECT_GRAY))
    items = (*grid_items(layout), *((words,) if words else ()), *marks)
    duration = FEEDBACK_SECONDS if outcome == "correct" or words is None else READING_SECONDS
    _show_frames(screen, Scene(layout.presentation.background, items), n_frames(duration, screen.rate))


def flip(screen: Screen, scene: Scene) -> Flip:
    """Show a scene for one frame. Raises KeyboardInterrupt if Escape was pressed."""
    result = screen.flip(scene)
    if any(key.name == "escape" for key in result.keys):
        raise KeyboardInterrupt
    return result
