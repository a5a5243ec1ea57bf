"""The experiments of the microcosm: its four stimulus sets, and twelve distortions of its consistent images.

The images are drawn into the cache on first use. Distorted images have 64 pixels per side, like the originals, whereas
those of the published sets have 224.
"""

from pathlib import Path

from core.atomic import make_folder_atomically
from experiments.experiment import Experiment, default_n_blocks
from experiments.sets.catalog import cached_images
from stimuli.build.distorted_set import DistortionSettings, build_distorted_set, plan_distorted_set
from stimuli.categories import CATEGORIES
from stimuli.draw.microcosm_sets import load_microcosm_set
from stimuli.stimulus import StimulusSet


def microcosm_experiment(name: str) -> Experiment:
    """Return the experiment with one of the four sets, `stimuli.draw.microcosm_sets.SETS`."""
    return _experiment(name, load_microcosm_set(name, cached_images(name)))


def distorted_microcosm_experiment(name: str, distortion: str, conditions: tuple[str, ...]) -> Experiment:
    """Return the experiment with distorted images of the set `microcosm`.

    Args:
        name: Name of the experiment.
        distortion: Name of the distortion.
        conditions: Conditions of the distortion. Each image has one of them.
    """
    settings, folder = DistortionSettings(distortion), cached_images(name)
    source = load_microcosm_set("microcosm", cached_images("microcosm"))

    def distort(folder: Path) -> None:
        build_distorted_set(plan_distorted_set(settings, source, folder, conditions))

    make_folder_atomically(folder, distort, "stimuli.csv")
    return _experiment(name, StimulusSet.read(folder / "stimuli.csv", name))


def _experiment(name: str, stimuli: StimulusSet) -> Experiment:
    return Experiment(name, stimuli, CATEGORIES, default_n_blocks(len(stimuli)))
