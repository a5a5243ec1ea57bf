"""The experiments of the microcosm: its four sets, and the twelve distortions of its consistent pictures.

Drawn into the cache when first asked for. Distorted pictures are as large as the others, 64 pixels: widths in pixels weigh
more than in the published sets of 224, so low-pass has levels of its own, the published ones times 64/224.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from experiments.experiment import Experiment, default_n_blocks
from stimuli.atomic import make_folder_atomically
from stimuli.categories import CATEGORIES
from stimuli.datasets import cache_folder
from stimuli.distorted_set import DistortionSettings, build_distorted_set, plan_distorted_set
from stimuli.levels import PUBLISHED_12
from stimuli.microcosm_sets import SETS, microcosm_set
from stimuli.stimulus import StimulusSet

VERSION = "1"  # of the drawing; another one is drawn anew
LEVELS = {"low-pass": ("0", "0.3", "0.9", "1.4", "2", "2.9", "4.3", "11.4")}
NAMES = (*SETS, *(f"microcosm-{name}" for name in PUBLISHED_12))


def experiment_of(name: str) -> Experiment:
    """The experiment of one of NAMES."""
    stimuli = _drawn(name) if name in SETS else _distorted(name)
    return Experiment(name, stimuli, CATEGORIES, default_n_blocks(len(stimuli)))


def _drawn(name: str) -> StimulusSet:
    return microcosm_set(name, cache_folder() / "drawn" / VERSION / name)


def _distorted(name: str) -> StimulusSet:
    distortion, folder = name.removeprefix("microcosm-"), cache_folder() / "drawn" / VERSION / name
    plan, source, levels = DistortionSettings(distortion), _drawn("microcosm"), LEVELS.get(distortion, ())

    def distort(beside: Path) -> None:
        build_distorted_set(plan_distorted_set(plan, source, beside, levels))

    make_folder_atomically(folder, distort, "stimuli.csv")
    return StimulusSet.read(folder / "stimuli.csv", name)


def __getattr__(name: str) -> Callable[[], Experiment]:
    """`microcosm_cue_conflict` and so on, with an underscore for a hyphen, which no Python name has."""
    plain = name.replace("_", "-")
    if plain not in NAMES:
        raise AttributeError(name)
    return partial(experiment_of, plain)
