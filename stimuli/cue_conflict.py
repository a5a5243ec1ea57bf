"""Cue-conflict images from images of shapes and of textures: the shape of one category, the texture of another.

A method is a function (shape, texture, rng) -> image of (h, w, 3) float64 in 0..1 images, the texture as large as the shape.
`filled` needs nothing but shapes on a plain background; one's own, such as a style transfer, is named `mine.py:NAME`.
Images are named as the published ones, `<shape><n>-<texture><n>.png`; n counts the exemplars of a category in order of name.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import frozen

from stimuli.errors import StimulusError
from stimuli.images import middle_square, open_image, save_image
from stimuli.make import seed_of
from stimuli.names import resolve
from stimuli.outlines import mask
from stimuli.progress import Progress
from stimuli.record import about, claim, naming
from stimuli.stimulus import Stimulus, StimulusSet

Method = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def filled(shape: np.ndarray, texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The texture inside the shape's silhouette, on white (the filled silhouettes of Geirhos et al. 2019).

    Raises StimulusError where the shape's background is not plain.
    """
    return np.where(mask(shape)[..., None], texture, 1.0)


METHODS = {"filled": "stimuli.cue_conflict:filled"}


@frozen
class Pair:
    shape: Stimulus
    texture: Stimulus
    name: str


def pairs(shapes: StimulusSet, textures: StimulusSet, per_pair: int, seed: int) -> list[Pair]:
    """`per_pair` images of every shape category with every texture category, or as many as there are pairs of exemplars.

    Which exemplars is drawn at random; no two of them meet twice. Raises StimulusError.
    """
    rng = np.random.default_rng([seed, 6])
    shape_of, texture_of = _exemplars(shapes), _exemplars(textures)
    found = []
    for s, its_shapes in shape_of.items():
        for t, its_textures in texture_of.items():
            drawn = rng.permutation(len(its_shapes) * len(its_textures))[:per_pair]
            for i, j in sorted(divmod(int(k), len(its_textures)) for k in drawn):
                found.append(Pair(its_shapes[i], its_textures[j], f"{s}{i + 1}-{t}{j + 1}.png"))
    return found


def _exemplars(stimuli: StimulusSet) -> dict[str, list[Stimulus]]:
    found: dict[str, list[Stimulus]] = {}
    for s in sorted(stimuli, key=lambda s: s.id):
        if not s.category.isalpha() or not s.category.islower():
            raise StimulusError(
                f"{stimuli.name}: the category {s.category!r} cannot stand in an image's name: expected lower-case letters"
            )
        found.setdefault(s.category, []).append(s)
    return found


def make_cue_conflict(
    shapes: StimulusSet,
    textures: StimulusSet,
    out: Path,
    *,
    method: str = "filled",
    per_pair: int = 5,
    seed: int = 0,
    size: int = 224,
    progress: Progress = lambda done, total: None,
) -> tuple[StimulusSet, tuple[str, ...]]:
    """Write the images and a stimuli.csv into `out`; files that are there are kept. With it, a sentence a fault.

    Raises StimulusError.
    """
    function: Method = resolve(method, METHODS, "cue_conflict", "way to make cue-conflict images")
    todo = pairs(shapes, textures, per_pair, seed)
    claim(out, {
        "method": method.replace("\\", "/").rpartition("/")[2], "per_pair": per_pair, "seed": seed, "size": size,
        "shapes": shapes.name, "shapes_sha256": about(shapes), "textures": textures.name, "textures_sha256": about(textures),
    })  # fmt: skip
    made, skipped = [], []
    for n, pair in enumerate(todo):
        path = out / pair.shape.category / pair.name
        progress(n, len(todo))
        try:
            if not path.is_file():
                save_image(_combined(function, pair, seed, size), path)
        except StimulusError as error:
            skipped.append(naming(error, pair.shape.path, pair.texture.path))
            continue
        cues = {"shape": pair.shape.category, "texture": pair.texture.category}
        made.append(Stimulus(pair.name, path, pair.shape.category, "", cues))
    progress(len(todo), len(todo))
    if not made:
        raise StimulusError(f"none of {len(todo)} images could be made; the first: {skipped[0]}")
    stimuli = StimulusSet(out.resolve().name, tuple(made))
    stimuli.write(out / "stimuli.csv")
    return stimuli, tuple(dict.fromkeys(skipped))


def _combined(function: Method, pair: Pair, seed: int, size: int) -> np.ndarray:
    """(size, size, 3) uint8. Raises StimulusError."""
    rng = np.random.default_rng([seed, seed_of(pair.name)])
    shape = middle_square(open_image(pair.shape.path), size) / 255
    texture = _window(open_image(pair.texture.path), size, rng) / 255
    found = np.asarray(function(shape, texture, rng))
    if found.shape != shape.shape or not np.isfinite(found).all():
        raise StimulusError(
            f"{pair.name}: the method gave {found.shape} with values {found.min():g} to {found.max():g}, expected "
            f"{shape.shape} of finite numbers"
        )
    return np.asarray(np.rint(255 * np.clip(found, 0, 1)), np.uint8)


def _window(pixels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """(size, size, 3) of a texture, anywhere in it; one that is smaller is continued by reflection."""
    height, width = pixels.shape[:2]
    lacking = [(0, max(0, size - height)), (0, max(0, size - width)), (0, 0)]
    wide = np.pad(pixels, lacking, mode="symmetric")
    top, left = (int(rng.integers(n - size + 1)) for n in wide.shape[:2])
    return np.asarray(wide[top : top + size, left : left + size])
