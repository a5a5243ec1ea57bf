"""A screen without a display. It has a virtual clock, and its clicks and key presses are planned in advance."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from observers.people.screens.screen import Click, Flip, ImageItem, Key, OutlineItem, Scene

# The event if none was planned: its delay in seconds, and a click at the center, which dismisses a text.
DEFAULT_EVENT = (0.5, Click(0, 0, 0))


class SimulatedScreen:
    """A virtual screen; see the `Screen` protocol.

    A frame lasts 1 / rate seconds. With probability `drop` it lasts twice as long, as if the next frame had been
    dropped. `on_flip` is called with each scene and the time at which it appeared.
    """

    def __init__(
        self,
        rate: float = 60.0,
        size: tuple[int, int] = (1280, 1024),
        *,
        drop: float = 0.0,
        seed: int = 0,
        on_flip: Callable[[Scene, float], None] = lambda scene, time: None,
    ) -> None:
        self.rate, self.size = rate, size
        self.beeps: list[tuple[float, float]] = []
        self._time, self._drop, self._rng, self._on_flip = 0.0, drop, np.random.default_rng(seed), on_flip
        self._planned: Sequence[tuple[float, Click | Key]] | None = None
        self._pending: list[Click | Key] = []
        self._centered = False

    def plan_events(self, events: Sequence[tuple[float, Click | Key]]) -> None:
        """Plan the clicks and key presses for the first scene with items after the pointer was centered.

        Each event is given with its delay in seconds from the onset of that scene. The time in the event is ignored.
        """
        self._planned = events

    def load(self, pixels: np.ndarray) -> Any:
        """Return the pixels themselves."""
        return pixels

    def warm_up(self, scene: Scene) -> None:
        """Do nothing, because a virtual screen is never slow."""

    def center_pointer(self) -> None:
        """Start the clock of the planned events when the next scene that has items is shown."""
        self._centered = True

    def flip(self, scene: Scene) -> Flip:
        """Advance the clock by one frame and return the events up to the end of the frame."""
        self._time += (2 if self._rng.random() < self._drop else 1) / self.rate
        events = [event for event in self._pending if event.time <= self._time]
        self._pending = [event for event in self._pending if event.time > self._time]
        if self._centered and scene.items:
            planned = [DEFAULT_EVENT] if self._planned is None else self._planned
            self._pending = [_with_time(event, self._time + delay) for delay, event in planned]
            self._planned, self._centered = None, False
        self._on_flip(scene, self._time)
        clicks = tuple(event for event in events if isinstance(event, Click))
        return Flip(self._time, clicks, tuple(event for event in events if isinstance(event, Key)))

    def beep(self, hertz: float, seconds: float) -> None:
        """Record the tone in `beeps`."""
        self.beeps.append((hertz, seconds))

    def close(self) -> None:
        """Do nothing, because there is no window."""


def _with_time(event: Click | Key, time: float) -> Click | Key:
    return Click(event.x, event.y, time) if isinstance(event, Click) else Key(event.name, time)


def render(scene: Scene, size: tuple[int, int]) -> np.ndarray:
    """Return approximately what a screen of `size` pixels shows, as a uint8 array of shape (height, width, 3)."""
    width, height = size
    canvas = Image.new("RGB", size, (round(255 * scene.background),) * 3)
    draw = ImageDraw.Draw(canvas)
    for item in scene.items:
        x, y = width / 2 + item.x, height / 2 - item.y
        if isinstance(item, ImageItem):
            image = Image.fromarray(item.texture).resize((max(1, round(item.width)), max(1, round(item.height))))
            canvas.paste(image, (round(x - item.width / 2), round(y - item.height / 2)))
        elif isinstance(item, OutlineItem):
            box = x - item.width / 2, y - item.height / 2, x + item.width / 2, y + item.height / 2
            draw.rectangle(box, outline=(round(255 * item.gray),) * 3, width=max(1, round(item.line_width)))
        else:
            font = ImageFont.load_default(size=item.height)
            draw.text((x, y), item.text, (round(255 * item.gray),) * 3, font, anchor="mm")
    return np.asarray(canvas)
