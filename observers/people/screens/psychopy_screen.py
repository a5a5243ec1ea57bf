"""A screen that PsychoPy draws; PsychoPy is installed with the extra `people`."""

import os
import sys
import time
import unicodedata
from typing import Any

import numpy as np
from PIL import Image

from core.errors import ObserverError
from core.extras import require_extra
from observers.people.screens.psychopy_setup import describe_sound_error, open_sound, prepare_psychopy
from observers.people.screens.screen import RATES, Click, Flip, ImageItem, Item, Key, OutlineItem, Scene, TextItem

WINDOW_SIZE = (1024, 768)  # pixels, if the window does not fill the screen
RATE_TOLERANCE = 0.05  # relative difference that is accepted between the measured and the requested frame rate
POLLED_FRACTION = (
    0.6  # fraction of a repeated frame during which input is polled, to get accurate times of clicks and keys
)
WITHOUT_DISPLAY = (
    "run the command on a computer with a screen; `observers collect --simulate biased` tries a session without one"
)
MOUSE_SECONDS = 1.0  # longest time until the window notices that the pointer was moved
KEY_NAMES = {
    "enter": "return",
    "comma": ",",
    "period": ".",
    "slash": "/",
    "semicolon": ";",
}  # maps names in pyglet to names in this project


class PsychoPyScreen:
    """A PsychoPy window with a mouse, a keyboard and optional sound; see the `Screen` protocol.

    Args:
        fullscreen: Whether the window fills the screen; otherwise it has WINDOW_SIZE.
        display: Number of the display; the first display is 0.
        rate: Frame rate in frames per second to enforce on a display that does not wait for its frames, such as a virtual
            display. By default, the rate is measured.
        sound: Whether `beep` plays tones. Without a working sound device, `beep` does nothing, and `sound_problem` says why.
        measure_rate: Whether the frame rate is measured and checked when the window opens.

    Raises:
        MissingExtra: If PsychoPy is not installed.
        ObserverError: If PsychoPy cannot be imported, if the window cannot be opened, or if the measured frame rate is
            not plausible or is lower than `rate`.
    """

    def __init__(
        self,
        *,
        fullscreen: bool = True,
        display: int = 0,
        rate: float | None = None,
        sound: bool = False,
        measure_rate: bool = True,
    ) -> None:
        visual, event, core = _import_psychopy()
        self._tones: dict[tuple[float, float], Any] = {}
        self._make_tone: Any = None
        self.sound_problem: str | None = "sound is switched off"
        if sound:  # before the window opens, because this takes seconds
            self._make_tone, self.sound_problem = open_sound()
        try:
            self._window: Any = visual.Window(
                WINDOW_SIZE, fullscr=fullscreen, screen=display, units="pix", color=[-0.1] * 3, colorSpace="rgb",
                allowGUI=not fullscreen, checkTiming=False, waitBlanking=True, winType="pyglet", title="observers",
            )  # fmt: skip
            n_displays = len(self._window.winHandle.display.get_screens())
        except Exception as error:  # pyglet and PsychoPy raise many types of errors, including bare Exception
            raise ObserverError(f"the window cannot be opened: {' '.join(str(error).split())[:200]}") from None
        if display >= n_displays:
            self._window.close()
            raise ObserverError(
                f"display {display} does not exist: the displays are numbered from 0 to {n_displays - 1}"
            )
        self._visual, self._clock = visual, core.Clock()
        self._mouse = event.Mouse(win=self._window, visible=False)
        self._clicks: list[Click] = []
        self._keys: list[Key] = []
        self._stimuli: dict[Item, Any] = {}
        self._handle = self._window.winHandle
        self._handle.push_handlers(on_mouse_press=self._on_mouse_press, on_key_press=self._on_key_press)
        self.size = (int(self._window.size[0]), int(self._window.size[1]))
        self._last_flip, self._background = 0.0, -1.0
        self._last_scene: Scene | None = None
        self._min_frame_duration = 0.0  # seconds; 0 if the display waits for its frames
        self.rate = rate or 60.0
        if measure_rate:
            self.measure_rate(rate)

    def load(self, pixels: np.ndarray) -> Any:
        """Return a texture for an image; see `Screen.load`."""
        # PsychoPy interprets arrays as values in -1..1, so the uint8 pixels are passed as a PIL image.
        return self._visual.ImageStim(self._window, image=Image.fromarray(pixels), units="pix", interpolate=True)

    def flip(self, scene: Scene) -> Flip:
        """Show a scene on the next frame; see `Screen.flip`."""
        self._draw_scene(scene)
        if self._min_frame_duration:
            self._poll_events_until(self._last_flip + self._min_frame_duration)
        elif scene is self._last_scene:
            self._poll_events_until(self._last_flip + POLLED_FRACTION / self.rate)
        self._window.flip()
        self._last_flip, self._last_scene = self._clock.getTime(), scene
        self._handle.dispatch_events()  # also return events that arrived while the window waited for the frame
        clicks, keys = tuple(self._clicks), tuple(self._keys)
        self._clicks, self._keys = [], []
        return Flip(self._last_flip, clicks, keys)

    def warm_up(self, scene: Scene) -> None:
        """Draw a scene into the back buffer without showing it."""
        self._draw_scene(scene)

    def center_pointer(self) -> None:
        """Move the mouse pointer to the center of the window."""
        self._mouse.setPos((0, 0))

    def can_move_pointer(self) -> bool:
        """Return whether the mouse pointer can be moved, which the window must notice within a second."""
        positions: list[tuple[int, int]] = []

        def on_mouse_motion(x: int, y: int, dx: int, dy: int) -> None:
            positions.append((x, y))

        self._handle.push_handlers(on_mouse_motion=on_mouse_motion)
        try:
            for x, y in ((40, 30), (0, 0)):
                positions.clear()
                self._mouse.setPos((x, y))
                end = self._clock.getTime() + MOUSE_SECONDS
                while not positions:
                    if self._clock.getTime() > end:
                        return False
                    self.flip(Scene(0.5, pointer=True))
        finally:
            self._handle.pop_handlers()
        return True

    def beep(self, hertz: float, seconds: float) -> None:
        """Play a tone, if the screen was opened with sound and a sound device works.

        If the device fails during the session, the session continues without sound, and `sound_problem` says why.
        """
        if self.sound_problem is not None:
            return
        try:
            if (hertz, seconds) not in self._tones:
                self._tones[hertz, seconds] = self._make_tone(hertz, secs=seconds)
            self._tones[hertz, seconds].play()
        except Exception as error:  # the sound back ends raise errors of many types, including bare Exception
            self.sound_problem = describe_sound_error(error)

    def missing_glyphs(self, text: str, font: str = "") -> str:
        """Return the characters of a text that a font cannot show, in the order of their first occurrence.

        Args:
            text: The text.
            font: Name of an installed font; empty for the default font.
        """
        from pyglet import font as fonts

        loaded = fonts.load(font, 24)

        def picture(character: str) -> Any:
            glyph = loaded.get_glyphs(character)[0]
            pixels = glyph.get_image_data()
            return glyph.width, glyph.height, pixels.get_data("RGBA", 4 * glyph.width)

        replacement = picture("\uffff")  # this code never stands for a character
        characters = dict.fromkeys(c for c in text if not c.isspace() and unicodedata.category(c) not in ("Mn", "Cf"))
        return "".join(c for c in characters if picture(c) == replacement)

    def screenshot(self, scene: Scene) -> np.ndarray:
        """Return a scene as it would be shown, as a uint8 array of shape (height, width, 3)."""
        self._draw_scene(scene)
        self._window.movieFrames = []
        return np.asarray(self._window.getMovieFrame(buffer="back").convert("RGB"))

    def close(self) -> None:
        """Close the window."""
        self._window.close()

    def _draw_scene(self, scene: Scene) -> None:
        """Draw a scene into the back buffer, which the next flip shows."""
        if scene.pointer != self._window.mouseVisible:
            self._window.mouseVisible = scene.pointer
        if scene.background != self._background:
            self._window.color, self._background = [2 * scene.background - 1] * 3, scene.background
        self._window.clearBuffer(color=True)  # a flip clears the buffer with the previous color
        for item in scene.items:
            self._draw_item(item)

    def _draw_item(self, item: Item) -> None:
        if isinstance(item, ImageItem):
            item.texture.pos, item.texture.size = (item.x, item.y), (item.width, item.height)
            item.texture.draw()
            return
        if item not in self._stimuli:  # laying out a text takes longer than a frame, so each stimulus is made only once
            self._stimuli[item] = self._make_stimulus(item)
        self._stimuli[item].draw()

    def _make_stimulus(self, item: OutlineItem | TextItem) -> Any:
        """Return the PsychoPy stimulus of an outline or a text."""
        color = [2 * item.gray - 1] * 3
        if isinstance(item, OutlineItem):
            return self._visual.Rect(
                self._window, item.width, item.height, pos=(item.x, item.y), units="pix", fillColor=None,
                lineColor=color, lineWidth=item.line_width,
            )  # fmt: skip
        return self._visual.TextStim(
            self._window, item.text, pos=(item.x, item.y), height=item.height, color=color, units="pix", font=item.font,
            bold=item.bold, anchorHoriz=item.align, alignText=item.align, wrapWidth=self.size[0],
        )  # fmt: skip

    def _on_mouse_press(self, x: int, y: int, button: int, modifiers: int) -> None:
        # pyglet reports positions and sizes in points, which differ from pixels on high-density displays.
        width, height = self._window.winHandle.get_size()
        self._clicks.append(
            Click((x / width - 0.5) * self.size[0], (y / height - 0.5) * self.size[1], self._clock.getTime())
        )

    def _on_key_press(self, symbol: int, modifiers: int) -> None:
        from pyglet.window import key

        name = key.symbol_string(symbol).lower().removeprefix("_").removeprefix("num_")
        self._keys.append(Key(KEY_NAMES.get(name, name), self._clock.getTime()))

    def _poll_events_until(self, end: float) -> None:
        """Handle clicks and key presses as they arrive, up to a time of the clock."""
        while (remaining := end - self._clock.getTime()) > 0:
            self._handle.dispatch_events()
            time.sleep(min(remaining, 0.001))

    def measure_rate(self, requested: float | None = None) -> None:
        """Set the frame rate to the inverse of the median of 60 intervals, or to the requested rate if that is possible.

        Args:
            requested: The frame rate to enforce, in frames per second; None for the measured rate.

        Raises:
            ObserverError: If the measured rate is not plausible, or if it is lower than the requested rate.
        """
        for _ in range(10):
            self.flip(Scene(0.5))
        times = [self.flip(Scene(0.5)).time for _ in range(61)]
        measured = float(1 / np.median(np.diff(times)))
        if requested is None and not RATES[0] <= measured <= RATES[1]:
            raise ObserverError(
                f"the measured frame rate of {measured:.0f} frames per second is not plausible: the window "
                f"probably does not wait for the refresh of the display. Turn on vertical synchronization (VSync) in the "
                f"graphics driver, or run only a pilot and give its frame rate, --pilot --rate 60"
            )
        if requested is not None and measured < (1 - RATE_TOLERANCE) * requested:
            raise ObserverError(
                f"the screen shows {measured:.1f} frames per second, not {requested:g}: run without --rate"
            )
        self.rate = requested or measured
        if requested is not None and measured > (1 + RATE_TOLERANCE) * requested:
            self._min_frame_duration = 1 / requested


def _import_psychopy() -> tuple[Any, Any, Any]:
    """Return PsychoPy's modules `visual`, `event` and `core`.

    Raises MissingExtra if PsychoPy is not installed, and ObserverError if it cannot be imported or cannot open a window.
    """
    require_extra("people", "a session at the screen")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ObserverError(f"a display is missing (DISPLAY is not set): {WITHOUT_DISPLAY}")
    prepare_psychopy()
    try:
        from psychopy import core, event, logging, visual
    except ImportError as error:
        raise ObserverError(
            f"PsychoPy is installed but cannot be imported ({error}): install what is missing, then run `observers doctor`"
        ) from None
    except Exception as error:  # without a screen, pyglet raises errors of a type that depends on the operating system
        raise ObserverError(
            f"PsychoPy cannot open a window ({type(error).__name__}: {error}): {WITHOUT_DISPLAY}"
        ) from None
    logging.console.setLevel(logging.ERROR)
    return visual, event, core
