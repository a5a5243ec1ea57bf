"""Experiments on illusions: bistable figures, hidden faces and geometric illusions.

Each experiment has two choices, except for `microcosm-ambiguous`, whose choices are the sixteen categories. The images
are drawn into the cache when an experiment is first used. Only the four images of Jaini et al. (2024) must be downloaded.
"""

from collections.abc import Callable
from functools import partial

from experiments.experiment import Experiment, default_n_blocks
from stimuli.draw.illusion_sets import NAMES as DRAWN
from stimuli.draw.illusion_sets import choices, illusion_set
from stimuli.published.datasets import cache_folder
from stimuli.published.paper_illusions import IMAGES, image_folder, paper_set

VERSION = "1"  # version of the drawing code; increase it when the images change, so that cached images are not reused
NAMES = (*DRAWN, *IMAGES)


def make_illusion_experiment(name: str) -> Experiment:
    """Return the experiment with this name, one of NAMES. Raises StimulusError if its image must be downloaded first."""
    if name in IMAGES:
        return Experiment(name, paper_set(name), IMAGES[name].percepts)
    stimuli = illusion_set(name, cache_folder() / "drawn" / "illusions" / VERSION / name)
    return Experiment(name, stimuli, choices(name), default_n_blocks(len(stimuli)))


def is_available(name: str) -> bool:
    """Return whether the images of an experiment can be drawn, or have been downloaded (those of Jaini et al. 2024)."""
    return name not in IMAGES or (image_folder() / f"{name}.png").is_file()


def __getattr__(name: str) -> Callable[[], Experiment]:
    """Return a function that makes an experiment, so that references such as `experiments.sets.illusions:duck_rabbit` work.

    In `name`, underscores take the place of the hyphens in the name of the experiment.
    """
    experiment = name.replace("_", "-")
    if experiment not in NAMES:
        raise AttributeError(name)
    return partial(make_illusion_experiment, experiment)
