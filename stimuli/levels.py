"""Distortions by name: the function, the published conditions, and which level the text of a condition stands for.

A distortion is named as its published dataset is, or `mine.py:NAME`: a function (image, level, rng) -> image as those of
`stimuli.distortions`, whose level is a number where the text of the condition is one, and else the text itself.
"""

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
from stimuli.names import resolve, typed
from stimuli.outlines import edges, silhouette
from stimuli.spectrum import published_monitor, read_monitor, read_spectrum

SLACK = 1e-9  # by which rounding may leave 0..1
PLAIN = re.compile(r"[\w.-]*\w[\w.-]*|")  # a condition names a folder


@frozen
class Distortion:
    """What a name stands for. `options` are keyword arguments of the function."""

    name: str
    function: Callable[..., np.ndarray]
    level: Callable[[str], Any]
    expected: str  # how conditions are written, for an error
    conditions: tuple[str, ...] = ()  # of the published set, in order
    options: Mapping[str, Any] = field(factory=dict)

    def level_of(self, condition: str) -> Any:
        """Raises StimulusError."""
        try:
            if not PLAIN.fullmatch(condition):
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
        found: np.ndarray = np.asarray(self.function(image, self.level_of(condition), rng, **self.options))
        sizes = image.shape[:2], image.shape[1::-1]  # turned by 90 degrees
        if found.shape[:2] not in sizes or found.shape[2:] not in ((), (3,)) or found.dtype.kind != "f":
            raise StimulusError(
                f"{self.name} gave {found.dtype} of the shape {found.shape}: expected floats in 0..1, "
                f"{image.shape[:2]} or {image.shape}"
            )
        low, high = found.min(), found.max()
        if not (low >= -SLACK and high <= 1 + SLACK):  # nor where one is NaN
            raise StimulusError(f"{self.name} gave values from {low:g} to {high:g}: expected 0 to 1")
        return found if low >= 0 and high <= 1 else np.asarray(np.clip(found, 0, 1))


def _one_of(*words: str) -> Callable[[str], str]:
    def level(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return level


def _percent(text: str) -> float:
    match = re.fullmatch(r"c(\d+(?:\.\d+)?)", text)
    if not match:
        raise ValueError
    return float(match[1]) / 100


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _reach(text: str) -> tuple[float, float, float]:
    """Reach, coherence, grain of R-C-G, C ten times the coherence."""
    reach, coherence, grain = map(float, text.split("-"))
    return reach, coherence / 10, grain


def _eidolon(
    image: np.ndarray, level: tuple[float, float, float], rng: np.random.Generator, *, standardize: bool = False
) -> np.ndarray:
    reach, coherence, grain = level
    return eidolon(image, reach, rng, coherence=coherence, grain=grain, standardize=standardize)


_DEGREES = "a number of degrees"
_SIGMA = "a standard deviation in pixels"
_REACH = "reach-coherence-grain, the coherence tenfold, such as 8-10-10"
_MADE: dict[str, tuple[Callable[..., np.ndarray], Callable[[str], Any], str]] = {
    "colour": (distortions.colour, _one_of("cr", "bw"), "cr or bw"),
    "contrast": (distortions.contrast, _percent, "a contrast in percent such as c30"),
    "uniform-noise": (distortions.uniform_noise, float, "half the width of the noise such as 0.35"),
    "salt-and-pepper": (distortions.salt_and_pepper, float, "the share of pixels such as 0.2"),
    "low-pass": (distortions.low_pass, float, _SIGMA),
    "high-pass": (distortions.high_pass, float, f"{_SIGMA}, or inf"),
    "phase-scrambling": (distortions.phase_scrambling, float, _DEGREES),
    "power-equalisation": (distortions.power_equalisation, _one_of("0", "pow"), "0 or pow"),
    "false-colour": (distortions.false_colour, _one_of("true", "false"), "true or false"),
    "rotation": (distortions.rotation, float, "0, 90, 180 or 270"),
    "eidolonI": (_eidolon, _reach, _REACH),
    "eidolonII": (_eidolon, _reach, _REACH),
    "eidolonIII": (_eidolon, _reach, _REACH),
    "silhouette": (silhouette, _one_of(""), "none"),
    "edge": (edges, _one_of(""), "none"),
}
_OWN_CONDITIONS = {"salt-and-pepper": ("0", "0.1", "0.2", "0.35", "0.5", "0.65", "0.8", "0.95")}  # no published set
DISTORTIONS = tuple(_MADE)
PUBLISHED_12 = tuple(name for name in _MADE if name not in ("salt-and-pepper", "silhouette", "edge"))
_READERS: dict[str, Callable[[Path], np.ndarray]] = {"spectrum": read_spectrum, "monitor": read_monitor}


def conditions_of(name: str) -> tuple[str, ...]:
    """The published conditions of one of DISTORTIONS, in order."""
    return _OWN_CONDITIONS.get(name) or tuple(c.name for c in DATASETS[name].conditions)


def make_distortion(name: str, options: Mapping[str, str] | None = None) -> Distortion:
    """The distortion of that name with its options, given as text. Raises UnknownName, UserError, StimulusError."""
    if name in _MADE:
        function, level, expected = _MADE[name]
        conditions = conditions_of(name)
    else:
        function = resolve(name, dict.fromkeys(_MADE, ""), "distortions", "distortion")
        level, expected, conditions = _number_or_text, "letters, digits and . _ -", ()
        if not callable(function):
            raise StimulusError(f"{name} is no distortion: expected a function (image, level, rng) -> image")
    given: dict[str, Any] = typed(function, name, options or {}, n_given=3)
    for option, read in _READERS.items():
        if isinstance(given.get(option), str):
            given[option] = read(Path(given[option]).expanduser())
    if name == "false-colour" and "monitor" not in given:
        given["monitor"] = published_monitor()
    return Distortion(name, function, level, expected, conditions, given)
