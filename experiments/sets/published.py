"""The 17 published experiments, with the published images, choices and timing."""

from experiments.experiment import Experiment, default_n_blocks
from observers.protocol import Presentation
from stimuli.categories import CATEGORIES
from stimuli.published.datasets import published_stimuli

# Geirhos et al. (2019) used a lighter background and masks of higher contrast than the experiments of 2018.
_PRESENTATION_2019 = Presentation(background=0.7614, mask_contrast=4.0)
PRESENTATIONS = dict.fromkeys(("cue-conflict", "edge", "silhouette"), _PRESENTATION_2019)


def published_experiment(name: str) -> Experiment:
    """Return the experiment with the published dataset of this name.

    Raises UnknownName if the dataset does not exist, and StimulusError if its images are not in a data folder.
    """
    stimuli = published_stimuli(name)
    presentation = PRESENTATIONS.get(name, Presentation())
    return Experiment(name, stimuli, CATEGORIES, default_n_blocks(len(stimuli)), presentation)
