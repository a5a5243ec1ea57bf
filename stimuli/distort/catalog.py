"""The table of distortions, with one row each.

A new distortion needs a function (image, level, rng) -> image, as in `stimuli.distort.distortions`, and a row here. The
functions are named by references, so that distortions can be listed without importing scipy.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from core.entries import Entry
from stimuli.distort.conditions import accept_only, parse_contrast, parse_eidolon_level, parse_number
from stimuli.published.datasets import DATASETS

PUBLISHED = "Published distortions (make-stimuli published-12 makes all twelve)"
OTHER = "Other distortions"


@frozen(kw_only=True)
class DistortionEntry(Entry):
    """A built-in distortion.

    Attributes:
        formula: The result as a formula or phrase. g is the gray image, and values are in 0..1.
        parse_level: Converts the text of a condition into the level of the function, or raises ValueError.
        level_format: How conditions are written, as a phrase for error messages and descriptions.
        conditions: Conditions that a set has by default, in order of strength.
        tables: Options that name a .npy file with a table -> reference of the function that reads the file.
        version: Version of the algorithm. Increase it when the images change: a set that was started with another version
            cannot be continued, and cached sets are built again.
    """

    formula: str
    parse_level: Callable[[str], Any]
    level_format: str
    conditions: tuple[str, ...]
    tables: Mapping[str, str] = field(factory=dict)
    version: int = 1


def _published(name: str, function: str, description: str, *, group: str = PUBLISHED, **rest: Any) -> DistortionEntry:
    """Return the row of a distortion that a published dataset shows; it has the conditions of this dataset."""
    dataset = DATASETS[name]
    conditions = tuple(condition.name for condition in dataset.conditions)
    return DistortionEntry(name=name, reference=f"stimuli.distort.{function}", description=description, group=group,
                           source=dataset.source, conditions=conditions, **rest)  # fmt: skip


_DEGREES = "a number of degrees"
_SIGMA = "a standard deviation in pixels"
_EIDOLON: Mapping[str, Any] = {
    "formula": "Σ_k D_k(position + reach · F_k), with F_k = (1 − coherence) I_k + coherence C_k",
    "parse_level": parse_eidolon_level,
    "level_format": "reach-coherence-grain with ten times the coherence, such as 8-10-10",
    "version": 2,  # version 1 padded images by repeating the pixels of their border
}

# fmt: off
_ROWS = (
    _published("colour", "distortions:colour", "Keeps or removes the color of an image.",
               formula="cr: the image; bw: g = 0.2125 R + 0.7154 G + 0.0721 B",
               parse_level=accept_only("cr", "bw"), level_format="cr or bw"),
    _published("contrast", "distortions:contrast", "Reduces the contrast of the gray image.",
               formula="(1 − c)/2 + c g, with the contrast c",
               parse_level=parse_contrast, level_format="a contrast in percent, such as c30"),
    _published("uniform-noise", "distortions:uniform_noise", "Adds uniform noise to the gray image at 30 % contrast.",
               formula="0.35 + 0.3 g + U[−w, w), clipped to 0..1",
               parse_level=parse_number, level_format="half the width of the noise, such as 0.35"),
    _published("low-pass", "distortions:low_pass", "Blurs the gray image.",
               formula="g ∗ Gaussian(σ), truncated at 4 σ, clipped to 0..1",
               parse_level=parse_number, level_format=_SIGMA),
    _published("high-pass", "distortions:high_pass", "Keeps only the fine detail of the gray image.",
               formula="g − g ∗ Gaussian(σ), shifted to the mean 0.4423, clipped to 0..1",
               parse_level=parse_number, level_format=f"{_SIGMA}, or inf"),
    _published("phase-scrambling", "distortions:phase_scrambling",
               "Adds random shifts to the phases of the Fourier transform.",
               formula="real part of F⁻¹(F(g) exp(i s)), with shifts s from U[−w, w], clipped to 0..1",
               parse_level=parse_number, level_format=_DEGREES),
    _published("power-equalisation", "distortions:power_equalisation",
               "Replaces the amplitude spectrum with a mean spectrum.",
               formula="F⁻¹(A F(g)/|F(g)|), with the mean amplitudes A of many images, clipped to 0..1",
               parse_level=accept_only("0", "pow"), level_format="0 or pow",
               tables={"spectrum": "stimuli.distort.spectrum:read_spectrum"}),
    _published("false-colour", "distortions:false_colour",
               "Replaces every color with its opponent color of the same luminance.",
               formula="2 Y − RGB in linear light, with the luminance Y, clipped to 0..1",
               parse_level=accept_only("true", "false"), level_format="true or false",
               tables={"monitor": "stimuli.distort.spectrum:read_monitor"}),
    _published("rotation", "distortions:rotation", "Rotates the gray image counterclockwise.",
               formula="g rotated by 0, 90, 180 or 270 degrees",
               parse_level=parse_number, level_format="0, 90, 180 or 270"),
    _published("eidolonI", "eidolon:distort_by_level",
               "Displaces all scales of the image together (coherence 1).", **_EIDOLON),
    _published("eidolonII", "eidolon:distort_by_level",
               "Displaces the scales of the image partly together (coherence 0.3).", **_EIDOLON),
    _published("eidolonIII", "eidolon:distort_by_level",
               "Displaces every scale of the image independently (coherence 0).", **_EIDOLON),
    DistortionEntry(name="salt-and-pepper", reference="stimuli.distort.distortions:salt_and_pepper", group=OTHER,
                    description="Sets random pixels of the gray image at 30 % contrast to black or white.",
                    formula="0 with probability p/2, 1 with probability p/2, otherwise 0.35 + 0.3 g",
                    parse_level=parse_number, level_format="a fraction of pixels, such as 0.2",
                    conditions=("0", "0.1", "0.2", "0.35", "0.5", "0.65", "0.8", "0.95"),
                    source="this project, after Geirhos et al. (2018)"),
    _published("silhouette", "outlines:silhouette", "Shows an object (on a plain background) as a black shape on white.",
               group=OTHER,
               formula="0 on the object, 1 elsewhere",
               parse_level=accept_only(""), level_format="the empty condition"),
    _published("edge", "outlines:edges", "Shows the edges of an image as black lines on white (Canny's detector).",
               group=OTHER,
               formula="0 on edges, 1 elsewhere",
               parse_level=accept_only(""), level_format="the empty condition"),
)
# fmt: on
DISTORTIONS: dict[str, DistortionEntry] = {row.name: row for row in _ROWS}
PUBLISHED_12 = tuple(row.name for row in _ROWS if row.group == PUBLISHED)
