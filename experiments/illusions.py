"""Experiments on illusions: bistable figures, hidden faces and geometric illusions.

Each experiment has two choices, except for `microcosm-ambiguous`, whose choices are the sixteen categories. The images
are drawn into the cache when an experiment is first used; the four images of the paper have to be downloaded.
"""

from collections.abc import Callable
from functools import partial

from experiments.experiment import Experiment, default_n_blocks
from stimuli.datasets import cache_folder
from stimuli.illusion_sets import NAMES as DRAWN
from stimuli.illusion_sets import choices, illusion_set
from stimuli.paper_illusions import IMAGES, image_folder, paper_set

VERSION = "1"  # version of the drawing code; images of other versions are not used
NAMES = (*DRAWN, *IMAGES)


def make_illusion_experiment(name: str) -> Experiment:
    """Return the experiment of one of NAMES. Raises StimulusError if its image has to be downloaded first."""
    if name in IMAGES:
        return Experiment(name, paper_set(name), IMAGES[name].percepts)
    stimuli = illusion_set(name, cache_folder() / "drawn" / "illusions" / VERSION / name)
    return Experiment(name, stimuli, choices(name), default_n_blocks(len(stimuli)))


def is_available(name: str) -> bool:
    """Return whether the images of an experiment are available: all can be drawn except those of the paper."""
    return name not in IMAGES or (image_folder() / f"{name}.png").is_file()


def __getattr__(name: str) -> Callable[[], Experiment]:
    """Return a function that makes the experiment, so that references such as `experiments.illusions:duck_rabbit` work.

    The attribute has underscores where the name of the experiment has hyphens.
    """
    experiment = name.replace("_", "-")
    if experiment not in NAMES:
        raise AttributeError(name)
    return partial(make_illusion_experiment, experiment)
