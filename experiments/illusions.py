"""Experiments on illusions: figures that can be seen as either of two things, hidden faces, geometric illusions.

Each has two choices, but for `microcosm-ambiguous`, whose objects are between two of the sixteen categories. Drawn into the
cache when first asked for; the four images of the paper have to be fetched.
"""

from collections.abc import Callable
from functools import partial

from experiments.experiment import Experiment, default_n_blocks
from stimuli.datasets import cache_folder
from stimuli.illusion_sets import NAMES as DRAWN
from stimuli.illusion_sets import choices, illusion_set
from stimuli.paper_illusions import IMAGES, folder, paper_set

VERSION = "1"  # of the drawing; another one is drawn anew
NAMES = (*DRAWN, *IMAGES)


def make_illusion_experiment(name: str) -> Experiment:
    """The experiment of one of NAMES."""
    if name in IMAGES:
        return Experiment(name, paper_set(name), IMAGES[name].percepts)
    stimuli = illusion_set(name, cache_folder() / "drawn" / "illusions" / VERSION / name)
    return Experiment(name, stimuli, choices(name), default_n_blocks(len(stimuli)))


def is_available(name: str) -> bool:
    """Can it be shown on this machine? All can be drawn; the paper's images have to be fetched."""
    return name not in IMAGES or (folder() / f"{name}.png").is_file()


def __getattr__(name: str) -> Callable[[], Experiment]:
    """`duck_rabbit` and so on, with an underscore for a hyphen, which no Python name has."""
    plain = name.replace("_", "-")
    if plain not in NAMES:
        raise AttributeError(name)
    return partial(make_illusion_experiment, plain)
