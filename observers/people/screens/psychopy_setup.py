"""What PsychoPy needs before a session: its environment, and a sound device that is tried before it is used.

The libraries behind PsychoPy's sound print messages of their own, and some end the whole process if they fail. They are
therefore tried in a separate process first, whose messages are not shown.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

TRIAL_SECONDS = 60.0  # longest time that trying the sound may take
_MARK = "sound problem: "
_TRY_SOUND = f"""
try:
    from psychopy import sound
    sound.Sound(300.0, secs=0.05, volume=0.0).play()
except Exception as error:
    print("{_MARK}" + (" ".join(str(error).split()) or type(error).__name__), flush=True)
"""


def prepare_psychopy() -> None:
    """Set the environment variable that keeps PsychoPy from changing PATH. Call this before PsychoPy is imported."""
    os.environ.setdefault("PSYCHOPYNOPACKAGES", "1")


def open_sound() -> tuple[Callable[..., Any] | None, str | None]:
    """Try the sound device, and return PsychoPy's class Sound, or None, and the reason why sound is missing, or None."""
    problem = try_sound()
    if problem is not None:
        return None, problem
    try:
        with _silence():
            from psychopy import sound

            sound.Sound(300.0, secs=0.05, volume=0.0)
    except Exception as error:  # the sound back ends raise errors of many types, including bare Exception
        return None, describe_sound_error(error)
    return sound.Sound, None


def try_sound() -> str | None:
    """Play a silent tone in a separate process, and return why it failed, or None if it was played."""
    prepare_psychopy()
    try:
        result = subprocess.run(
            [sys.executable, "-c", _TRY_SOUND], capture_output=True, text=True, errors="replace", timeout=TRIAL_SECONDS,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"the sound device did not answer within {TRIAL_SECONDS:g} seconds"
    for line in result.stdout.splitlines():
        if line.startswith(_MARK):
            return describe_sound_error(line.removeprefix(_MARK))
    return None if result.returncode == 0 else f"the test of the sound device ended with code {result.returncode}"


def describe_sound_error(error: Exception | str) -> str:
    """Return the message of an error of a sound library on one line."""
    message = " ".join(str(error).split()).removeprefix("PTB-ERROR: ").rstrip(".")
    return message[:200] or type(error).__name__


@contextmanager
def _silence() -> Iterator[None]:
    """Discard what C libraries and programs write to the standard output and the standard error."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), 1)
        os.dup2(null.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, descriptor)
            os.close(copy)
