"""Cue-conflict images from images of shapes and of textures: the shape of one category, the texture of another.

A method is a function (shape, texture, rng, options…) -> image of (h, w, 3) float64 in 0..1 images of one size. `filled`
needs nothing but shapes on a plain background, `plenoptic` synthesizes textures; one's own, such as a style transfer, is
named `mine.py:NAME`. Images are named as the published ones, `<shape><n>-<texture><n>.png`; n counts the exemplars of a
category in order of name, numbers in names as numbers. `sources.csv` says which files they are.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen
from PIL import Image

from stimuli.errors import StimulusError
from stimuli.images import center_square, check_float_image, check_size, open_source_image, save_image, to_uint8
from stimuli.names import code_of, own_name, resolve, safely, takes_three, typed
from stimuli.outlines import background, border, mask
from stimuli.progress import Progress
from stimuli.set_builder import BuildResult, PlannedStimulus, RenderJob, build_set, made_with, naming, seed_of
from stimuli.stimulus import Stimulus, StimulusSet

Method = Callable[..., np.ndarray]
METHODS = {"filled": "stimuli.cue_conflict:filled", "plenoptic": "stimuli.texture_synthesis:synthesized"}
BLAMED = {"filled": 0, "plenoptic": 1}  # the image that such a method may find fault with
USES = {"plenoptic": ("plenoptic", "torch")}
MAX_ZOOM, MAX_TEXTURE = 16.0, 8192


def filled(shape: np.ndarray, texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The texture inside the shape's silhouette, on white (the filled silhouettes of Geirhos et al. 2019).

    Raises StimulusError where the shape's background is not plain.
    """
    return np.where(mask(shape)[..., None], texture, 1.0)


@frozen
class CueConflictSettings:
    """How images are made, as workers are told it."""

    method: str = "filled"
    options: Mapping[str, str] = field(factory=dict)
    per_pair: int = 5  # images for two categories
    conflicting: bool = False  # no pairs of one category
    seed: int = 0
    size: int = 224  # pixels a side
    zoom: float = 1.0  # the texture's shorter side, in sides of the image


def pairs(shapes: StimulusSet, textures: StimulusSet, mix: CueConflictSettings) -> list[PlannedStimulus]:
    """`per_pair` images of every shape category with every texture category, or as many as there are pairs of exemplars.

    Which exemplars is drawn at random; no two of them meet twice. Raises StimulusError.
    """
    rng = np.random.default_rng([mix.seed, 6])
    shape_of, texture_of = _exemplars(shapes), _exemplars(textures)
    found = []
    for s, its_shapes in shape_of.items():
        for t, its_textures in texture_of.items():
            drawn = rng.permutation(len(its_shapes) * len(its_textures))[: mix.per_pair]
            if mix.conflicting and s == t:
                continue
            for i, j in sorted(divmod(int(k), len(its_textures)) for k in drawn):
                name = f"{s}{i + 1}-{t}{j + 1}.png"
                found.append(
                    PlannedStimulus(name, f"{s}/{name}", "", {"shape": its_shapes[i].id, "texture": its_textures[j].id})
                )
    if not found:
        raise StimulusError(
            f"{shapes.name} and {textures.name} have one category only: there is no conflict to be made"
        )
    return found


def _exemplars(stimuli: StimulusSet) -> dict[str, list[Stimulus]]:
    found: dict[str, list[Stimulus]] = {}
    for s in sorted(stimuli, key=lambda s: _in_numbers(s.id)):
        if not s.category.isalpha() or not s.category.islower():
            raise StimulusError(
                f"{stimuli.name}: the category {s.category!r} cannot stand in an image's name: expected lower-case letters"
            )
        found.setdefault(s.category, []).append(s)
    return dict(sorted(found.items()))


def _in_numbers(name: str) -> list[tuple[str, int]]:
    """A key that puts cat2 before cat10."""
    return [(text, int(part or 0)) for text, part in re.findall(r"(\D*)(\d*)", name)]


def make_cue_conflict(
    shapes: StimulusSet,
    textures: StimulusSet,
    out: Path,
    mix: CueConflictSettings,
    *,
    workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> BuildResult:
    """Make the images and a stimuli.csv in `out`, or go on with them; what cannot be combined is left out and said.

    Raises StimulusError, UnknownName, UserError.
    """
    check_size(mix.size)
    if not 1 / MAX_ZOOM <= mix.zoom <= MAX_ZOOM or mix.zoom * mix.size > MAX_TEXTURE:
        raise StimulusError(
            f"the zoom must be {1 / MAX_ZOOM:g} to {MAX_ZOOM:g}, and a texture at most {MAX_TEXTURE} pixels high, got "
            f"{mix.zoom:g} at a size of {mix.size}"
        )
    _, options = _method(mix)
    code = None if mix.method in METHODS else code_of(mix.method, "cue_conflict")
    category = {s.id: s.category for s in shapes}, {s.id: s.category for s in textures}
    settings = {
        "method": own_name(mix.method), "options": options, "code": code, "per_pair": mix.per_pair,
        "conflicting": mix.conflicting, "seed": mix.seed, "size": mix.size, "zoom": mix.zoom,
        "made_with": made_with(*USES.get(mix.method, ())),
    }  # fmt: skip

    def described(recipe: PlannedStimulus) -> Stimulus:
        cues = {role: of[recipe.sources[role]] for role, of in zip(("shape", "texture"), category, strict=True)}
        return Stimulus(recipe.stimulus, Path(recipe.path), cues["shape"], "", cues)

    return build_set(
        out, settings, {"shape": shapes, "texture": textures}, lambda: pairs(shapes, textures, mix), described,
        partial(_one, mix), workers=workers, at_once=1, progress=progress,
    )  # fmt: skip


def _method(mix: CueConflictSettings) -> tuple[Method, dict[str, Any]]:
    """The function and its options. Raises UnknownName, UserError."""
    function = resolve(mix.method, METHODS, "cue_conflict", "way to make cue-conflict images")
    takes_three(function, mix.method, "(shape, texture, rng) -> image")
    return function, typed(function, own_name(mix.method), mix.options, n_given=3)


def _one(mix: CueConflictSettings, job: RenderJob) -> str:
    """Make one file; "" or, where the images are at fault, a sentence that names one."""
    shape_path, texture_path = job.origins
    try:
        rng = np.random.default_rng([mix.seed, seed_of(job.recipe.stimulus)])
        shape = _squared(open_source_image(shape_path), mix.size) / 255
        texture = _window(open_source_image(texture_path), mix, rng) / 255
        function, options = _method(mix)
        given = function if mix.method in METHODS else safely(function, mix.method)
        found = check_float_image(given(shape, texture, rng, **options), [shape.shape], own_name(mix.method))
    except StimulusError as error:
        if mix.method in BLAMED:
            return naming(error, job.origins[BLAMED[mix.method]], *job.origins)
        return naming(error, Path(f"{shape_path} with {texture_path}"), *job.origins)
    except MemoryError:
        return f"{shape_path} with {texture_path} needs more memory than there is; give a smaller --size"
    save_image(to_uint8(found), job.path)
    return ""


def _squared(pixels: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) uint8: all of it, on a square of its background where that is plain; else its middle square."""
    color = background(border(pixels) / 255)
    if color is not None:
        height, width = pixels.shape[:2]
        side = max(height, width)
        square = np.empty((side, side, 3), np.uint8)
        square[:] = to_uint8(color)
        top, left = (side - height) // 2, (side - width) // 2
        square[top : top + height, left : left + width] = pixels
        pixels = square
    return center_square(pixels, size)


def _window(pixels: np.ndarray, mix: CueConflictSettings, rng: np.random.Generator) -> np.ndarray:
    """(size, size, 3) of a texture, anywhere in it, its shorter side `zoom` times the size; continued by reflection."""
    scale = mix.zoom * mix.size / min(pixels.shape[:2])
    height, width = (max(1, round(scale * n)) for n in pixels.shape[:2])
    resized = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    lacking = [(0, max(0, mix.size - height)), (0, max(0, mix.size - width)), (0, 0)]
    wide = np.pad(resized, lacking, mode="symmetric")
    top, left = (int(rng.integers(n - mix.size + 1)) for n in wide.shape[:2])
    return np.asarray(wide[top : top + mix.size, left : left + mix.size])
