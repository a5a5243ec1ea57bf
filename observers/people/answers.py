"""The answer to one trial, which the browser page sends as JSON. It is checked strictly: any client can send anything.

    {"about": {"format": 1, "experiment": …, "participant": …, "session": 1, "seed": …, "distance_cm": 60, "order": …},
     "trial": 7, "choice": "cat" or null, "rt": 0.71 or null,
     "measured": {one number for each name in MEASURES},
     "device": {"browser": "chrome 150", "system": "Linux", "width": 1280, "height": 800, "pixel_ratio": 1}}

A message with a missing or an additional field is refused. Times are in seconds of the page's clock, sizes are in CSS
pixels, and `order` is a digest of the trials (`trial_order_digest`).
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, fields, frozen

from core.names import is_readable
from observers.people import paradigm
from observers.protocol import MAX_COUNT, Response, Trial

FORMAT = 1
# The measures of all screens, and two that only the browser has: the longer side of the image in CSS pixels, and the number
# of CSS pixels per millimeter, which the participant measured with a bank card.
MEASURES = (*paradigm.MEASURES, "image_pixels", "pixels_per_mm")
DISTANCE_RANGE = (1, 10_000)  # viewing distance in cm
MAX_MEASURES = {
    "onset": 1e9, "offset": 1e9, "grid_onset": 1e9, "n_frames": 1e6, "n_dropped": 1e6, "frame_rate": 1e4,
    "image_pixels": 1e5, "pixels_per_mm": 1e3,
}  # fmt: skip
RT_TOLERANCE = 1.0  # seconds by which an rt may exceed the planned duration of the response grid
MAX_TEXT = 1000  # characters


class AnswerError(ValueError):
    """An answer is malformed or does not belong to the trial. The message of the error is sent back to the client."""


@frozen
class SessionInfo:
    """The session that an answer belongs to. All answers of a session have the same values.

    `seed` determines the trial order and the masks, `distance_cm` is the assumed viewing distance, and `order` is the digest
    of the trials.
    """

    experiment: str
    participant: str
    session: int
    seed: int
    distance_cm: float
    order: str
    format: int = FORMAT


@frozen
class Device:
    """The browser and its window. `width` and `height` are in CSS pixels; `pixel_ratio` is device pixels per CSS pixel."""

    browser: str
    system: str
    width: int
    height: int
    pixel_ratio: float

    def __str__(self) -> str:
        size = f"a window of {self.width} × {self.height} pixels at a ratio of {self.pixel_ratio:g}"
        return f"{self.browser} on {self.system}, {size}"


@frozen
class BrowserAnswer:
    """An answer with valid fields; `choice` and `rt` (in seconds) are None if the participant gave no answer."""

    about: SessionInfo
    trial: int
    choice: str | None
    rt: float | None
    measured: Mapping[str, float]
    device: Device

    def to_response(self) -> Response:
        """Return the answer as the response of an observer."""
        return Response(self.choice, self.rt, measured=self.measured)


def trial_order_digest(trials: Sequence[Trial]) -> str:
    """Return a digest of the numbers, blocks, images, conditions and choices of all trials in order."""
    rows = [[t.number, t.block, t.stimulus.id, t.stimulus.condition, t.choices] for t in trials]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def read_answer(body: bytes) -> BrowserAnswer:
    """Parse and check an answer. Raises AnswerError if it is not valid JSON or a field is missing, unknown or invalid."""
    return check_message(parse_message(body))


def parse_message(body: bytes) -> Any:
    """Parse a message of the page. Raises AnswerError if it is not valid JSON, or if a field occurs twice."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_reject_constant, object_pairs_hook=_unique_fields)
    except AnswerError:
        raise
    except (ValueError, RecursionError):
        raise AnswerError("the answer is not valid JSON") from None


def check_message(message: object) -> BrowserAnswer:
    """Return a parsed message as an answer. Raises AnswerError if a field is missing, unknown or invalid."""
    content = check_object(message, "the answer", [field.name for field in fields(BrowserAnswer)])
    device = check_object(content["device"], "device", [field.name for field in fields(Device)])
    measured = check_object(content["measured"], "measured", MEASURES)
    choice, rt = content["choice"], content["rt"]
    if (choice is None) != (rt is None):
        raise AnswerError("choice and rt must both be given or both be null")
    answer = BrowserAnswer(
        read_session_info(content["about"]),
        _check_integer(content["trial"], "trial"),
        None if choice is None else _check_text(choice, "choice"),
        None if rt is None else round(_check_number(rt, "rt", 1e6), 6),
        {name: round(_check_number(measured[name], name, MAX_MEASURES[name]), 6) for name in MEASURES},
        Device(
            _check_simple_text(device["browser"], "browser"),
            _check_simple_text(device["system"], "system"),
            _check_integer(device["width"], "width"),
            _check_integer(device["height"], "height"),
            _check_number(device["pixel_ratio"], "pixel_ratio", 100),
        ),
    )
    if not answer.measured["onset"] <= answer.measured["offset"] <= answer.measured["grid_onset"]:
        raise AnswerError("the times are out of order: expected onset <= offset <= grid_onset")
    return answer


def read_session_info(content: object) -> SessionInfo:
    """Return the session that a message belongs to. Raises AnswerError if a field is missing, unknown or invalid."""
    about = check_object(content, "about", [field.name for field in fields(SessionInfo)])
    info = SessionInfo(
        _check_text(about["experiment"], "experiment"),
        _check_text(about["participant"], "participant"),
        _check_integer(about["session"], "session"),
        _check_integer(about["seed"], "seed"),
        _check_number(about["distance_cm"], "distance_cm", DISTANCE_RANGE[1]),
        _check_text(about["order"], "order"),
        _check_integer(about["format"], "format"),
    )
    if not DISTANCE_RANGE[0] <= info.distance_cm <= DISTANCE_RANGE[1]:
        raise AnswerError(f"distance_cm must be a number from {DISTANCE_RANGE[0]:g} to {DISTANCE_RANGE[1]:g}")
    if info.format != FORMAT:
        raise AnswerError(f"the answer has format {info.format}, but only format {FORMAT} is supported")
    return info


def check_session(answer: SessionInfo, about: SessionInfo) -> None:
    """Raise AnswerError unless a message belongs to the session that `about` describes."""
    if answer != about:
        names = [name for name, value in asdict(about).items() if asdict(answer)[name] != value]
        raise AnswerError(f"the answer belongs to another session: these fields differ: {', '.join(names)}")


def check_answer(answer: BrowserAnswer, about: SessionInfo, trial: Trial) -> None:
    """Raise AnswerError unless the answer belongs to this session and is a possible answer to this trial."""
    check_session(answer.about, about)
    if answer.trial != trial.number:
        raise AnswerError(f"the answer belongs to trial {answer.trial}, but trial {trial.number} was expected")
    if answer.choice is not None and answer.choice not in trial.choices:
        raise AnswerError("the choice is not one of the choices of this trial")
    if answer.rt is not None and answer.rt > trial.presentation.response + RT_TOLERANCE:
        raise AnswerError(
            f"an rt of {answer.rt:g} seconds is not possible: the choices are shown for {trial.presentation.response:g} "
            f"seconds"
        )


def _reject_constant(name: str) -> float:
    """Refuse NaN and Infinity, which Python's parser accepts."""
    raise AnswerError(f"{name} is not a valid number in JSON")


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dictionary; refuse duplicate fields, of which Python's parser would keep the last."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise AnswerError("a field occurs twice")
    return content


def check_object(value: object, name: str, field_names: Sequence[str]) -> dict[str, Any]:
    """Return a JSON object with exactly these fields. Raises AnswerError for any other value."""
    if not isinstance(value, dict) or value.keys() != set(field_names):
        raise AnswerError(f"{name} must be an object with exactly the fields {', '.join(field_names)}")
    return value


def _check_text(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not is_readable(value):
        raise AnswerError(f"{name} must be a text of 1 to {MAX_TEXT} printable characters")
    return value


def _check_simple_text(value: object, name: str) -> str:
    """Check a text that is written into the sidecar and shown in reports, so that it cannot contain markup."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9 ._-]{1,40}", value):
        raise AnswerError(f"{name} must be a text of 1 to 40 letters, digits, spaces, dots, hyphens and underscores")
    return value


def _check_integer(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_COUNT:
        raise AnswerError(f"{name} must be an integer of 0 or more")
    return value


def _check_number(value: object, name: str, maximum: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= maximum:  # excludes NaN
        raise AnswerError(f"{name} must be a number from 0 to {maximum:g}")
    assert math.isfinite(value)
    return float(value)
