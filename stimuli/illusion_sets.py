"""The stimulus sets of illusions, drawn into a folder, but for the four images of the paper (`stimuli.paper_illusions`).

duck-rabbit, vase-faces, necker-cube   figures of `stimuli.bistable`; the condition is the cue, or for the duck-rabbit
                                       without a cue `turn-<degrees>` clockwise
microcosm-ambiguous                    objects between two categories; the condition is the share of the second one
pareidolia                             faces hidden in textures; the condition is the strength of the face
muller-lyer, ponzo, …                  ILLUSIONS of `stimuli.geometric`; the condition is the strength of the illusion

Cues say what measures go by: `percept_a` and `percept_b` of what can be seen as either, `hidden` strength of a face,
`strength` and `difference` of a geometric illusion. An image without a right answer has the category AMBIGUOUS.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stimuli import ambiguous, bistable, geometric, pareidolia
from stimuli.atomic import make_folder_atomically
from stimuli.categories import AMBIGUOUS, CATEGORIES
from stimuli.illusion_cues import PERCEPTS
from stimuli.images import save_image
from stimuli.microcosm import exemplars
from stimuli.stimulus import Stimulus, StimulusSet

SEED = 20_241
CUES = (-1.0, -0.5, 0.0, 0.5, 1.0)
TURNS = tuple(range(-90, 181, 15))  # degrees
N_VARIANTS, N_TURNED = 8, 4
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
STEPS, N_OBJECTS = (1, 3, 6), 1  # a category is paired with those so many places on, each pair so many times
HIDDEN = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
N_TEXTURES = 5  # of every kind
N_GEOMETRIC = 4  # of every strength and difference; with 2 intervals of effects are too narrow (10 % miss)
FACE, NO_FACE = "face", "texture"
Drawn = Iterator[tuple[str, str, str, dict[str, str], np.ndarray]]  # file, category, condition, cues, picture


def illusion_set(name: str, folder: Path) -> StimulusSet:
    """One of NAMES in `folder`, drawn unless it is there. Raises StimulusError if it is damaged."""

    def make(beside: Path) -> None:
        stimuli = []
        for file, category, condition, cues, picture in _drawn(name):
            save_image(picture, beside / file)
            stimuli.append(Stimulus(file, beside / file, category, condition, cues))
        StimulusSet(name, tuple(stimuli)).write(beside / "stimuli.csv")

    make_folder_atomically(folder, make, "stimuli.csv")
    return StimulusSet.read(folder / "stimuli.csv", name)


def choices(name: str) -> tuple[str, ...]:
    """Of one of NAMES."""
    if name in bistable.FIGURES:
        return bistable.FIGURES[name].percepts
    if name in geometric.ILLUSIONS:
        return geometric.ILLUSIONS[name].choices
    return CATEGORIES if name == "microcosm-ambiguous" else (FACE, NO_FACE)


def _drawn(name: str) -> Drawn:
    if name in bistable.FIGURES:
        return _bistable(name)
    if name in geometric.ILLUSIONS:
        return _geometric(name)
    return _between() if name == "microcosm-ambiguous" else _faces()


def _bistable(name: str) -> Drawn:
    figure = bistable.FIGURES[name]
    cues = dict(zip(PERCEPTS, figure.percepts, strict=True))
    for cue in CUES:
        category = {-1.0: figure.percepts[0], 1.0: figure.percepts[1]}.get(cue, AMBIGUOUS)
        for v in range(N_VARIANTS):
            picture = figure.draw(cue, _rng(name, v))
            yield f"{name}_cue{cue:+g}_{v + 1}.png", category, f"{cue:g}", cues, picture
    for degrees in TURNS if name == "duck-rabbit" else ():
        for v in range(N_TURNED):
            picture = bistable.turned(figure.draw(0.0, _rng(name, 100 + v)), degrees)
            yield f"{name}_turn{degrees:+d}_{v + 1}.png", AMBIGUOUS, f"turn{degrees:+d}", cues, picture


def _between() -> Drawn:
    shapes = exemplars()
    for c, one in enumerate(CATEGORIES):
        for step in STEPS:
            other = CATEGORIES[(c + step) % len(CATEGORIES)]
            for i in range(N_OBJECTS):
                pair = [shapes[name][(c + step + i) % len(shapes[name])] for name in (one, other)]
                for w in SHARES:
                    picture = ambiguous.draw(pair[0], pair[1], w, _rng("microcosm-ambiguous", c, step, i))
                    category = {0.0: one, 1.0: other}.get(w, AMBIGUOUS)
                    file = f"{one}-{other}{i + 1}_{100 * w:.0f}.png"
                    yield file, category, f"{w:g}", {"percept_a": one, "percept_b": other}, picture


def _faces() -> Drawn:
    for t, ground in enumerate(pareidolia.GROUND):
        for i in range(N_TEXTURES):
            for strength in HIDDEN:
                picture = pareidolia.hidden(ground, strength, _rng("pareidolia", t, i))
                category = FACE if strength else NO_FACE
                yield (
                    f"{ground}{i + 1}_{100 * strength:.0f}.png",
                    category,
                    f"{strength:g}",
                    {"hidden": f"{strength:g}"},
                    picture,
                )


def _geometric(name: str) -> Drawn:
    illusion = geometric.ILLUSIONS[name]
    for s, strength in enumerate(geometric.strengths(illusion)):
        for d, difference in enumerate(geometric.DIFFERENCES):
            for i in range(N_GEOMETRIC):
                category = AMBIGUOUS if difference == 0 else illusion.choices[0 if difference > 0 else 1]
                cues = {"strength": f"{strength:g}", "difference": f"{difference:g}"}
                picture = geometric.draw(name, strength, difference, _rng(name, s, d, i))
                yield f"{name}_{strength:+g}_{difference:+g}_{i + 1}.png", category, f"{strength:g}", cues, picture


NAMES = (*bistable.FIGURES, "pareidolia", *geometric.ILLUSIONS, "microcosm-ambiguous")


def _rng(name: str, *which: int) -> np.random.Generator:
    return np.random.default_rng([SEED, NAMES.index(name), *which])
