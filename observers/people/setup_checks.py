"""Checks that show whether a computer is suitable for an experiment with participants (`observers doctor`)."""

import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from attrs import frozen

from core.errors import ObserverError
from core.extras import MissingExtra, require_extra
from observers.people.monitor import read_monitor
from observers.people.paradigm import LATE_FRAMES
from observers.people.screens.psychopy_screen import PsychoPyScreen
from observers.people.screens.psychopy_setup import try_sound
from observers.people.screens.screen import Scene, Screen
from observers.people.texts.reading import load_texts
from observers.people.texts.session_texts import SessionTexts

N_FRAMES = 240
MAX_LATE = 0.01  # proportion of late frames above which the timing check fails
MIN_FREE = 500e6  # bytes of free disk space below which the check fails; a session needs far less
MAX_SHOWN = 20  # number of missing characters in a message


@frozen
class SetupCheck:
    """The result of one check.

    Attributes:
        passed: Whether the result of this check allows sessions.
        message: A sentence for the user.
        is_note: Whether the message is about something that is missing but not required, such as sound.
    """

    passed: bool
    message: str
    is_note: bool = False

    @property
    def label(self) -> str:
        """The word in front of the message: ok, note or FAIL."""
        return "FAIL" if not self.passed else "note" if self.is_note else "ok"


@runtime_checkable
class TestableScreen(Protocol):
    """A screen whose parts can be tested. Screens without these methods are not tested for them."""

    def measure_rate(self) -> None:
        """Measure the frame rate. Raises ObserverError if it is not plausible."""
        ...

    def can_move_pointer(self) -> bool:
        """Return whether the mouse pointer can be moved."""
        ...

    def missing_glyphs(self, text: str, font: str = "") -> str:
        """Return the characters of a text that the font cannot show."""
        ...


def check_setup(
    monitor: Path | None,
    display: int = 0,
    screen: Screen | None = None,
    *,
    texts: SessionTexts | None = None,
    folder: Path = Path("logs"),
) -> Iterator[SetupCheck]:
    """Check PsychoPy, sound, the disk, the screen, its timing, mouse, fonts and the monitor profile, and yield each result.

    If a problem makes further checks impossible, they are skipped.

    Args:
        monitor: The monitor profile, or None.
        display: Number of the display.
        screen: A screen to check and close instead of PsychoPy, whose sound is then not checked either.
        texts: The texts of the session, whose characters the font must have; by default, the English ones.
        folder: Folder for the trial logs.
    """
    yield check_folder(folder)
    if screen is None:
        try:
            require_extra("people", "a session at the screen")
        except MissingExtra as error:
            yield SetupCheck(False, str(error))
            return
        yield SetupCheck(True, f"PsychoPy {_psychopy_version()}")
        yield describe_sound(try_sound())
        try:
            screen = PsychoPyScreen(display=display, measure_rate=False)
        except ObserverError as error:
            yield SetupCheck(False, str(error))
            return
    try:
        yield from _check_screen(screen)
        if isinstance(screen, TestableScreen):
            yield _check_fonts(screen, texts or load_texts())
        yield _check_monitor(monitor, screen)
    finally:
        screen.close()


def _check_screen(screen: Screen) -> Iterator[SetupCheck]:
    """Check the mouse, the frame rate and the timing of a screen."""
    if isinstance(screen, TestableScreen):
        if screen.can_move_pointer():
            yield SetupCheck(True, "the mouse pointer can be moved to the center of the screen")
        else:
            yield SetupCheck(False, "the mouse pointer cannot be moved: connect a mouse, or run sessions with --keys")
        try:
            screen.measure_rate()
        except ObserverError as error:
            yield SetupCheck(False, str(error))
            return
    width, height = screen.size
    yield SetupCheck(True, f"the screen has {width} × {height} pixels and shows {screen.rate:.2f} frames per second")
    yield _check_timing(screen)


def check_folder(folder: Path) -> SetupCheck:
    """Check that files can be written into the folder of the logs, or where it will be created, and the free disk space."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".observers-") as file:
            file.write(b"x")
            file.flush()
        free = shutil.disk_usage(existing).free
    except OSError as error:
        return SetupCheck(
            False, f"trial logs cannot be written to {folder} ({error.strerror}): use another folder with --out"
        )
    message = f"trial logs are written to {folder}, whose disk has {free / 1e9:,.1f} GB of free space"
    if free < MIN_FREE:
        return SetupCheck(False, f"{message}: free at least {MIN_FREE / 1e9:g} GB")
    return SetupCheck(True, message)


def describe_sound(problem: str | None) -> SetupCheck:
    """Return the result of the sound check from the reason why sound is missing, or None if it works."""
    if problem is None:
        return SetupCheck(True, "sound can be played")
    message = f"sound is not available ({problem}), so errors in practice trials are shown on the screen without a beep"
    return SetupCheck(True, message, is_note=True)


def _check_fonts(screen: TestableScreen, texts: SessionTexts) -> SetupCheck:
    """Check that the font has all characters of the texts."""
    characters = texts.characters()
    missing = screen.missing_glyphs(characters, texts.font)
    name = f"the font {texts.font}" if texts.font else "the default font"
    if not missing:
        return SetupCheck(True, f"{name} has all {len(characters)} characters of the texts ({texts.language})")
    more = f" and {len(missing) - MAX_SHOWN} more" if len(missing) > MAX_SHOWN else ""
    return SetupCheck(
        False,
        f"{name} lacks the characters {' '.join(missing[:MAX_SHOWN])}{more} of the texts ({texts.language}): install a font "
        f"with these characters and enter its name as screen.font in your texts (`observers texts --out FOLDER`)",
    )


def _psychopy_version() -> str:
    """Return the version of PsychoPy, which PyPI has under two names."""
    try:
        return version("psychopy-lib")
    except PackageNotFoundError:
        return version("psychopy")


def _check_timing(screen: Screen) -> SetupCheck:
    """Flip between two grays and check how many frames are late."""
    times = [screen.flip(Scene(0.3 + 0.1 * (i % 2))).time for i in range(N_FRAMES + 1)]
    late = np.diff(times) * screen.rate > LATE_FRAMES
    message = f"{late.sum()} of {N_FRAMES} frames were late"
    if late.mean() <= MAX_LATE:
        return SetupCheck(True, message)
    return SetupCheck(False, f"{message}: close other programs, and turn off desktop effects and other screens")


def _check_monitor(monitor: Path | None, screen: Screen) -> SetupCheck:
    """Check that the monitor profile can be read, and that it has the same number of pixels as this screen."""
    if monitor is None:
        return SetupCheck(
            False,
            "no monitor profile was given: give it with --monitor FILE (`observers calibrate-monitor FILE` writes one)",
        )
    try:
        profile = read_monitor(monitor)
    except ObserverError as error:
        return SetupCheck(False, str(error))
    if profile.pixels != screen.size:
        return SetupCheck(
            False,
            f"{monitor} is for a screen of {profile.pixels[0]} × {profile.pixels[1]} pixels: run "
            f"`observers calibrate-monitor` for this screen",
        )
    return SetupCheck(
        True,
        f"monitor profile {profile.name}: 1 degree is {profile.degrees_to_pixels(1):.1f} pixels and an image of 3 degrees "
        f"is {profile.degrees_to_pixels(3):.0f} pixels",
    )
