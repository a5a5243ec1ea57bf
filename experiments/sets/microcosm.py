"""The experiments of the microcosm: its four stimulus sets, and twelve distortions of its consistent images.

The images are drawn into the cache on first use. Distorted images have 64 pixels per side, like the originals, whereas
those of the published sets have 224. Because the width of the low-pass filter is given in pixels, the published levels
of low-pass are multiplied by 64/224.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from core.atomic import make_folder_atomically
from experiments.experiment import Experiment, default_n_blocks
from stimuli.build.distorted_set import DistortionSettings, build_distorted_set, plan_distorted_set
from stimuli.categories import CATEGORIES
from stimuli.distort.catalog import PUBLISHED_12
from stimuli.draw.microcosm_sets import SETS, load_microcosm_set
from stimuli.published.datasets import cache_folder
from stimuli.stimulus import StimulusSet

VERSION = "1"  # version of the drawing code; increase it when the images change, so that cached images are not reused
LEVELS = {"low-pass": ("0", "0.3", "0.9", "1.4", "2", "2.9", "4.3", "11.4")}
NAMES = (*SETS, *(f"microcosm-{name}" for name in PUBLISHED_12))


def make_microcosm_experiment(name: str) -> Experiment:
    """Return the experiment with this name, one of NAMES. Its images are drawn into the cache on first use."""
    stimuli = _load_drawn_set(name) if name in SETS else _load_distorted_set(name)
    return Experiment(name, stimuli, CATEGORIES, default_n_blocks(len(stimuli)))


def _load_drawn_set(name: str) -> StimulusSet:
    return load_microcosm_set(name, cache_folder() / "drawn" / VERSION / name)


def _load_distorted_set(name: str) -> StimulusSet:
    distortion, folder = name.removeprefix("microcosm-"), cache_folder() / "drawn" / VERSION / name
    settings, source = DistortionSettings(distortion), _load_drawn_set("microcosm")
    levels = LEVELS.get(distortion, ())

    def distort(folder: Path) -> None:
        build_distorted_set(plan_distorted_set(settings, source, folder, levels))

    make_folder_atomically(folder, distort, "stimuli.csv")
    return StimulusSet.read(folder / "stimuli.csv", name)


def __getattr__(name: str) -> Callable[[], Experiment]:
    """Return a function that makes an experiment, for example `microcosm_cue_conflict` for `microcosm-cue-conflict`."""
    experiment = name.replace("_", "-")
    if experiment not in NAMES:
        raise AttributeError(name)
    return partial(make_microcosm_experiment, experiment)
