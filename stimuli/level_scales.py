"""The level of a distortion as a number: conditions are text everywhere else.

A level is on a *scale* on which equal steps are about equally hard: log10 for contrast and the widths of filters, as it is
elsewhere. Zero on a log10 scale is -inf, no filter (`inf`) is inf: such a level is as easy, or as hard, as any can be.
"""

import math
import re
from typing import Literal

from stimuli.datasets import DATASETS

Scale = Literal["linear", "log10"]
_LOG10 = ("contrast", "high-pass", "low-pass")
_LINEAR = ("phase-scrambling", "uniform-noise", "eidolonI", "eidolonII", "eidolonIII")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)")


def published_name(dataset: str) -> str | None:
    """The published distortion that a dataset is of: `contrast` for `contrast` and for `microcosm-contrast`."""
    found = (name for name in DATASETS if dataset == name or dataset.endswith(f"-{name}"))
    return max(found, key=len, default=None)  # false-colour, and not colour


def is_parametric(dataset: str, n_conditions: int) -> bool:
    """Has the dataset levels, or several conditions? Of a published distortion the table of datasets says so."""
    name = published_name(dataset)
    return n_conditions > 1 or (name is not None and len(DATASETS[name].conditions) > 1)


def scale_of(dataset: str) -> Scale:
    """The scale of a dataset's levels; linear for one that is not made by a published distortion."""
    return "log10" if published_name(dataset) in _LOG10 else "linear"


def level(dataset: str, condition: str) -> float | None:
    """The level as a number: of an eidolon log2 of its reach, in a name like `c30` the number, None where there is none.

    Rotation and the sets of one or two conditions have no level: what is between them is no matter of more or less.
    """
    name = published_name(dataset)
    if name is not None and name not in (*_LOG10, *_LINEAR):
        return None
    label = DATASETS[name].label(condition) if name is not None else condition
    try:
        number = float(label)
    except ValueError:
        found = _NUMBER.findall(label)
        number = float(found[0]) if len(found) == 1 else math.nan
    return None if math.isnan(number) else number


def on_scale(value: float, scale: Scale) -> float:
    """A level on its scale. Raises ValueError for a negative one on log10."""
    if scale == "linear":
        return value
    if value < 0:
        raise ValueError(f"a level below 0 has no logarithm, got {value}")
    return math.log10(value) if value > 0 else -math.inf
