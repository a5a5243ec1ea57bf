"""A screen without a display: a virtual clock, and somebody who presses what was planned. What it shows can be drawn."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from observers.people.screen import Click, Flip, ImageItem, Key, OutlineItem, Scene

CONTINUE = (
    0.5,
    Click(0, 0, 0),
)  # what is pressed where nothing is planned: seconds from the pointer's onset, and where


class SimulatedScreen:
    """Frames take 1/rate exactly, but for a share `drop` of them, which take two.

    `plan` says what is pressed once the next scene with a pointer (or, for keys, any next scene of the plan) is there.
    `seen` gets every scene with its time.
    """

    def __init__(
        self,
        rate: float = 60.0,
        size: tuple[int, int] = (1280, 1024),
        *,
        drop: float = 0.0,
        seed: int = 0,
        seen: Callable[[Scene, float], None] = lambda scene, time: None,
    ) -> None:
        self.rate, self.size = rate, size
        self.beeps: list[tuple[float, float]] = []
        self._time, self._drop, self._rng, self._seen = 0.0, drop, np.random.default_rng(seed), seen
        self._planned: Sequence[tuple[float, Click | Key]] | None = None
        self._due: list[Click | Key] = []
        self._centered = False

    def plan(self, events: Sequence[tuple[float, Click | Key]]) -> None:
        """What to press next time the pointer is centered, in seconds from the frame after; times in events are ignored."""
        self._planned = events

    def load(self, pixels: np.ndarray) -> Any:
        return pixels

    def rehearse(self, scene: Scene) -> None:
        pass

    def center_pointer(self) -> None:
        self._centered = True

    def flip(self, scene: Scene) -> Flip:
        self._time += (2 if self._rng.random() < self._drop else 1) / self.rate
        now = [event for event in self._due if event.time <= self._time]
        self._due = [event for event in self._due if event.time > self._time]
        if self._centered and scene.items:
            planned = [CONTINUE] if self._planned is None else self._planned
            self._due = [_at(event, self._time + delay) for delay, event in planned]
            self._planned, self._centered = None, False
        self._seen(scene, self._time)
        clicks = tuple(event for event in now if isinstance(event, Click))
        return Flip(self._time, clicks, tuple(event for event in now if isinstance(event, Key)))

    def beep(self, hertz: float, seconds: float) -> None:
        self.beeps.append((hertz, seconds))

    def close(self) -> None:
        pass


def _at(event: Click | Key, time: float) -> Click | Key:
    return Click(event.x, event.y, time) if isinstance(event, Click) else Key(event.name, time)


def drawn(scene: Scene, size: tuple[int, int]) -> np.ndarray:
    """(height, width, 3) uint8: the scene as a screen shows it, about."""
    width, height = size
    board = Image.new("RGB", size, (round(255 * scene.background),) * 3)
    pen = ImageDraw.Draw(board)
    for item in scene.items:
        x, y = width / 2 + item.x, height / 2 - item.y
        if isinstance(item, ImageItem):
            image = Image.fromarray(item.texture).resize((max(1, round(item.width)), max(1, round(item.height))))
            board.paste(image, (round(x - item.width / 2), round(y - item.height / 2)))
        elif isinstance(item, OutlineItem):
            box = x - item.width / 2, y - item.height / 2, x + item.width / 2, y + item.height / 2
            pen.rectangle(box, outline=(round(255 * item.gray),) * 3, width=max(1, round(item.line)))
        else:
            font = ImageFont.load_default(size=item.height)
            pen.text((x, y), item.text, (round(255 * item.gray),) * 3, font, anchor="mm")
    return np.asarray(board)
