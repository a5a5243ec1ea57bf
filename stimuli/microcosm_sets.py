"""The stimulus sets of the microcosm, drawn into a folder: shapes that no training saw, each in turn.

microcosm               480 pictures, 30 a category, shape and texture of one category
microcosm-cue-conflict  512 pictures, 2 for each pair of a shape's and a texture's category, named as the published ones
microcosm-silhouette    160 shapes, black on white
microcosm-edge          160 shapes in one color on another, Canny's edges of them, black on white
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stimuli import microcosm
from stimuli.atomic import make_folder_atomically
from stimuli.categories import CATEGORIES
from stimuli.glyphs import Shape
from stimuli.images import save_image, to_uint8
from stimuli.outlines import edges
from stimuli.stimulus import Stimulus, StimulusSet

N_CONSISTENT, N_PAIR, N_OUTLINES = 30, 2, 10  # a category, a pair, a category
SEED = 20_240
SETS = ("microcosm", "microcosm-cue-conflict", "microcosm-silhouette", "microcosm-edge")


def microcosm_set(name: str, folder: Path) -> StimulusSet:
    """One of SETS in `folder`, drawn unless it is there. Raises StimulusError if it is damaged."""

    def make(beside: Path) -> None:
        stimuli = []
        for file, category, texture, picture in _DRAWN[name]():
            path = beside / category / file
            save_image(picture, path)
            cues = {"shape": category, "texture": texture} if texture else {}
            stimuli.append(Stimulus(file, path, category, "", cues))
        StimulusSet(name, tuple(stimuli)).write(beside / "stimuli.csv")

    make_folder_atomically(folder, make, "stimuli.csv")
    return StimulusSet.read(folder / "stimuli.csv", name)


Drawn = Iterator[tuple[str, str, str, np.ndarray]]  # file, category of the shape, of the texture or "", picture


def _shape(category: str, i: int) -> Shape:
    shapes = microcosm.exemplars()[category]
    return shapes[i % len(shapes)]


def _rng(number: int, *which: int) -> np.random.Generator:
    return np.random.default_rng([SEED, number, *which])


def _consistent() -> Drawn:
    for c, category in enumerate(CATEGORIES):
        for i in range(N_CONSISTENT):
            picture = microcosm.draw(_shape(category, i), category, _rng(0, c, i))
            yield f"{category}{i + 1}.png", category, "", picture


def _cue_conflict() -> Drawn:
    for c, category in enumerate(CATEGORIES):
        for t, texture in enumerate(CATEGORIES):
            for i in range(N_PAIR):
                n = N_PAIR * t + i  # of this shape's category
                picture = microcosm.draw(_shape(category, n), texture, _rng(1, c, t, i))
                yield f"{category}{n + 1}-{texture}{N_PAIR * c + i + 1}.png", category, texture, picture


def _silhouettes() -> Drawn:
    for c, category in enumerate(CATEGORIES):
        for i in range(N_OUTLINES):
            yield f"{category}{i + 1}.png", category, "", microcosm.silhouette(_shape(category, i), _rng(2, c, i))


def _edges() -> Drawn:
    for c, category in enumerate(CATEGORIES):
        for i in range(N_OUTLINES):
            rng = _rng(3, c, i)
            lines = edges(microcosm.silhouette(_shape(category, i), rng, marks=True) / 255, "", rng)
            yield f"{category}{i + 1}.png", category, "", to_uint8(lines)


_DRAWN = dict(zip(SETS, (_consistent, _cue_conflict, _silhouettes, _edges), strict=True))
