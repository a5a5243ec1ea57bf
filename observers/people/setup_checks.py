"""Is this machine fit for an experiment with people? One finding a question, in words."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from attrs import frozen

from observers.people.monitor import read_monitor
from observers.people.paradigm import LATE
from observers.people.psychopy_screen import PsychoPyScreen
from observers.people.screen import Scene, Screen
from stimuli.errors import ObserverError

N_FRAMES = 240
WORST = 0.01  # of the frames may be late


@frozen
class SetupCheck:
    fine: bool
    said: str


def check_setup(monitor: Path | None, display: int = 0, screen: Screen | None = None) -> Iterator[SetupCheck]:
    """Findings on PsychoPy, the screen, its timing and the monitor's profile. A `screen` given is used as it is."""
    if screen is None:
        found = [version(name) for name in ("psychopy-lib", "psychopy") if _is_there(name)]
        if found:
            yield SetupCheck(True, f"PsychoPy {found[0]}")
        else:
            yield SetupCheck(False, 'PsychoPy is not installed: pip install -c constraints.txt -e ".[human]"')
            return
        try:
            screen = PsychoPyScreen(display=display)
        except ObserverError as error:
            yield SetupCheck(False, str(error))
            return
    try:
        width, height = screen.size
        yield SetupCheck(True, f"a screen of {width} × {height} pixels, {screen.rate:.2f} frames a second")
        yield _timing(screen)
        yield _profile(monitor, screen)
    finally:
        screen.close()


def _is_there(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _timing(screen: Screen) -> SetupCheck:
    times = [screen.flip(Scene(0.3 + 0.1 * (i % 2))).time for i in range(N_FRAMES + 1)]
    late = np.diff(times) * screen.rate > LATE
    said = f"{late.sum()} of {N_FRAMES} frames were late"
    if late.mean() <= WORST:
        return SetupCheck(True, said)
    return SetupCheck(False, f"{said}: close other programs, turn off a compositor or a second screen")


def _profile(monitor: Path | None, screen: Screen) -> SetupCheck:
    if monitor is None:
        return SetupCheck(
            False, "no profile of the monitor is named: --monitor FILE (`observers calibrate-monitor FILE`)"
        )
    try:
        profile = read_monitor(monitor)
    except ObserverError as error:
        return SetupCheck(False, str(error))
    if profile.pixels != screen.size:
        return SetupCheck(
            False, f"{monitor} is of {profile.pixels[0]} × {profile.pixels[1]} pixels: calibrate this screen"
        )
    return SetupCheck(True, f"{profile.name}: a degree is {profile.length(1):.1f} pixels, an image of 3 degrees "
                         f"{profile.length(3):.0f}")  # fmt: skip
