"""An experiment that needs no download: texture–shape cue conflict on the images that `stimuli.drawn` draws."""

from experiments.experiment import Experiment, default_n_blocks
from stimuli.categories import CATEGORIES
from stimuli.datasets import cache_folder
from stimuli.drawn import drawn_cue_conflict

NAME = "drawn-cue-conflict"
VERSION = "1"  # of the drawing; another one is drawn anew


def cue_conflict() -> Experiment:
    stimuli = drawn_cue_conflict(cache_folder() / "drawn" / VERSION / NAME)
    return Experiment(NAME, stimuli, CATEGORIES, default_n_blocks(len(stimuli)))
