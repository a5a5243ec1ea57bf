"""Tests of experiments that are built in Python."""

import pytest

from core.errors import StimulusError
from experiments.experiment import Experiment
from stimuli.categories import CATEGORIES
from stimuli.stimulus import Stimulus, StimulusSet


@pytest.mark.parametrize(
    ("category", "condition", "choices", "difference"),
    [
        ("cat", "", ("cat", "dog"), "its choices are not the sixteen categories"),
        ("cow", "", CATEGORIES, "it has the category 'cow', which edge does not have"),
        ("cat", "blurred", CATEGORIES, "it has the condition 'blurred', which edge does not have"),
    ],
)
def test_other_stimuli_with_the_name_of_a_published_dataset_are_refused(
    tmp_path, category, condition, choices, difference
):
    stimuli = StimulusSet("edge", (Stimulus("x.png", tmp_path / "x.png", category, condition),))
    with pytest.raises(
        StimulusError, match=f"named like a published dataset .*, but {difference}; choose another name"
    ):
        Experiment("edge", stimuli, choices)


def test_a_part_of_a_published_dataset_may_have_its_name(tmp_path):
    stimuli = StimulusSet("edge", (Stimulus("x.png", tmp_path / "x.png", "cat"),))
    assert len(Experiment("edge", stimuli, CATEGORIES).trials(0)) == 1
