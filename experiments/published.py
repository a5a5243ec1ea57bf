"""The 17 published experiments, on the published images, with the published choices and timing."""

from experiments.experiment import Experiment, default_n_blocks
from observers.protocol import Presentation
from stimuli.categories import CATEGORIES
from stimuli.datasets import published_stimuli

# Geirhos et al. (2019) showed lighter grays and stronger masks than the experiments of 2018.
LATER_PRESENTATION = dict.fromkeys(
    ("cue-conflict", "edge", "silhouette"), Presentation(background=0.7614, mask_contrast=4.0)
)


def published_experiment(name: str) -> Experiment:
    """The experiment on the published dataset of that name. Raises UnknownName, and StimulusError without the images."""
    stimuli = published_stimuli(name)
    return Experiment(
        name, stimuli, CATEGORIES, default_n_blocks(len(stimuli)), LATER_PRESENTATION.get(name, Presentation())
    )
