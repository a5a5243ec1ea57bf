"""The stimulus sets of the microcosm, which show shapes that are not used in training.

microcosm               480 images, 30 per category; shape and texture belong to the same category
microcosm-cue-conflict  512 images, 2 per pair of shape and texture category; file names as in the published set
microcosm-silhouette    160 shapes in black on white
microcosm-edge          edges of 160 shapes and of their details, found by Canny's detector, in black on white

The names of the images begin with the category of the shape and the number n of the image, as in `cat3.png` and
`cat3-clock16.png`. Image n shows shape number (n - 1) mod k, where k is the number of shapes of the category.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.atomic import make_folder_atomically
from core.errors import StimulusError, UnknownName
from stimuli.categories import CATEGORIES
from stimuli.distort.outlines import edges
from stimuli.draw import microcosm
from stimuli.draw.glyphs import Shape
from stimuli.images import save_image, to_uint8
from stimuli.stimulus import Stimulus, StimulusSet

N_CONSISTENT = 30  # images per category
N_PER_PAIR = 2  # images per pair of shape and texture category
N_OUTLINES = 10  # number of silhouettes per category, and number of edge images per category
SEED = 20_240
SETS = ("microcosm", "microcosm-cue-conflict", "microcosm-silhouette", "microcosm-edge")


def load_microcosm_set(name: str, folder: Path) -> StimulusSet:
    """Return the stimulus set `name`, one of SETS. If `folder` does not exist, the images are first drawn into it.

    Raises:
        StimulusError: If the folder is damaged.
    """

    def draw(folder: Path) -> None:
        stimuli = []
        for file, category, texture, image in _IMAGES[name]():
            path = folder / category / file
            save_image(image, path)
            cues = {"shape": category, "texture": texture} if texture else {}
            stimuli.append(Stimulus(file, path, category, "", cues))
        StimulusSet(name, tuple(stimuli)).write(folder / "stimuli.csv")

    make_folder_atomically(folder, draw, "stimuli.csv")
    return StimulusSet.read(folder / "stimuli.csv", name)


def microcosm_shapes(category: str) -> tuple[Shape, ...]:
    """Return the shapes of a category that the experiments of the microcosm show.

    They are icons of two fonts that are installed with the project. The included models were trained with other icons.

    Args:
        category: One of the sixteen categories.

    Returns:
        The shapes. Each has a `name`, such as `mdi:cat`, and arrays with its silhouette and its details.

    Raises:
        UnknownName: If the category does not exist.

    Example:
        >>> [shape.name for shape in microcosm_shapes("cat")]
        ['mdi:cat', 'fa:cat']
    """
    if category not in microcosm.EXEMPLARS:
        raise UnknownName("category", category, microcosm.EXEMPLARS)
    return microcosm.exemplars()[category]


def shown_shape(stimulus: Stimulus) -> Shape:
    """Return the shape that an image of the microcosm shows.

    Args:
        stimulus: A stimulus of one of the experiments of the microcosm.

    Returns:
        One of the shapes of `microcosm_shapes`.

    Raises:
        StimulusError: If the name of the image is not that of an image of the microcosm.

    Example:
        >>> shown_shape(make_experiment("microcosm").stimuli.stimuli[0]).name
        'mdi:airplane'
    """
    number = re.match(rf"{re.escape(stimulus.category)}([1-9]\d*)[-.]", stimulus.id)
    if stimulus.category not in microcosm.EXEMPLARS or number is None:
        raise StimulusError(
            f"{stimulus.id} of the category {stimulus.category} is not the name of an image of the microcosm: expected the "
            f"category and a number, such as cat3.png or cat3-clock16.png; use the stimuli of microcosm or "
            f"microcosm-cue-conflict"
        )
    return _shape(stimulus.category, int(number[1]) - 1)


# File name, category of the shape, category of the texture (empty if the set has no cues), image.
DrawnImages = Iterator[tuple[str, str, str, np.ndarray]]


def _shape(category: str, i: int) -> Shape:
    shapes = microcosm_shapes(category)
    return shapes[i % len(shapes)]


def _rng(set_number: int, *indices: int) -> np.random.Generator:
    return np.random.default_rng([SEED, set_number, *indices])


def _consistent() -> DrawnImages:
    for c, category in enumerate(CATEGORIES):
        for i in range(N_CONSISTENT):
            image = microcosm.draw_image(_shape(category, i), category, _rng(0, c, i))
            yield f"{category}{i + 1}.png", category, "", image


def _cue_conflict() -> DrawnImages:
    for c, category in enumerate(CATEGORIES):
        for t, texture in enumerate(CATEGORIES):
            for i in range(N_PER_PAIR):
                n = N_PER_PAIR * t + i  # the number of the image within its shape category
                image = microcosm.draw_image(_shape(category, n), texture, _rng(1, c, t, i))
                yield f"{category}{n + 1}-{texture}{N_PER_PAIR * c + i + 1}.png", category, texture, image


def _silhouettes() -> DrawnImages:
    for c, category in enumerate(CATEGORIES):
        for i in range(N_OUTLINES):
            image = microcosm.draw_silhouette(_shape(category, i), _rng(2, c, i))
            yield f"{category}{i + 1}.png", category, "", image


def _edges() -> DrawnImages:
    for c, category in enumerate(CATEGORIES):
        for i in range(N_OUTLINES):
            rng = _rng(3, c, i)
            image = microcosm.draw_silhouette(_shape(category, i), rng, with_details=True)
            yield f"{category}{i + 1}.png", category, "", to_uint8(edges(image / 255, "", rng))


_IMAGES = dict(zip(SETS, (_consistent, _cue_conflict, _silhouettes, _edges), strict=True))
