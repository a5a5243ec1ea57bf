"""An experiment from the user's own folder of images.

The choices are the categories of the images, or the sixteen published categories if all of the images belong to them.
Images without a correct answer, whose category is AMBIGUOUS, do not add a choice.
"""

from pathlib import Path

from core.errors import StimulusError
from core.files import resolve
from experiments.experiment import Experiment, default_n_blocks
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.folder import read_folder
from stimuli.image_files import image_format
from stimuli.published.datasets import DATASETS


def from_folder(folder: Path) -> Experiment:
    """Make an experiment from the images in a folder.

    Args:
        folder: Folder with a stimuli.csv, or laid out as `category/image.png` or `condition/category/image.png` (see
            `stimuli.folder`).

    Returns:
        The experiment, with the name of the folder.

    Raises:
        StimulusError: If the folder has another layout, has images in other formats than PNG and JPEG, or has the name of
            a published dataset.
    """
    folder = resolve(folder)
    if folder.name in DATASETS:
        raise StimulusError(
            f"{folder} is named like a published dataset and would be analyzed like it: rename the folder"
        )
    stimuli = read_folder(folder)
    for s in stimuli:  # the images of a manifest have not been checked yet
        if (content := image_format(s.path)) not in ("PNG", "JPEG"):
            raise StimulusError(
                f"{s.path} is {f'a {content} image' if content else 'not an image'}, expected PNG or JPEG: save it as PNG"
            )
    categories = sorted({s.category for s in stimuli} - {AMBIGUOUS})
    if not categories:
        raise StimulusError(
            f"the category of all images in {folder} is {AMBIGUOUS}, so the choices are not known: define the experiment "
            f"in a FILE.py"
        )
    choices = CATEGORIES if set(categories) <= set(CATEGORIES) else tuple(categories)
    return Experiment(folder.name, stimuli, choices, default_n_blocks(len(stimuli)))
