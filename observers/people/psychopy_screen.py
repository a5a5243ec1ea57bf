"""A real screen through PsychoPy (the extra `human`)."""

import os
import time
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

from observers.people.screen import Click, Flip, Item, Key, Outline, Picture, Scene, Words
from stimuli.errors import ObserverError

WINDOW = (1024, 768)  # pixels, where it does not fill the screen
RATES = (20.0, 500.0)  # frames a second that a screen can have


class PsychoPyScreen:
    """A window that fills the screen, or not (`full`). `rate` is measured unless given; then frames are not faster than it.

    Raises ObserverError where PsychoPy is not installed or no screen can be opened.
    """

    def __init__(self, *, full: bool = True, screen: int = 0, rate: float | None = None) -> None:
        visual, event, core = _psychopy()
        try:
            self._window: Any = visual.Window(
                WINDOW, fullscr=full, screen=screen, units="pix", color=[-0.1] * 3, colorSpace="rgb", allowGUI=not full,
                checkTiming=False, waitBlanking=True, winType="pyglet", title="observers",
            )  # fmt: skip
        except Exception as error:  # pyglet and PsychoPy raise what they like, also bare Exceptions
            raise ObserverError(f"no screen could be opened: {' '.join(str(error).split())[:200]}") from None
        self._visual, self._clock = visual, core.Clock()
        self._mouse = event.Mouse(win=self._window, visible=False)
        self._clicks: list[Click] = []
        self._keys: list[Key] = []
        self._items: dict[Item, Any] = {}
        handle = self._window.winHandle
        handle.push_handlers(on_mouse_press=self._pressed, on_key_press=self._typed)
        self.size = (int(self._window.size[0]), int(self._window.size[1]))
        self._last, self._background = 0.0, -1.0
        self._paced = rate is not None
        self.rate = rate or 60.0
        if rate is None:
            self.rate = self._measured()

    def load(self, pixels: np.ndarray) -> Any:
        # Of an array PsychoPy would show negative values as black.
        return self._visual.ImageStim(self._window, image=Image.fromarray(pixels), units="pix", interpolate=True)

    def flip(self, scene: Scene) -> Flip:
        self._paint(scene)
        if self._paced:
            time.sleep(max(0.0, self._last + 1 / self.rate - self._clock.getTime()))
        self._window.flip()
        self._last = self._clock.getTime()
        clicks, keys = tuple(self._clicks), tuple(self._keys)
        self._clicks, self._keys = [], []
        return Flip(self._last, clicks, keys)

    def center_pointer(self) -> None:
        self._mouse.setPos((0, 0))

    def beep(self, hertz: float, seconds: float) -> None:
        with suppress(Exception):  # many sound back ends, each with errors of its own; a missing beep stops no session
            from psychopy import sound

            sound.Sound(hertz, secs=seconds).play()

    def picture(self, scene: Scene) -> np.ndarray:
        """(h, w, 3) uint8: the scene as it would be shown."""
        self._paint(scene)
        self._window.movieFrames = []
        return np.asarray(self._window.getMovieFrame(buffer="back").convert("RGB"))

    def close(self) -> None:
        self._window.close()

    def _paint(self, scene: Scene) -> None:
        """Draw what the next flip shows."""
        if scene.pointer != self._window.mouseVisible:
            self._window.mouseVisible = scene.pointer
        if scene.background != self._background:
            self._window.color, self._background = [2 * scene.background - 1] * 3, scene.background
        self._window.clearBuffer(color=True)  # with that color; a flip clears with the one before
        for item in scene.items:
            self._draw(item)

    def _draw(self, item: Item) -> None:
        if isinstance(item, Picture):
            item.texture.pos, item.texture.size = (item.x, item.y), (item.width, item.height)
            item.texture.draw()
            return
        if item not in self._items:  # text takes longer to lay out than a frame lasts
            self._items[item] = self._made(item)
        self._items[item].draw()

    def _made(self, item: Outline | Words) -> Any:
        color = [2 * item.gray - 1] * 3
        if isinstance(item, Outline):
            return self._visual.Rect(
                self._window, item.width, item.height, pos=(item.x, item.y), units="pix", fillColor=None,
                lineColor=color, lineWidth=item.line,
            )  # fmt: skip
        return self._visual.TextStim(
            self._window, item.text, pos=(item.x, item.y), height=item.height, color=color, units="pix",
            wrapWidth=0.95 * self.size[0],
        )  # fmt: skip

    def _pressed(self, x: int, y: int, button: int, modifiers: int) -> None:
        width, height = self._window.winHandle.get_size()  # points, which are not pixels on every screen
        self._clicks.append(
            Click((x / width - 0.5) * self.size[0], (y / height - 0.5) * self.size[1], self._clock.getTime())
        )

    def _typed(self, symbol: int, modifiers: int) -> None:
        from pyglet.window import key

        name = key.symbol_string(symbol).lower().removeprefix("_").removeprefix("num_")
        self._keys.append(Key(NAMES.get(name, name), self._clock.getTime()))

    def _measured(self) -> float:
        """Frames a second by the median of 60 intervals. Raises ObserverError for what no screen has."""
        blank = Scene(0.5)
        for _ in range(10):
            self.flip(blank)
        times = [self.flip(blank).time for _ in range(61)]
        rate = float(1 / np.median(np.diff(times)))
        if not RATES[0] <= rate <= RATES[1]:
            raise ObserverError(
                f"the screen shows {rate:.0f} frames a second, which none does: it does not wait for its frames. "
                f"Say how many it has (--rate 60), or use one that waits"
            )
        return rate


NAMES = {"enter": "return", "comma": ",", "period": ".", "slash": "/", "semicolon": ";"}


def prepare_psychopy() -> None:
    """Before it is imported for the first time."""
    os.environ.setdefault("PSYCHOPYNOPACKAGES", "1")  # else it rewrites PATH


def _psychopy() -> tuple[Any, Any, Any]:
    prepare_psychopy()
    try:
        from psychopy import core, event, logging, visual
    except ImportError as error:
        raise ObserverError(
            f'a person at the screen needs PsychoPy ({error}): pip install -c constraints.txt -e ".[human]"'
        ) from None
    logging.console.setLevel(logging.ERROR)
    return visual, event, core
