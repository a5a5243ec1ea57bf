"""The 17 published experiments, on the published images, with the published choices and timing."""

from experiments.experiment import Experiment, n_blocks
from stimuli.categories import CATEGORIES
from stimuli.datasets import published_stimuli


def published(name: str) -> Experiment:
    """The experiment on the published dataset of that name. Raises UnknownName, and StimulusError without the images."""
    stimuli = published_stimuli(name)
    return Experiment(name, stimuli, CATEGORIES, n_blocks(len(stimuli)))
