"""The experiment `drawn-cue-conflict`, which shows the images of `stimuli.draw.drawn` and needs no download."""

from experiments.experiment import Experiment, default_n_blocks
from stimuli.categories import CATEGORIES
from stimuli.draw.drawn import load_drawn_cue_conflict
from stimuli.published.datasets import cache_folder

NAME = "drawn-cue-conflict"
VERSION = "1"  # version of the drawing code; increase it when the images change, so that cached images are not reused


def cue_conflict() -> Experiment:
    """Return the experiment. Its images are drawn into the cache on first use."""
    stimuli = load_drawn_cue_conflict(cache_folder() / "drawn" / VERSION / NAME)
    return Experiment(NAME, stimuli, CATEGORIES, default_n_blocks(len(stimuli)))
