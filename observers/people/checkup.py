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
class Finding:
    fine: bool
    said: str


def checkup(monitor: Path | None, display: int = 0, screen: Screen | None = None) -> Iterator[Finding]:
    """Findings on PsychoPy, the screen, its timing and the monitor's profile. A `screen` given is used as it is."""
    if screen is None:
        found = [version(name) for name in ("psychopy-lib", "psychopy") if _is_there(name)]
        if found:
            yield Finding(True, f"PsychoPy {found[0]}")
        else:
            yield Finding(False, 'PsychoPy is not installed: pip install -c constraints.txt -e ".[human]"')
            return
        try:
            screen = PsychoPyScreen(display=display)
        except ObserverError as error:
            yield Finding(False, str(error))
            return
    try:
        width, height = screen.size
        yield Finding(True, f"a screen of {width} × {height} pixels, {screen.rate:.2f} frames a second")
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


def _timing(screen: Screen) -> Finding:
    times = [screen.flip(Scene(0.3 + 0.1 * (i % 2))).time for i in range(N_FRAMES + 1)]
    late = np.diff(times) * screen.rate > LATE
    said = f"{late.sum()} of {N_FRAMES} frames were late"
    if late.mean() <= WORST:
        return Finding(True, said)
    return Finding(False, f"{said}: close other programs, turn off a compositor or a second screen")


def _profile(monitor: Path | None, screen: Screen) -> Finding:
    if monitor is None:
        return Finding(False, "no profile of the monitor is named: --monitor FILE (`observers calibrate-monitor FILE`)")
    try:
        profile = read_monitor(monitor)
    except ObserverError as error:
        return Finding(False, str(error))
    if profile.pixels != screen.size:
        return Finding(
            False, f"{monitor} is of {profile.pixels[0]} × {profile.pixels[1]} pixels: calibrate this screen"
        )
    return Finding(True, f"{profile.name}: a degree is {profile.length(1):.1f} pixels, an image of 3 degrees "
                         f"{profile.length(3):.0f}")  # fmt: skip
