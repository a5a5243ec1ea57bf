"""Geometric illusions at graded strength, drawn by pyllusion (Makowski et al. 2021, doi 10.1177/03010066211057347).

Two things of one kind are compared: which is longer, or larger? `difference` is how much larger the first one (at the top,
or at the left) is, as a share of the smaller, in length of lines and area of circles; below 0 the second one is. `strength`
is how much what surrounds them speaks for the first one being larger, in the unit that pyllusion has for the illusion, below
0 for the second one. Both are signed here so that an illusion is a shift of the difference at which both look alike.
A picture is (SIZE, SIZE, 3) uint8, on white.
"""

from collections.abc import Mapping

import numpy as np
from attrs import frozen

SIZE = 224
DIFFERENCES = (-0.4, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.4)
EQUAL = 1e-6  # the direction of a strength follows from the sign of a difference, which 0 has not


@frozen
class Illusion:
    maker: str  # in pyllusion
    strongest: float
    unit: str
    choices: tuple[str, str]  # the first, the second
    question: str


ILLUSIONS: Mapping[str, Illusion] = {
    "muller-lyer": Illusion("MullerLyer", 40, "degrees of the fins", ("top", "bottom"), "which line is longer"),
    "ponzo": Illusion("Ponzo", 25, "degrees of the rails", ("top", "bottom"), "which line is longer"),
    "ebbinghaus": Illusion(
        "Ebbinghaus", 1.0, "relative size of the circles around", ("left", "right"), "which red circle is larger"
    ),
    "delboeuf": Illusion(
        "Delboeuf", 1.2, "relative size of the rings", ("left", "right"), "which red circle is larger"
    ),
    "vertical-horizontal": Illusion(
        "VerticalHorizontal", 90, "degrees between the lines", ("left", "right"), "which line is longer"
    ),
}


def strengths(illusion: Illusion) -> tuple[float, ...]:
    """Five, 0 in the middle."""
    return tuple(round(illusion.strongest * share, 6) for share in (-1, -0.5, 0, 0.5, 1))


def draw(name: str, strength: float, difference: float, rng: np.random.Generator) -> np.ndarray:
    """One of ILLUSIONS; the generator varies the size and the gap."""
    import pyllusion

    illusion = ILLUSIONS[name]
    sign = -1.0 if difference < 0 else 1.0
    circles = name in ("ebbinghaus", "delboeuf")
    given = {"size_min": rng.uniform(0.2, 0.25) if circles else rng.uniform(0.42, 0.55)}
    gap = rng.uniform(0.9, 1.1)
    if name != "vertical-horizontal":  # whose lines stand where they stand
        given["distance"] = gap
    made = getattr(pyllusion, illusion.maker)(
        illusion_strength=-sign * strength, difference=difference or EQUAL, **given
    )
    return np.asarray(made.to_image(width=SIZE, height=SIZE).convert("RGB"), np.uint8)
