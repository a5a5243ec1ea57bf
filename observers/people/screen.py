"""What a person is shown, frame by frame: a Scene is drawn and flipped; the Screen says when, and what was pressed since.

Pixels are counted from the middle of the screen, x to the right and y up; grays are in 0..1; times are seconds of the
screen's own clock.
"""

from typing import Any, Protocol

import numpy as np
from attrs import frozen


@frozen(eq=False)
class ImageItem:
    texture: Any  # what `Screen.load` gave
    x: float
    y: float
    width: float
    height: float


@frozen
class OutlineItem:
    """The edge of a rectangle."""

    x: float
    y: float
    width: float
    height: float
    gray: float = 0.0
    line: float = 2.0


@frozen
class TextItem:
    text: str
    x: float = 0.0
    y: float = 0.0
    height: float = 24.0  # of a line
    gray: float = 0.0


RATES = (20.0, 500.0)  # frames a second that a screen can have
Item = ImageItem | OutlineItem | TextItem


@frozen(eq=False)
class Scene:
    background: float
    items: tuple[Item, ...] = ()
    pointer: bool = False  # is the mouse shown?


@frozen
class Click:
    x: float
    y: float
    time: float


@frozen
class Key:
    name: str  # escape, space, left, a, 1 …
    time: float


@frozen
class Flip:
    """When a scene appeared, and what was pressed since the one before it."""

    time: float
    clicks: tuple[Click, ...] = ()
    keys: tuple[Key, ...] = ()


class Screen(Protocol):
    @property
    def rate(self) -> float:
        """Frames a second, measured."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def load(self, pixels: np.ndarray) -> Any:
        """A texture of (h, w, 3) uint8, or with a fourth channel of how opaque it is; slow, so not between two frames."""
        ...

    def flip(self, scene: Scene) -> Flip:
        """Show the scene from the next frame on; returns when it is there."""
        ...

    def rehearse(self, scene: Scene) -> None:
        """Do what is slow about drawing a scene for the first time, and show nothing."""
        ...

    def center_pointer(self) -> None: ...

    def beep(self, hertz: float, seconds: float) -> None: ...

    def close(self) -> None: ...
