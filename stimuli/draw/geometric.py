"""Geometric illusions of graded strength, drawn with pyllusion (Makowski et al. 2021, doi 10.1177/03010066211057347).

Every image asks the observer to compare two objects: which line is longer, or which circle is larger? The first object
is the one at the top or at the left.
- `difference` is the physical difference between the two objects, in the length of lines or the area of circles,
  divided by the length or area of the smaller object. It is positive if the first object is larger, and negative if the
  second object is larger.
- `strength` is the strength with which the surroundings make the first object look larger, in pyllusion's unit for the
  illusion. It is negative if they make the second object look larger.

With these signs, an illusion shifts the difference at which both objects look the same (the point of subjective
equality). Images are `(SIZE, SIZE, 3)` uint8 with a white background.
"""

from collections.abc import Mapping

import numpy as np
from attrs import frozen

SIZE = 224
DIFFERENCES = (-0.4, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.4)
# pyllusion takes the direction of the illusion from the sign of the difference, so a difference of 0 is replaced by
# this value.
SMALLEST_DIFFERENCE = 1e-6


@frozen
class GeometricIllusion:
    """One kind of geometric illusion."""

    class_name: str  # class in pyllusion that draws the illusion
    max_strength: float  # largest strength, in `unit`
    unit: str  # unit of the strength
    choices: tuple[str, str]  # the first and the second object
    question: str  # what the observer is asked


ILLUSIONS: Mapping[str, GeometricIllusion] = {
    "muller-lyer": GeometricIllusion(
        "MullerLyer", 40, "degrees of the fins", ("top", "bottom"), "which line is longer"
    ),
    "ponzo": GeometricIllusion("Ponzo", 25, "degrees of the rails", ("top", "bottom"), "which line is longer"),
    "ebbinghaus": GeometricIllusion(
        "Ebbinghaus", 1.0, "relative size of the surrounding circles", ("left", "right"), "which red circle is larger"
    ),
    "delboeuf": GeometricIllusion(
        "Delboeuf", 1.2, "relative size of the rings", ("left", "right"), "which red circle is larger"
    ),
    "vertical-horizontal": GeometricIllusion(
        "VerticalHorizontal", 90, "degrees between the lines", ("left", "right"), "which line is longer"
    ),
}


def strengths(illusion: GeometricIllusion) -> tuple[float, ...]:
    """Return five equally spaced strengths, from −max_strength to max_strength."""
    return tuple(round(illusion.max_strength * fraction, 6) for fraction in (-1, -0.5, 0, 0.5, 1))


def draw(name: str, strength: float, difference: float, rng: np.random.Generator) -> np.ndarray:
    """Draw one of ILLUSIONS. `rng` varies the size of the objects and the gap between them."""
    import pyllusion

    illusion = ILLUSIONS[name]
    sign = -1.0 if difference < 0 else 1.0
    circles = name in ("ebbinghaus", "delboeuf")
    options = {"size_min": rng.uniform(0.2, 0.25) if circles else rng.uniform(0.42, 0.55)}
    gap = rng.uniform(0.9, 1.1)  # sampled even if it is not used, so that all illusions use the same random numbers
    if name != "vertical-horizontal":  # pyllusion fixes the positions of the lines of this illusion
        options["distance"] = gap
    stimulus = getattr(pyllusion, illusion.class_name)(
        illusion_strength=-sign * strength, difference=difference or SMALLEST_DIFFERENCE, **options
    )
    return np.asarray(stimulus.to_image(width=SIZE, height=SIZE).convert("RGB"), np.uint8)
