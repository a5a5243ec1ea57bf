"""Make a distortion from its name and its options.

A built-in distortion is a row of `stimuli.distort.catalog`. `mine.py:NAME` names a user's own function (image, level, rng)
-> image, like those in `stimuli.distort.distortions`. The level that this function receives is the condition, as a number
if possible and as text otherwise.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen

from core.errors import StimulusError, UserError
from core.options import options_of, parse_options
from core.paths import strip_folder
from core.plugins import check_three_parameters, code_version, load, resolve, wrap_user_function
from stimuli.distort.catalog import DISTORTIONS
from stimuli.distort.conditions import parse_number_or_text
from stimuli.distort.spectrum import read_published_monitor
from stimuli.images import check_float_image
from stimuli.published.datasets import DATASETS

CONDITION_PATTERN = re.compile(r"[\w.-]*\w[\w.-]*")  # a condition becomes the name of a folder
USER_LEVELS = "letters, digits and . _ -"  # how the conditions of a user's function are written


@frozen
class Distortion:
    """A distortion function with its options, as `make_distortion` returns it.

    Attributes:
        name: Name of the distortion; for a user's function, `FILE.py:NAME` without the folder of the file.
        function: The function (image, level, rng, **options) -> image.
        parse_level: Converts the text of a condition into a level, or raises ValueError.
        level_format: How conditions are written, for error messages.
        conditions: The default conditions in order; empty for a user's function.
        options: Keyword arguments of the function.
        basis: Describes the measured table that is used by default, such as "the published mean spectrum".
        code_version: Identifies the code of a plugin or user's function; None for a built-in distortion.
        version: Version of the algorithm of a built-in distortion.
    """

    name: str
    function: Callable[..., np.ndarray]
    parse_level: Callable[[str], Any]
    level_format: str
    conditions: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(factory=dict)
    basis: str = ""
    code_version: str | None = None
    version: int = 1

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
        function = self.function if self.name in DISTORTIONS else wrap_user_function(self.function, self.name)
        distorted = function(image, self.level_of(condition), rng, **self.options)
        return check_float_image(distorted, [*sizes, *((*size, 3) for size in sizes)], self.name)


def distortion_function(name: str) -> Callable[..., np.ndarray]:
    """Return the function (image, level, rng, **options) -> image of a built-in distortion, one of DISTORTIONS."""
    function: Callable[..., np.ndarray] = load(DISTORTIONS[name].reference)
    return function


def options_of_distortion(name: str) -> list[str]:
    """Return the names of the options of a built-in distortion.

    Args:
        name: One of DISTORTIONS.

    Returns:
        The keyword parameters of its function, such as ["keep_contrast"].
    """
    return list(options_of(distortion_function(name), n_positional=3))


def make_distortion(name: str, options: Mapping[str, str] | None = None, /, **values: Any) -> Distortion:
    """Look up a distortion and convert its options.

    Args:
        name: One of DISTORTIONS, the name of a plugin, or `FILE.py:NAME` or `module:NAME`.
        options: Names and values of options as text, such as {"keep_contrast": "true"}. The options `spectrum` and
            `monitor` of built-in distortions name a .npy file, which is read.
        **values: Options as Python values, such as keep_contrast=True; `spectrum` and `monitor` are arrays or the names of
            files.

    Returns:
        The distortion, whose `apply` distorts an image.

    Raises:
        UnknownName: If the distortion or an option is unknown.
        UserError: If the function cannot be imported or has the wrong form, or an option has the wrong type.
        StimulusError: If the file that an option names is invalid.

    Example:
        >>> make_distortion("contrast").apply(image, "c30", np.random.default_rng(0))
        >>> make_distortion("phase-scrambling", keep_contrast=True)
    """
    if not isinstance(name, str):
        raise UserError(f'the name of a distortion is text, such as "contrast"; got {name!r:.80}')
    if options is not None and not isinstance(options, Mapping):
        raise UserError(f'options of {name} are a mapping, such as {{"keep_contrast": "true"}}; got {options!r:.80}')
    row, basis = DISTORTIONS.get(name), ""
    if row is not None:
        function = distortion_function(name)
    else:
        references = {row.name: row.reference for row in DISTORTIONS.values()}
        function = resolve(name, references, "distortions", "distortion")
        check_three_parameters(function, name, "(image, level, rng) -> image")
    readers = {option: load(reader) for option, reader in (row.tables if row is not None else {}).items()}
    for option in readers:
        if isinstance(values.get(option), str | Path):
            values[option] = readers[option](Path(values[option]).expanduser())
    keywords = parse_options(options_of(function, n_positional=3), name, options or {}, values)
    for option in readers.keys() & (options or {}).keys():
        keywords[option] = readers[option](Path(keywords[option]).expanduser())
    if name == "false-colour" and "monitor" not in keywords:
        monitor = read_published_monitor()
        if monitor is not None:
            keywords["monitor"] = monitor
        # made-of.json contains these texts, and they are compared when a set is resumed: they must not change.
        basis = "sRGB's curve of light" if monitor is None else "the light of the published laboratory's monitor"
    if row is not None:
        return Distortion(
            name, function, row.parse_level, row.level_format, row.conditions, keywords, basis, version=row.version
        )
    code = code_version(name, "distortions")
    return Distortion(
        strip_folder(name), function, parse_number_or_text, USER_LEVELS, options=keywords, code_version=code
    )
