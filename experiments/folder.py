"""An experiment from a folder of one's own. The choices are the categories that occur; the published sixteen if those
include them.
"""

from pathlib import Path

from experiments.experiment import Experiment, default_n_blocks
from stimuli.categories import CATEGORIES
from stimuli.datasets import DATASETS
from stimuli.errors import StimulusError
from stimuli.folder import read_folder


def from_folder(folder: Path) -> Experiment:
    """The experiment on the images of `folder`, named after it. Raises StimulusError if it is laid out otherwise."""
    folder = Path(folder).resolve()
    if folder.name in DATASETS:
        raise StimulusError(
            f"{folder} is named like a published dataset, as which it would be analyzed: rename the folder"
        )
    stimuli = read_folder(folder)
    found = sorted({s.category for s in stimuli})
    choices = CATEGORIES if set(found) <= set(CATEGORIES) else tuple(found)
    return Experiment(folder.name, stimuli, choices, default_n_blocks(len(stimuli)))
