"""The drawn stimulus sets of illusions. (The four images of the paper are in `stimuli.published.paper_illusions`.)

duck-rabbit, vase-faces, necker-cube   figures of `stimuli.draw.bistable`; the condition is the number `cue`, from -1 to 1.
                                       The duck-rabbit with a cue of 0 is also shown rotated clockwise; the condition
                                       of a rotated figure is `turn<degrees>`
microcosm-ambiguous                    objects between two categories; the condition is the second category's weight
pareidolia                             faces hidden in textures; the condition is the strength of the face
muller-lyer, ponzo, …                  ILLUSIONS of `stimuli.draw.geometric`; the condition is the strength of the illusion

The measures in `analysis.illusions` use the cues of the stimuli: `percept_a` and `percept_b` for images that can be
seen as either of two things, `hidden` for the strength of a hidden face, `strength` and `difference` for a geometric
illusion. Images without a correct answer have the category AMBIGUOUS.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.atomic import make_folder_atomically
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.cues import PERCEPTS
from stimuli.draw import ambiguous, bistable, geometric, pareidolia
from stimuli.draw.microcosm import exemplars
from stimuli.images import save_image
from stimuli.stimulus import Stimulus, StimulusSet

SEED = 20_241
CUES = (-1.0, -0.5, 0.0, 0.5, 1.0)
TURNS = tuple(range(-90, 181, 15))  # rotations of the duck-rabbit in degrees, clockwise
N_VARIANTS, N_TURNED = 8, 4  # number of images per value of the cue, and per angle of rotation
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
# Each category is paired with the categories 1, 3 and 6 positions after it. There are N_OBJECTS objects per pair.
STEPS, N_OBJECTS = (1, 3, 6), 1
FACE_STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
N_TEXTURES = 5  # number of images per kind of texture
# Number of images per strength and difference. With only 2 images, the 95 % intervals of effects would be too narrow: 10 %
# of them would not contain the true effect.
N_GEOMETRIC = 4
FACE, NO_FACE = "face", "texture"
DrawnImages = Iterator[tuple[str, str, str, dict[str, str], np.ndarray]]  # file, category, condition, cues, image


def illusion_set(name: str, folder: Path) -> StimulusSet:
    """Return the stimulus set `name`, one of NAMES. If `folder` does not exist, the images are first drawn into it.

    Raise StimulusError if the folder exists but its set is damaged.
    """

    def draw(temporary: Path) -> None:
        stimuli = []
        for file, category, condition, cues, image in _draw_images(name):
            save_image(image, temporary / file)
            stimuli.append(Stimulus(file, temporary / file, category, condition, cues))
        StimulusSet(name, tuple(stimuli)).write(temporary / "stimuli.csv")

    make_folder_atomically(folder, draw, "stimuli.csv")
    return StimulusSet.read(folder / "stimuli.csv", name)


def choices(name: str) -> tuple[str, ...]:
    """Return the choices of a trial that shows a stimulus of the set `name`, one of NAMES."""
    if name in bistable.FIGURES:
        return bistable.FIGURES[name].percepts
    if name in geometric.ILLUSIONS:
        return geometric.ILLUSIONS[name].choices
    return CATEGORIES if name == "microcosm-ambiguous" else (FACE, NO_FACE)


def _draw_images(name: str) -> DrawnImages:
    """Yield the images of the set `name`, one of NAMES."""
    if name in bistable.FIGURES:
        return _bistable(name)
    if name in geometric.ILLUSIONS:
        return _geometric(name)
    return _ambiguous_objects() if name == "microcosm-ambiguous" else _hidden_faces()


def _bistable(name: str) -> DrawnImages:
    figure = bistable.FIGURES[name]
    cues = dict(zip(PERCEPTS, figure.percepts, strict=True))
    for cue in CUES:
        category = {-1.0: figure.percepts[0], 1.0: figure.percepts[1]}.get(cue, AMBIGUOUS)
        for v in range(N_VARIANTS):
            image = figure.draw(cue, _rng(name, v))
            yield f"{name}_cue{cue:+g}_{v + 1}.png", category, f"{cue:g}", cues, image
    for degrees in TURNS if name == "duck-rabbit" else ():
        for v in range(N_TURNED):
            image = bistable.rotate(figure.draw(0.0, _rng(name, 100 + v)), degrees)
            yield f"{name}_turn{degrees:+d}_{v + 1}.png", AMBIGUOUS, f"turn{degrees:+d}", cues, image


def _ambiguous_objects() -> DrawnImages:
    shapes = exemplars()
    for c, first in enumerate(CATEGORIES):
        for step in STEPS:
            second = CATEGORIES[(c + step) % len(CATEGORIES)]
            for i in range(N_OBJECTS):
                pair = [shapes[name][(c + step + i) % len(shapes[name])] for name in (first, second)]
                for w in WEIGHTS:
                    image = ambiguous.draw(pair[0], pair[1], w, _rng("microcosm-ambiguous", c, step, i))
                    category = {0.0: first, 1.0: second}.get(w, AMBIGUOUS)
                    file = f"{first}-{second}{i + 1}_{100 * w:.0f}.png"
                    yield file, category, f"{w:g}", {"percept_a": first, "percept_b": second}, image


def _hidden_faces() -> DrawnImages:
    for t, texture in enumerate(pareidolia.TEXTURES):
        for i in range(N_TEXTURES):
            for strength in FACE_STRENGTHS:
                image = pareidolia.draw(texture, strength, _rng("pareidolia", t, i))
                category = FACE if strength else NO_FACE
                file = f"{texture}{i + 1}_{100 * strength:.0f}.png"
                yield file, category, f"{strength:g}", {"hidden": f"{strength:g}"}, image


def _geometric(name: str) -> DrawnImages:
    illusion = geometric.ILLUSIONS[name]
    for s, strength in enumerate(geometric.strengths(illusion)):
        for d, difference in enumerate(geometric.DIFFERENCES):
            for i in range(N_GEOMETRIC):
                category = AMBIGUOUS if difference == 0 else illusion.choices[0 if difference > 0 else 1]
                cues = {"strength": f"{strength:g}", "difference": f"{difference:g}"}
                image = geometric.draw(name, strength, difference, _rng(name, s, d, i))
                yield f"{name}_{strength:+g}_{difference:+g}_{i + 1}.png", category, f"{strength:g}", cues, image


NAMES = (*bistable.FIGURES, "pareidolia", *geometric.ILLUSIONS, "microcosm-ambiguous")


def _rng(name: str, *index: int) -> np.random.Generator:
    """Return the generator of one image, given the name of the set and the indices of the image in it."""
    return np.random.default_rng([SEED, NAMES.index(name), *index])
