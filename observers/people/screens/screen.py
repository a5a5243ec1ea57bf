"""The interface of a screen: what can be shown on one frame, and the clicks and key presses that it reports.

A trial is shown frame by frame. Each frame is a `Scene`. `Screen.flip` draws the scene, waits until it appears, and returns
the time at which it appeared, together with the clicks and key presses since the previous flip.

Units: positions and sizes are in pixels with the origin at the center of the screen, x to the right and y up. Gray levels
are between 0 (black) and 1 (white). Times are in seconds of the screen's own clock.
"""

from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from attrs import frozen


@frozen(eq=False)
class ImageItem:
    """An image on the screen.

    Attributes:
        texture: The texture that `Screen.load` returned for the image.
        x: Horizontal position of the center, in pixels.
        y: Vertical position of the center, in pixels.
        width: Width on the screen, in pixels.
        height: Height on the screen, in pixels.
    """

    texture: Any
    x: float
    y: float
    width: float
    height: float


@frozen
class OutlineItem:
    """The outline of a rectangle.

    Attributes:
        x: Horizontal position of the center, in pixels.
        y: Vertical position of the center, in pixels.
        width: Width, in pixels.
        height: Height, in pixels.
        gray: Gray level of the line, between 0 and 1.
        line_width: Width of the line, in pixels.
    """

    x: float
    y: float
    width: float
    height: float
    gray: float = 0.0
    line_width: float = 2.0


@frozen
class TextItem:
    """Text at a position; line breaks in it are kept.

    Attributes:
        text: The text.
        x: Horizontal position of the center, or of the left edge if `align` is "left", in pixels.
        y: Vertical position of the center, in pixels.
        height: Height of the letters, in pixels.
        gray: Gray level of the letters, between 0 and 1.
        bold: Whether the letters are bold.
        align: Whether the text is centered on `x` or begins at `x`.
        font: Name of an installed font; empty for the default font.
    """

    text: str
    x: float = 0.0
    y: float = 0.0
    height: float = 24.0
    gray: float = 0.0
    bold: bool = False
    align: Literal["center", "left"] = "center"
    font: str = ""


RATES = (20.0, 500.0)  # the lowest and the highest plausible frame rate of a screen, in frames per second
Item = ImageItem | OutlineItem | TextItem


@frozen(eq=False)
class Scene:
    """Everything that is on the screen in one frame.

    Attributes:
        background: Gray level of the background, between 0 and 1.
        items: The items to draw, from back to front.
        pointer: Whether the mouse pointer is visible.
    """

    background: float
    items: tuple[Item, ...] = ()
    pointer: bool = False


@frozen
class Click:
    """A press of a mouse button.

    Attributes:
        x: Horizontal position of the pointer, in pixels from the center.
        y: Vertical position of the pointer, in pixels from the center.
        time: Time of the press, in seconds.
    """

    x: float
    y: float
    time: float


@frozen
class Key:
    """A key press.

    Attributes:
        name: Name of the key, such as "escape", "space", "return", "left", "a" or "1".
        time: Time of the press, in seconds.
    """

    name: str
    time: float


@frozen
class Flip:
    """The result of showing one frame.

    Attributes:
        time: Time at which the frame appeared, in seconds.
        clicks: Clicks since the previous flip.
        keys: Key presses since the previous flip.
    """

    time: float
    clicks: tuple[Click, ...] = ()
    keys: tuple[Key, ...] = ()


class Screen(Protocol):
    """A screen with a mouse and a keyboard, on which a session with a participant runs.

    `PsychoPyScreen` shows a real window. `SimulatedScreen` has a virtual clock and needs no display.
    """

    @property
    def rate(self) -> float:
        """The frame rate, in frames per second."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of the screen, in pixels."""
        ...

    def load(self, pixels: np.ndarray) -> Any:
        """Return a texture for an image. This is slow, so do not call it between two frames of a trial.

        Args:
            pixels: The sRGB image, uint8 of shape (height, width, 3), or (height, width, 4) with an opacity channel.
        """
        ...

    def flip(self, scene: Scene) -> Flip:
        """Show a scene on the next frame and return once it is on the screen."""
        ...

    def warm_up(self, scene: Scene) -> None:
        """Draw a scene once without showing it, because the first drawing of an item takes longer than a frame."""
        ...

    def center_pointer(self) -> None:
        """Move the mouse pointer to the center of the screen."""
        ...

    def beep(self, hertz: float, seconds: float) -> None:
        """Play a tone and return immediately."""
        ...

    def close(self) -> None:
        """Close the screen."""
        ...


@runtime_checkable
class HasSound(Protocol):
    """Optional part of a screen: whether `beep` can be heard. A screen without this part is assumed to have sound."""

    @property
    def sound_problem(self) -> str | None:
        """Why the screen is without sound, or None if tones can be played."""
        ...


def sound_problem(screen: Screen) -> str | None:
    """Return why a screen is without sound, or None if tones can be played."""
    return screen.sound_problem if isinstance(screen, HasSound) else None
