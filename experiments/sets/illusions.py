"""Experiments on illusions: bistable figures, hidden faces and geometric illusions.

Each experiment has two choices, except for `microcosm-ambiguous`, whose choices are the sixteen categories. The images
are drawn into the cache when an experiment is first used. Only the four images of Jaini et al. (2024) must be downloaded.
"""

from experiments.experiment import Experiment, default_n_blocks
from experiments.sets.catalog import cached_images
from stimuli.draw.illusion_sets import choices, illusion_set
from stimuli.published.paper_illusions import IMAGES, paper_set


def illusion_experiment(name: str) -> Experiment:
    """Return the experiment with a drawn illusion, one of `stimuli.draw.illusion_sets.NAMES`."""
    stimuli = illusion_set(name, cached_images(name))
    return Experiment(name, stimuli, choices(name), default_n_blocks(len(stimuli)))


def paper_image_experiment(name: str) -> Experiment:
    """Return the experiment with one of the four images of Jaini et al. (2024).

    Raises StimulusError if the image must be downloaded first.
    """
    return Experiment(name, paper_set(name), IMAGES[name].percepts)
