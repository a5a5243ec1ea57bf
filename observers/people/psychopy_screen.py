"""A real screen through PsychoPy (the extra `human`)."""

import os
import time
from typing import Any

import numpy as np
from PIL import Image

from observers.people.screen import RATES, Click, Flip, ImageItem, Item, Key, OutlineItem, Scene, TextItem
from stimuli.errors import ObserverError

WINDOW = (1024, 768)  # pixels, where it does not fill the screen
NEAR = 0.05  # of a rate: what is measured may differ by that from what is said
HEARD = 0.6  # of a frame that stays the same: the time in which what is pressed is noted at once, not at its end


class PsychoPyScreen:
    """A window that fills the screen, or not (`full`), with a beep (`sound`) or none.

    `rate` is measured. Where one is given, a screen that does not wait for its frames is held to it; of one that is not
    `timed` nothing is known. Raises ObserverError where PsychoPy is not installed, or no such screen can be opened.
    """

    def __init__(
        self,
        *,
        full: bool = True,
        display: int = 0,
        rate: float | None = None,
        sound: bool = False,
        timed: bool = True,
    ) -> None:
        visual, event, core = _psychopy()
        try:
            self._window: Any = visual.Window(
                WINDOW, fullscr=full, screen=display, units="pix", color=[-0.1] * 3, colorSpace="rgb", allowGUI=not full,
                checkTiming=False, waitBlanking=True, winType="pyglet", title="observers",
            )  # fmt: skip
            n_displays = len(self._window.winHandle.display.get_screens())
        except Exception as error:  # pyglet and PsychoPy raise what they like, also bare Exceptions
            raise ObserverError(f"no screen could be opened: {' '.join(str(error).split())[:200]}") from None
        if display >= n_displays:
            self._window.close()
            raise ObserverError(f"there is no display {display}: they are numbered from 0 to {n_displays - 1}")
        self._visual, self._clock = visual, core.Clock()
        self._mouse = event.Mouse(win=self._window, visible=False)
        self._clicks: list[Click] = []
        self._keys: list[Key] = []
        self._items: dict[Item, Any] = {}
        self._handle = self._window.winHandle
        self._handle.push_handlers(on_mouse_press=self._pressed, on_key_press=self._typed)
        self.size = (int(self._window.size[0]), int(self._window.size[1]))
        self._last, self._background = 0.0, -1.0
        self._shown: Scene | None = None
        self._sound = _sound() if sound else None
        self._every = 0.0  # seconds that a frame is made to last
        self.rate = rate or 60.0
        if timed:
            self._time(rate)

    def load(self, pixels: np.ndarray) -> Any:
        # Of an array PsychoPy would show negative values as black.
        return self._visual.ImageStim(self._window, image=Image.fromarray(pixels), units="pix", interpolate=True)

    def flip(self, scene: Scene) -> Flip:
        self._paint(scene)
        if self._every:
            self._listen(self._last + self._every)
        elif scene is self._shown:
            self._listen(self._last + HEARD / self.rate)
        self._window.flip()
        self._last, self._shown = self._clock.getTime(), scene
        self._handle.dispatch_events()  # what was pressed while it waited for the frame was pressed before it
        clicks, keys = tuple(self._clicks), tuple(self._keys)
        self._clicks, self._keys = [], []
        return Flip(self._last, clicks, keys)

    def rehearse(self, scene: Scene) -> None:
        self._paint(scene)

    def center_pointer(self) -> None:
        self._mouse.setPos((0, 0))

    def beep(self, hertz: float, seconds: float) -> None:
        if self._sound is not None:
            self._sound(hertz, secs=seconds).play()

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
        if isinstance(item, ImageItem):
            item.texture.pos, item.texture.size = (item.x, item.y), (item.width, item.height)
            item.texture.draw()
            return
        if item not in self._items:  # text takes longer to lay out than a frame lasts
            self._items[item] = self._made(item)
        self._items[item].draw()

    def _made(self, item: OutlineItem | TextItem) -> Any:
        color = [2 * item.gray - 1] * 3
        if isinstance(item, OutlineItem):
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

    def _listen(self, until: float) -> None:
        """Note what is pressed up to that time."""
        while (left := until - self._clock.getTime()) > 0:
            self._handle.dispatch_events()
            time.sleep(min(left, 0.001))

    def _time(self, said: float | None) -> None:
        """Measure the rate, the median of 60 intervals. Raises ObserverError for what no screen has, or has not as said."""
        for _ in range(10):
            self.flip(Scene(0.5))
        times = [self.flip(Scene(0.5)).time for _ in range(61)]
        found = float(1 / np.median(np.diff(times)))
        if said is None and not RATES[0] <= found <= RATES[1]:
            raise ObserverError(
                f"the screen shows {found:.0f} frames a second, which none does: it does not wait for its frames. A pilot "
                f"may say how many it has (--pilot --rate 60)"
            )
        if said is not None and found < (1 - NEAR) * said:
            raise ObserverError(f"the screen shows {found:.1f} frames a second, not {said:g}: leave out --rate")
        self.rate = said or found
        if said is not None and found > (1 + NEAR) * said:
            self._every = 1 / said


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


def _sound() -> Any:
    """What makes sounds; None where nothing does, which stops no session (`observers doctor` tells)."""
    try:
        from psychopy import sound
    except Exception:  # back ends fail in ways of their own, where there is no device also
        return None
    return sound.Sound
