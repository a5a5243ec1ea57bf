"""Convert conditions, which are text, into numeric levels of distortions for psychometric functions.

A level is placed on a scale on which equal steps change the difficulty by about the same amount: log10 for contrast and
for the widths of filters, linear for all other levels. On a log10 scale a level of 0 becomes -inf, and `inf` (no
filter) stays inf. Each of these two is either the easiest or the most difficult level.
"""

import math
import re
from typing import Literal

from stimuli.published.datasets import DATASETS
from stimuli.published.forerunners import RELATED

Scale = Literal["linear", "log10"]
_LOG10 = ("contrast", "high-pass", "low-pass")
_LINEAR = ("phase-scrambling", "uniform-noise", "eidolonI", "eidolonII", "eidolonIII")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)")


def published_name(dataset: str) -> str | None:
    """Return the name of the published dataset with the same distortion.

    This is `contrast` for `contrast`, for `microcosm-contrast` and for `contrast-experiment`, an older dataset with other
    images. The result is None if the name of the dataset does not end in the name of a published one.
    """
    if dataset in RELATED:
        return RELATED[dataset]
    matches = (name for name in DATASETS if dataset == name or dataset.endswith(f"-{name}"))
    return max(matches, key=len, default=None)  # the longest match: false-colour rather than colour


def is_parametric(dataset: str, n_conditions: int) -> bool:
    """Return whether a dataset has several conditions, in the data or in the published dataset with its distortion."""
    name = published_name(dataset)
    return n_conditions > 1 or (name is not None and len(DATASETS[name].conditions) > 1)


def scale_of(dataset: str) -> Scale:
    """Return the scale of the levels of a dataset; the scale is linear if the distortion is not a published one."""
    return "log10" if published_name(dataset) in _LOG10 else "linear"


def numeric_level(dataset: str, condition: str) -> float | None:
    """Return the level of a condition as a number, or None if the condition does not have a level.

    The level of an eidolon is log2 of its reach. An unpublished condition has a level if its name contains exactly one
    number, such as 30 in `c30`. Rotation and sets with one or two conditions do not have levels, because their
    conditions are not ordered by strength.
    """
    name = published_name(dataset)
    if name is not None and name not in (*_LOG10, *_LINEAR):
        return None
    label = DATASETS[name].label(condition) if name is not None else condition
    try:
        number = float(label)
    except ValueError:
        numbers = _NUMBER.findall(label)
        number = float(numbers[0]) if len(numbers) == 1 else math.nan
    return None if math.isnan(number) else number


def to_scale(level: float, scale: Scale) -> float:
    """Return a level on its scale. Raise ValueError for a negative level on the log10 scale."""
    if scale == "linear":
        return level
    if level < 0:
        raise ValueError(f"a negative level does not have a logarithm, got {level}")
    return math.log10(level) if level > 0 else -math.inf
