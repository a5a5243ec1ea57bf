"""Distortions by name: the function, the published conditions, and which level the text of a condition stands for.

A distortion is named as its published dataset is, or `mine.py:NAME`: a function (image, level, rng) -> image as those of
`stimuli.distortions`, whose level is a number where the text of the condition is one, and else the text itself.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen

from stimuli import distortions
from stimuli.datasets import DATASETS
from stimuli.eidolon import eidolon
from stimuli.errors import StimulusError
from stimuli.images import check_float_image
from stimuli.names import code_of, options_of, own_name, resolve, safely, takes_three, typed
from stimuli.outlines import edges, silhouette
from stimuli.spectrum import published_monitor, read_monitor, read_spectrum

FOLDER = re.compile(r"[\w.-]*\w[\w.-]*")  # a condition names one


@frozen
class Distortion:
    """What a name stands for. `options` are keyword arguments of the function."""

    name: str
    function: Callable[..., np.ndarray]
    level: Callable[[str], Any]
    expected: str  # how conditions are written, for an error
    conditions: tuple[str, ...] = ()  # of the published set, in order
    options: Mapping[str, Any] = field(factory=dict)
    basis: str = ""  # a measured table that it uses without having been told
    code: str | None = None  # a plugin's version, or the sha256 of a user's file

    def in_short(self) -> dict[str, object]:
        """The options, tables by their sha256."""
        return {name: _in_short(value) for name, value in sorted(self.options.items())}

    def level_of(self, condition: str) -> Any:
        """Raises StimulusError."""
        try:
            if not FOLDER.fullmatch(condition) and condition not in self.conditions:
                raise ValueError
            return self.level(condition)
        except ValueError:
            raise StimulusError(f"{self.name} has no condition {condition!r}: expected {self.expected}") from None

    @property
    def axis(self) -> str:
        """What the conditions are, for a figure."""
        axis = DATASETS[self.name].axis if self.name in DATASETS else ""
        return f"{self.name}: {axis}" if axis else self.name

    def label(self, condition: str) -> str:
        """For a figure: as the published set names it, or the text itself."""
        return DATASETS[self.name].label(condition) if self.name in DATASETS else condition

    def apply(self, image: np.ndarray, condition: str, rng: np.random.Generator) -> np.ndarray:
        """(h, w, 3) float64 in 0..1 -> (h, w) or (h, w, 3) in 0..1. Raises StimulusError."""
        height, width = image.shape[:2]
        sizes = list(dict.fromkeys([(height, width), (width, height)]))  # turned by 90 degrees
        function = self.function if self.name in _MADE else safely(self.function, self.name)
        found = function(image, self.level_of(condition), rng, **self.options)
        return check_float_image(found, [*sizes, *((*size, 3) for size in sizes)], self.name)


def _one_of(*words: str) -> Callable[[str], str]:
    def level(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return level


def _percent(text: str) -> float:
    if not text.startswith("c"):
        raise ValueError
    return _number(text[1:]) / 100


def _number(text: str) -> float:
    """float() takes more than anyone would write."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?|-?\.[0-9]+|inf", text):
        raise ValueError
    return float(text)


def _number_or_text(text: str) -> float | str:
    try:
        return _number(text)
    except ValueError:
        return text


def _reach(text: str) -> tuple[float, float, float]:
    """Reach, coherence, grain of R-C-G, C ten times the coherence."""
    reach, coherence, grain = map(_number, text.split("-"))
    return reach, coherence / 10, grain


def _eidolon(
    image: np.ndarray, level: tuple[float, float, float], rng: np.random.Generator, *, standardize: bool = False
) -> np.ndarray:
    reach, coherence, grain = level
    return eidolon(image, reach, rng, coherence=coherence, grain=grain, standardize=standardize)


def _in_short(value: object) -> object:
    return hashlib.sha256(value.tobytes()).hexdigest() if isinstance(value, np.ndarray) else value


_DEGREES = "a number of degrees"
_SIGMA = "a standard deviation in pixels"
_REACH = "reach-coherence-grain, the coherence tenfold, such as 8-10-10"
_MADE: dict[str, tuple[Callable[..., np.ndarray], Callable[[str], Any], str]] = {
    "colour": (distortions.colour, _one_of("cr", "bw"), "cr or bw"),
    "contrast": (distortions.contrast, _percent, "a contrast in percent such as c30"),
    "uniform-noise": (distortions.uniform_noise, _number, "half the width of the noise such as 0.35"),
    "salt-and-pepper": (distortions.salt_and_pepper, _number, "the share of pixels such as 0.2"),
    "low-pass": (distortions.low_pass, _number, _SIGMA),
    "high-pass": (distortions.high_pass, _number, f"{_SIGMA}, or inf"),
    "phase-scrambling": (distortions.phase_scrambling, _number, _DEGREES),
    "power-equalisation": (distortions.power_equalisation, _one_of("0", "pow"), "0 or pow"),
    "false-colour": (distortions.false_colour, _one_of("true", "false"), "true or false"),
    "rotation": (distortions.rotation, _number, "0, 90, 180 or 270"),
    "eidolonI": (_eidolon, _reach, _REACH),
    "eidolonII": (_eidolon, _reach, _REACH),
    "eidolonIII": (_eidolon, _reach, _REACH),
    "silhouette": (silhouette, _one_of(""), "none"),
    "edge": (edges, _one_of(""), "none"),
}
_OWN_CONDITIONS = {"salt-and-pepper": ("0", "0.1", "0.2", "0.35", "0.5", "0.65", "0.8", "0.95")}  # no published set
DISTORTIONS = tuple(_MADE)
PUBLISHED_12 = tuple(name for name in _MADE if name not in ("salt-and-pepper", "silhouette", "edge"))
_READERS: dict[str, tuple[str, Callable[[Path], np.ndarray]]] = {
    "power-equalisation": ("spectrum", read_spectrum),
    "false-colour": ("monitor", read_monitor),
}  # option that names a file


def conditions_of(name: str) -> tuple[str, ...]:
    """The published conditions of one of DISTORTIONS, in order."""
    return _OWN_CONDITIONS.get(name) or tuple(c.name for c in DATASETS[name].conditions)


def options_of_distortion(name: str) -> list[str]:
    """The options of one of DISTORTIONS."""
    return list(options_of(_MADE[name][0]))[3:]


def make_distortion(name: str, options: Mapping[str, str] | None = None) -> Distortion:
    """The distortion of that name with its options, given as text. Raises UnknownName, UserError, StimulusError."""
    basis = ""
    if name in _MADE:
        function, level, expected = _MADE[name]
        conditions = conditions_of(name)
    else:
        function = resolve(name, dict.fromkeys(_MADE, ""), "distortions", "distortion")
        level, expected, conditions = _number_or_text, "letters, digits and . _ -", ()
        takes_three(function, name, "(image, level, rng) -> image")
    given: dict[str, Any] = typed(function, name, options or {}, n_given=3)
    if name in _READERS:
        option, read = _READERS[name]
        if option in given:
            given[option] = read(Path(given[option]).expanduser())
    if name == "false-colour" and "monitor" not in given:
        monitor = published_monitor()
        given |= {} if monitor is None else {"monitor": monitor}
        basis = "sRGB's curve of light" if monitor is None else "the light of the published laboratory's monitor"
    return Distortion(
        own_name(name),
        function,
        level,
        expected,
        conditions,
        given,
        basis,
        None if name in _MADE else code_of(name, "distortions"),
    )
