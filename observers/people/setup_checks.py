"""Checks that show whether a computer is suitable for an experiment with participants (`observers doctor`)."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from attrs import frozen

from core.errors import ObserverError
from core.extras import MissingExtra, require_extra
from observers.people.monitor import read_monitor
from observers.people.paradigm import LATE_FRAMES
from observers.people.psychopy_screen import PsychoPyScreen
from observers.people.screen import Scene, Screen

N_FRAMES = 240
MAX_LATE = 0.01  # proportion of late frames above which the timing check fails


@frozen
class SetupCheck:
    """The result of one check, with a message for the user."""

    passed: bool
    message: str


def check_setup(monitor: Path | None, display: int = 0, screen: Screen | None = None) -> Iterator[SetupCheck]:
    """Check PsychoPy, the screen, its timing and the monitor profile, and yield one result for each.

    If `screen` is given, that screen is checked and closed, and PsychoPy is not checked. If a problem makes the remaining
    checks impossible, they are skipped.
    """
    if screen is None:
        try:
            require_extra("people", "a session at the screen")
            yield SetupCheck(True, f"PsychoPy {_psychopy_version()}")
            screen = PsychoPyScreen(display=display)
        except (MissingExtra, ObserverError) as error:
            yield SetupCheck(False, str(error))
            return
    try:
        width, height = screen.size
        yield SetupCheck(
            True, f"the screen has {width} × {height} pixels and shows {screen.rate:.2f} frames per second"
        )
        yield _check_timing(screen)
        yield _check_monitor(monitor, screen)
    finally:
        screen.close()


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
