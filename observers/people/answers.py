"""What a browser says of one trial, as JSON. Anybody may have sent it, so nothing is believed before it was looked at.

    {"about": {"format": 1, "experiment": …, "participant": …, "session": 1, "seed": …, "distance_cm": 60, "order": …},
     "trial": 7, "choice": "cat" or null, "rt": 0.71 or null,
     "measured": {a number by each name in MEASURES},
     "device": {"browser": "chrome 150", "system": "Linux", "width": 1280, "height": 800, "pixel_ratio": 1}}

These fields and no others. Times are seconds of the page's clock, sizes CSS pixels; `order` is a digest of what is asked.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, fields, frozen

from observers.people import paradigm
from observers.protocol import MAX_COUNT, Response, Trial

FORMAT = 1
# Besides what any screen measures: the longer side of the image, and what a millimeter of this screen has by a bank card.
MEASURES = (*paradigm.MEASURES, "image_pixels", "pixels_per_mm")
DISTANCES = (1, 10_000)  # cm from the eyes to the screen
LIMITS = {
    "onset": 1e9, "offset": 1e9, "grid_onset": 1e9, "n_frames": 1e6, "n_dropped": 1e6, "frame_rate": 1e4,
    "image_pixels": 1e5, "pixels_per_mm": 1e3,
}  # fmt: skip
LATE = 1.0  # seconds after the grid's end that a click may come in
MAX_TEXT = 1000  # characters


class AnswerError(ValueError):
    """No answer to a trial of this session; the message says why and repeats nothing long."""


@frozen
class SessionInfo:
    """Whose answers these are, and to what; the same in every answer of a session."""

    experiment: str
    participant: str
    session: int
    seed: int  # of the order and of the masks
    distance_cm: float
    order: str
    format: int = FORMAT


@frozen
class Device:
    browser: str
    system: str
    width: int  # of the window
    height: int
    pixel_ratio: float

    def __str__(self) -> str:
        size = f"a window of {self.width} × {self.height} pixels at a ratio of {self.pixel_ratio:g}"
        return f"{self.browser} on {self.system}, {size}"


@frozen
class BrowserAnswer:
    about: SessionInfo
    trial: int
    choice: str | None
    rt: float | None
    measured: Mapping[str, float]
    device: Device

    def response(self) -> Response:
        return Response(self.choice, self.rt, measured=self.measured)


def order_of(trials: Sequence[Trial]) -> str:
    """A digest of which image is asked when, with which choices."""
    asked = [[t.number, t.block, t.stimulus.id, t.stimulus.condition, t.choices] for t in trials]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def read_answer(body: bytes) -> BrowserAnswer:
    """Raises AnswerError."""
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_number, object_pairs_hook=_once)
    except AnswerError:
        raise
    except (ValueError, RecursionError):
        raise AnswerError("this is no JSON") from None
    given = _object(found, "an answer", [field.name for field in fields(BrowserAnswer)])
    about = _object(given["about"], "about", [field.name for field in fields(SessionInfo)])
    device = _object(given["device"], "device", [field.name for field in fields(Device)])
    measured = _object(given["measured"], "measured", MEASURES)
    choice, rt = given["choice"], given["rt"]
    if (choice is None) != (rt is None):
        raise AnswerError("choice and rt come together")
    answer = BrowserAnswer(
        SessionInfo(
            _text(about["experiment"], "experiment"),
            _text(about["participant"], "participant"),
            _whole(about["session"], "session"),
            _whole(about["seed"], "seed"),
            _number(about["distance_cm"], "distance_cm", DISTANCES[1]),
            _text(about["order"], "order"),
            _whole(about["format"], "format"),
        ),
        _whole(given["trial"], "trial"),
        None if choice is None else _text(choice, "choice"),
        None if rt is None else round(_number(rt, "rt", 1e6), 6),
        {name: round(_number(measured[name], name, LIMITS[name]), 6) for name in MEASURES},
        Device(
            _plain(device["browser"], "browser"),
            _plain(device["system"], "system"),
            _whole(device["width"], "width"),
            _whole(device["height"], "height"),
            _number(device["pixel_ratio"], "pixel_ratio", 100),
        ),
    )
    if not answer.measured["onset"] <= answer.measured["offset"] <= answer.measured["grid_onset"]:
        raise AnswerError("an image appears before it goes, and goes before the choices appear")
    if not DISTANCES[0] <= answer.about.distance_cm <= DISTANCES[1]:
        raise AnswerError(f"distance_cm must be {DISTANCES[0]:g} to {DISTANCES[1]:g}")
    if answer.about.format != FORMAT:
        raise AnswerError(f"format {answer.about.format} is not read here, only {FORMAT}")
    return answer


def check_answer(answer: BrowserAnswer, about: SessionInfo, trial: Trial) -> None:
    """Raises AnswerError unless it can be the answer to that trial of that session."""
    if answer.about != about:
        names = [name for name, value in asdict(about).items() if asdict(answer.about)[name] != value]
        raise AnswerError(f"this answers another session: {', '.join(names)} differ")
    if answer.trial != trial.number:
        raise AnswerError(f"this answers trial {answer.trial}, asked is {trial.number}")
    if answer.choice is not None and answer.choice not in trial.choices:
        raise AnswerError("this choice is none of the trial's")
    if answer.rt is not None and answer.rt > trial.presentation.response + LATE:
        raise AnswerError(f"the choices are shown for {trial.presentation.response:g} seconds, rt is {answer.rt:g}")


def _no_number(name: str) -> float:
    raise AnswerError(f"{name} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise AnswerError("a field is there twice")
    return found


def _object(found: object, what: str, names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(found, dict) or found.keys() != set(names):
        raise AnswerError(f"{what} must have exactly the fields {', '.join(names)}")
    return found


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        raise AnswerError(f"{what} must be a text of up to {MAX_TEXT} characters that can be seen")
    return value


def _plain(value: object, what: str) -> str:
    """What goes into the sidecar as the browser has it."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9 ._-]{1,40}", value):
        raise AnswerError(f"{what} must be up to 40 letters, digits, dots, hyphens and spaces")
    return value


def _whole(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_COUNT:
        raise AnswerError(f"{what} must be a whole number from 0 on")
    return value


def _number(value: object, what: str, most: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:  # nor NaN
        raise AnswerError(f"{what} must be a number from 0 to {most:g}")
    assert math.isfinite(value)
    return float(value)
