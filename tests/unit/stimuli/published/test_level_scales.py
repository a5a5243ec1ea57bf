"""Levels of conditions as numbers, and the scales that they are on."""

import math

import pytest

from stimuli.published.datasets import DATASETS
from stimuli.published.level_scales import numeric_level, published_name, scale_of, to_scale


@pytest.mark.parametrize(
    ("dataset", "condition", "expected"),
    [("contrast", "c05", 5), ("high-pass", "inf", math.inf), ("high-pass", "0.7", 0.7), ("eidolonI", "16-10-10", 4),
     ("uniform-noise", "0.00", 0), ("microcosm-contrast", "c30", 30), ("mine", "sigma2.5", 2.5), ("mine", "-3", -3),
     ("mine", "blurred", None), ("mine", "2-3", None), ("mine", "", None), ("rotation", "90", None), ("colour", "bw", None),
     ("mine", "nan", None)],
)  # fmt: skip
def test_level_of_a_condition(dataset, condition, expected):
    assert numeric_level(dataset, condition) == expected


def test_every_parametric_set_has_levels_in_order():
    with_levels = [d.name for d in DATASETS.values() if numeric_level(d.name, d.conditions[-1].name) is not None]
    assert len(with_levels) == 8
    for name in with_levels:
        levels = [numeric_level(name, c.name) for c in DATASETS[name].conditions]
        assert levels in (sorted(levels), sorted(levels, reverse=True))


def test_scale_of_a_dataset_and_levels_on_it():
    assert scale_of("microcosm-low-pass") == scale_of("contrast") == "log10"
    assert scale_of("uniform-noise") == scale_of("mine") == "linear"
    assert (to_scale(100, "log10"), to_scale(0, "log10"), to_scale(-1, "linear")) == (2, -math.inf, -1)
    assert to_scale(math.inf, "log10") == math.inf
    assert published_name("mycontrast") is None
    with pytest.raises(ValueError, match="a negative level does not have a logarithm, got -1"):
        to_scale(-1, "log10")
