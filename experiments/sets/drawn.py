"""The experiment `drawn-cue-conflict`, which shows the images of `stimuli.draw.drawn` and needs no download."""

from experiments.experiment import Experiment, default_n_blocks
from experiments.sets.catalog import cached_images
from stimuli.categories import CATEGORIES
from stimuli.draw.drawn import load_drawn_cue_conflict

NAME = "drawn-cue-conflict"


def cue_conflict() -> Experiment:
    """Return the experiment. Its images are drawn into the cache on first use."""
    stimuli = load_drawn_cue_conflict(cached_images(NAME))
    return Experiment(NAME, stimuli, CATEGORIES, default_n_blocks(len(stimuli)))
