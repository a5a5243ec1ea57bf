"""A small data folder in the published layout, for tests that need the images and people of cue-conflict without real data."""

import shutil
from pathlib import Path

import numpy as np

from analysis.io.export import export
from analysis.io.frame import read_trials
from experiments.experiment import Experiment
from experiments.session import run
from observers.simulated import Biased
from stimuli.categories import CATEGORIES
from stimuli.images import save_image
from stimuli.published.datasets import dataset, scan_images
from stimuli.stimulus import StimulusSet

PEOPLE = {"subject-01": 0.95, "subject-02": 0.9, "subject-03": 0.85}  # name -> shape bias


def make_data_folder(folder: Path, logs: Path) -> Path:
    """Make a data folder with 1,280 images of cue-conflict, each in one color, and the trials of three simulated people.

    `logs` is a folder for the logs of the people, which `export` converts to the published format.
    """
    for i, shape in enumerate(CATEGORIES):
        first, *others = (f"{shape}{n}-{texture}{n}.png" for texture in CATEGORIES for n in range(1, 6))
        images = folder / "stimuli" / "cue-conflict" / shape
        save_image(np.full((16, 16, 3), 16 * i, np.uint8), images / first)
        for name in others:
            shutil.copy(images / first, images / name)
    stimuli = tuple(scan_images(dataset("cue-conflict"), folder / "stimuli" / "cue-conflict"))
    experiment = Experiment("cue-conflict", StimulusSet("cue-conflict", stimuli), CATEGORIES)
    frame = read_trials([
        run(experiment, Biased(bias, 0.8, name=name, seed=i), logs) for i, (name, bias) in enumerate(PEOPLE.items())
    ])  # fmt: skip
    export(frame.assign(kind="human", rt=0.5), folder / "humans")
    return folder
