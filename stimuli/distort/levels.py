"""Distortions by name: the function, its published conditions, and how the text of a condition is read as a level.

A built-in distortion is named after its published dataset. `mine.py:NAME` names a user's own function
(image, level, rng) -> image, like those in `stimuli.distort.distortions`. The level that this function receives is the
condition, as a number if possible and as text otherwise.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen

from core.errors import StimulusError
from core.options import options_of, parse_options
from core.plugins import check_three_parameters, code_version, resolve, strip_folder, wrap_user_function
from stimuli.distort import distortions
from stimuli.distort.eidolon import eidolon
from stimuli.distort.outlines import edges, silhouette
from stimuli.distort.spectrum import read_monitor, read_published_monitor, read_spectrum
from stimuli.images import check_float_image
from stimuli.published.datasets import DATASETS

CONDITION_PATTERN = re.compile(r"[\w.-]*\w[\w.-]*")  # a condition becomes the name of a folder


@frozen
class Distortion:
    """A distortion function with its options, as `make_distortion` returns it.

    Attributes:
        name: Name of the distortion; for a user's function, `FILE.py:NAME` without the folder of the file.
        function: The function (image, level, rng, **options) -> image.
        parse_level: Converts the text of a condition into a level, or raises ValueError.
        level_format: How conditions are written, for error messages.
        conditions: The published conditions in order; empty for a user's function.
        options: Keyword arguments of the function.
        basis: Describes the measured table that is used by default, such as "the published mean spectrum".
        code_version: Identifies the code of a plugin or user's function; None for a built-in distortion.
    """

    name: str
    function: Callable[..., np.ndarray]
    parse_level: Callable[[str], Any]
    level_format: str
    conditions: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(factory=dict)
    basis: str = ""
    code_version: str | None = None

    def summarize_options(self) -> dict[str, object]:
        """Return the options sorted by name, with arrays replaced by the sha256 of their values."""
        return {
            name: hashlib.sha256(value.tobytes()).hexdigest() if isinstance(value, np.ndarray) else value
            for name, value in sorted(self.options.items())
        }

    def level_of(self, condition: str) -> Any:
        """Return the level of a condition. Raise StimulusError if the condition is not written as expected."""
        try:
            if not CONDITION_PATTERN.fullmatch(condition) and condition not in self.conditions:
                raise ValueError
            return self.parse_level(condition)
        except ValueError:
            raise StimulusError(
                f"{self.name} does not have the condition {condition!r}: expected {self.level_format}"
            ) from None

    @property
    def axis(self) -> str:
        """Label, with the unit, of the axis of conditions in a figure."""
        axis = DATASETS[self.name].axis if self.name in DATASETS else ""
        return f"{self.name}: {axis}" if axis else self.name

    def label(self, condition: str) -> str:
        """Return the label of a condition in a figure: that of the published dataset, or the condition itself."""
        return DATASETS[self.name].label(condition) if self.name in DATASETS else condition

    def apply(self, image: np.ndarray, condition: str, rng: np.random.Generator) -> np.ndarray:
        """Distort an image.

        Args:
            image: (h, w, 3) float64 in 0..1.
            condition: The condition, which determines the level.
            rng: Random generator for distortions that are random.

        Returns:
            (h, w) or (h, w, 3) in 0..1; a rotation may exchange height and width.

        Raises:
            StimulusError: If the condition is invalid, the distortion cannot be applied to this image, or a user's
                function failed or returned something other than an image.
        """
        height, width = image.shape[:2]
        sizes = list(dict.fromkeys([(height, width), (width, height)]))
        function = self.function if self.name in _BUILT_IN else wrap_user_function(self.function, self.name)
        distorted = function(image, self.level_of(condition), rng, **self.options)
        return check_float_image(distorted, [*sizes, *((*size, 3) for size in sizes)], self.name)


def _accept_only(*words: str) -> Callable[[str], str]:
    """Return a level parser that accepts only these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return parse


def _parse_contrast(text: str) -> float:
    """Convert text such as `c30` into the contrast 0.3."""
    if not text.startswith("c"):
        raise ValueError
    return _parse_number(text[1:]) / 100


def _parse_number(text: str) -> float:
    """Read a plain decimal number or `inf`; float() would also accept texts such as `1_0` and `nan`."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?|-?\.[0-9]+|inf", text):
        raise ValueError
    return float(text)


def _parse_number_or_text(text: str) -> float | str:
    try:
        return _parse_number(text)
    except ValueError:
        return text


def _parse_eidolon_level(text: str) -> tuple[float, float, float]:
    """Convert text such as `8-3-10` into the reach 8, the coherence 0.3 and the grain 10."""
    reach, coherence, grain = map(_parse_number, text.split("-"))
    return reach, coherence / 10, grain


def _eidolon(
    image: np.ndarray, level: tuple[float, float, float], rng: np.random.Generator, *, standardize: bool = False
) -> np.ndarray:
    """Call `eidolon` with a level (reach, coherence, grain)."""
    reach, coherence, grain = level
    return eidolon(image, reach, rng, coherence=coherence, grain=grain, standardize=standardize)


_DEGREES = "a number of degrees"
_SIGMA = "a standard deviation in pixels"
_EIDOLON = "reach-coherence-grain with ten times the coherence, such as 8-10-10"
# Name of a distortion -> its function, the parser of its levels, and how its conditions are written.
_BUILT_IN: dict[str, tuple[Callable[..., np.ndarray], Callable[[str], Any], str]] = {
    "colour": (distortions.colour, _accept_only("cr", "bw"), "cr or bw"),
    "contrast": (distortions.contrast, _parse_contrast, "a contrast in percent such as c30"),
    "uniform-noise": (distortions.uniform_noise, _parse_number, "half the width of the noise such as 0.35"),
    "salt-and-pepper": (distortions.salt_and_pepper, _parse_number, "the fraction of pixels such as 0.2"),
    "low-pass": (distortions.low_pass, _parse_number, _SIGMA),
    "high-pass": (distortions.high_pass, _parse_number, f"{_SIGMA}, or inf"),
    "phase-scrambling": (distortions.phase_scrambling, _parse_number, _DEGREES),
    "power-equalisation": (distortions.power_equalisation, _accept_only("0", "pow"), "0 or pow"),
    "false-colour": (distortions.false_colour, _accept_only("true", "false"), "true or false"),
    "rotation": (distortions.rotation, _parse_number, "0, 90, 180 or 270"),
    "eidolonI": (_eidolon, _parse_eidolon_level, _EIDOLON),
    "eidolonII": (_eidolon, _parse_eidolon_level, _EIDOLON),
    "eidolonIII": (_eidolon, _parse_eidolon_level, _EIDOLON),
    "silhouette": (silhouette, _accept_only(""), "the empty condition"),
    "edge": (edges, _accept_only(""), "the empty condition"),
}
# Conditions of built-in distortions that do not belong to a published dataset.
_UNPUBLISHED_CONDITIONS = {"salt-and-pepper": ("0", "0.1", "0.2", "0.35", "0.5", "0.65", "0.8", "0.95")}
DISTORTIONS = tuple(_BUILT_IN)
PUBLISHED_12 = tuple(name for name in _BUILT_IN if name not in ("salt-and-pepper", "silhouette", "edge"))
# Name of a distortion -> its option that names a file with a table, and the function that reads the file.
_TABLE_OPTIONS: dict[str, tuple[str, Callable[[Path], np.ndarray]]] = {
    "power-equalisation": ("spectrum", read_spectrum),
    "false-colour": ("monitor", read_monitor),
}


def conditions_of(name: str) -> tuple[str, ...]:
    """Return the default conditions of a built-in distortion, in order.

    Args:
        name: One of DISTORTIONS.

    Returns:
        The conditions of the published dataset with this name, as text. `silhouette` and `edge` have the single
        condition "".
    """
    return _UNPUBLISHED_CONDITIONS.get(name) or tuple(c.name for c in DATASETS[name].conditions)


def options_of_distortion(name: str) -> list[str]:
    """Return the names of the options of a built-in distortion.

    Args:
        name: One of DISTORTIONS.

    Returns:
        The keyword parameters of its function, such as ["keep_contrast"].
    """
    return list(options_of(_BUILT_IN[name][0]))[3:]


def make_distortion(name: str, options: Mapping[str, str] | None = None) -> Distortion:
    """Look up a distortion and convert its options.

    Args:
        name: One of DISTORTIONS, the name of a plugin, or `FILE.py:NAME` or `module:NAME`.
        options: Names and values of options as text, such as {"keep_contrast": "true"}. The options `spectrum` and
            `monitor` of built-in distortions name a .npy file, which is read.

    Returns:
        The distortion, whose `apply` distorts an image.

    Raises:
        UnknownName: If the distortion or an option is unknown.
        UserError: If the function cannot be imported or has the wrong form, or an option has the wrong type.
        StimulusError: If the file that an option names is invalid.

    Example:
        >>> make_distortion("contrast").apply(image, "c30", np.random.default_rng(0))
    """
    basis = ""
    if name in _BUILT_IN:
        function, parse_level, level_format = _BUILT_IN[name]
        conditions = conditions_of(name)
    else:
        function = resolve(name, dict.fromkeys(_BUILT_IN, ""), "distortions", "distortion")
        parse_level, level_format, conditions = _parse_number_or_text, "letters, digits and . _ -", ()
        check_three_parameters(function, name, "(image, level, rng) -> image")
    keywords = parse_options(function, name, options or {}, n_positional=3)
    if name in _TABLE_OPTIONS:
        option, read = _TABLE_OPTIONS[name]
        if option in keywords:
            keywords[option] = read(Path(keywords[option]).expanduser())
    if name == "false-colour" and "monitor" not in keywords:
        monitor = read_published_monitor()
        if monitor is not None:
            keywords["monitor"] = monitor
        # made-of.json contains these texts, and they are compared when a set is resumed: they must not change.
        basis = "sRGB's curve of light" if monitor is None else "the light of the published laboratory's monitor"
    return Distortion(
        strip_folder(name),
        function,
        parse_level,
        level_format,
        conditions,
        keywords,
        basis,
        None if name in _BUILT_IN else code_version(name, "distortions"),
    )
