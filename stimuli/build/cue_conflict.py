"""Cue-conflict images, which combine the shape of one category with the texture of another (Geirhos et al. 2019, ICLR).

A method is a function (shape, texture, rng, options…) -> image, where shape, texture and result are (h, w, 3) float64
images in 0..1 of the same size. `filled` fills a silhouette with a texture and needs shapes on a plain background.
`plenoptic` synthesizes textures. A user's own method, such as a style transfer, is named `mine.py:NAME`.

Images are named `<shape><n>-<texture><n>.png`, like the published ones. The numbers n count the exemplars of each
category in the natural order of their names (cat2 before cat10). `sources.csv` lists the source files.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen
from PIL import Image

from core.errors import StimulusError
from core.options import options_of, parse_options
from core.paths import strip_folder
from core.plugins import check_three_parameters, code_version, resolve, wrap_user_function
from core.progress import Progress
from stimuli.build.set_builder import (
    BuildResult,
    RenderJob,
    add_path_to_message,
    build_set,
    library_versions,
    seed_from_names,
)
from stimuli.build.set_record import PlannedStimulus
from stimuli.distort.outlines import background_color, border_pixels, object_mask
from stimuli.images import center_square, check_float_image, check_size, open_source_image, save_image, to_uint8
from stimuli.stimulus import Stimulus, StimulusSet

Method = Callable[..., np.ndarray]
METHODS = {
    "filled": "stimuli.build.cue_conflict:fill_silhouette",
    "plenoptic": "stimuli.distort.texture_synthesis:synthesize",
}
# Method -> the image to which its error messages refer: 0 is the shape, 1 is the texture.
CHECKED_IMAGE = {"filled": 0, "plenoptic": 1}
METHOD_LIBRARIES = {"plenoptic": ("plenoptic", "torch")}
MAX_ZOOM, MAX_TEXTURE_SIDE = 16.0, 8192


def fill_silhouette(shape: np.ndarray, texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fill the silhouette of a shape with a texture, on a white background, as in Geirhos et al. (2019).

    Args:
        shape: (h, w, 3) in 0..1, an object on a plain background.
        texture: (h, w, 3) in 0..1.
        rng: Not used.

    Returns:
        (h, w, 3) in 0..1.

    Raises:
        StimulusError: If the background of the shape is not plain.
    """
    return np.where(object_mask(shape)[..., None], texture, 1.0)


@frozen
class CueConflictSettings:
    """Settings of a cue-conflict set, which are sent to the worker processes.

    Attributes:
        method: `filled`, `plenoptic`, the name of a plugin, or `FILE.py:NAME`.
        options: Options of the method as text.
        per_pair: Number of images for every pair of a shape category and a texture category.
        conflicting: Exclude pairs in which shape and texture have the same category.
        seed: Random seed.
        size: Width and height of the images in pixels.
        zoom: Length of the shorter side of the texture, as a multiple of the side of the image.
    """

    method: str = "filled"
    options: Mapping[str, str] = field(factory=dict)
    per_pair: int = 5
    conflicting: bool = False
    seed: int = 0
    size: int = 224
    zoom: float = 1.0


def draw_pairs(shapes: StimulusSet, textures: StimulusSet, settings: CueConflictSettings) -> list[PlannedStimulus]:
    """Choose random pairs of a shape image and a texture image for every pair of categories, without replacement.

    Args:
        shapes: Images of shapes, whose categories are lower-case words.
        textures: Images of textures, whose categories are lower-case words.
        settings: Settings of the set. Only `per_pair`, `conflicting` and `seed` are used.

    Returns:
        `per_pair` stimuli for every pair of categories, or all pairs of images if there are fewer.

    Raises:
        StimulusError: If a category is not a lower-case word, or `conflicting` is set and there is only one category.
    """
    rng = np.random.default_rng([settings.seed, 6])
    shapes_by_category, textures_by_category = _exemplars_by_category(shapes), _exemplars_by_category(textures)
    planned = []
    for shape_category, shape_exemplars in shapes_by_category.items():
        for texture_category, texture_exemplars in textures_by_category.items():
            n_pairs = len(shape_exemplars) * len(texture_exemplars)
            drawn = rng.permutation(n_pairs)[: settings.per_pair]
            if settings.conflicting and shape_category == texture_category:
                continue
            for i, j in sorted(divmod(int(k), len(texture_exemplars)) for k in drawn):
                name = f"{shape_category}{i + 1}-{texture_category}{j + 1}.png"
                sources = {"shape": shape_exemplars[i].id, "texture": texture_exemplars[j].id}
                planned.append(PlannedStimulus(name, f"{shape_category}/{name}", "", sources))
    if not planned:
        raise StimulusError(
            f"all images of {shapes.name} and {textures.name} have the same category, so that no shape conflicts with a "
            f"texture: add another category"
        )
    return planned


def _exemplars_by_category(stimuli: StimulusSet) -> dict[str, list[Stimulus]]:
    """Return the images of every category in natural order of their names.

    Raise StimulusError if a category is not a lower-case word.
    """
    exemplars: dict[str, list[Stimulus]] = {}
    for s in sorted(stimuli, key=lambda s: _natural_sort_key(s.id)):
        if not s.category.isalpha() or not s.category.islower():
            raise StimulusError(
                f"{stimuli.name}: the category {s.category!r} cannot be part of an image's name: expected lower-case letters"
            )
        exemplars.setdefault(s.category, []).append(s)
    return dict(sorted(exemplars.items()))


def _natural_sort_key(name: str) -> list[tuple[str, int]]:
    """Return a sort key that puts cat2 before cat10."""
    return [(text, int(part or 0)) for text, part in re.findall(r"(\D*)(\d*)", name)]


def make_cue_conflict(
    shapes: StimulusSet,
    textures: StimulusSet,
    out: Path,
    settings: CueConflictSettings,
    *,
    n_workers: int = 1,
    progress: Progress = lambda done, total: None,
) -> BuildResult:
    """Build a cue-conflict stimulus set, or continue with one that was started with the same settings.

    Args:
        shapes: Images of shapes. Their categories are the categories of the set.
        textures: Images of textures.
        out: Folder of the set.
        settings: The method, the pairs of images, the seed and the size.
        n_workers: Number of processes.
        progress: Called with the number of finished images and their total.

    Returns:
        The stimulus set with the cues `shape` and `texture`, and the images that were skipped because a source image
        could not be read or the method could not combine them.

    Raises:
        StimulusError: If the settings are out of range, there is only one category, the folder cannot be used, or not a
            single image could be made.
        UnknownName, UserError: If the method or its options are invalid.
    """
    check_size(settings.size)
    if not 1 / MAX_ZOOM <= settings.zoom <= MAX_ZOOM or settings.zoom * settings.size > MAX_TEXTURE_SIDE:
        raise StimulusError(
            f"the zoom must be from {1 / MAX_ZOOM:g} to {MAX_ZOOM:g}, and zoom × size at most {MAX_TEXTURE_SIDE} pixels, "
            f"got a zoom of {settings.zoom:g} and a size of {settings.size}"
        )
    _, options = _resolve_method(settings)
    code = None if settings.method in METHODS else code_version(settings.method, "cue_conflict")
    category_of = {
        "shape": {s.id: s.category for s in shapes},
        "texture": {s.id: s.category for s in textures},
    }
    recorded_settings = {
        "method": strip_folder(settings.method), "options": options, "code": code, "per_pair": settings.per_pair,
        "conflicting": settings.conflicting, "seed": settings.seed, "size": settings.size, "zoom": settings.zoom,
        "made_with": library_versions(*METHOD_LIBRARIES.get(settings.method, ())),
    }  # fmt: skip

    def describe(planned: PlannedStimulus) -> Stimulus:
        cues = {role: categories[planned.sources[role]] for role, categories in category_of.items()}
        return Stimulus(planned.stimulus, Path(planned.path), cues["shape"], "", cues)

    # A single image may take many seconds, so workers receive one at a time.
    return build_set(
        out, recorded_settings, {"shape": shapes, "texture": textures}, lambda: draw_pairs(shapes, textures, settings),
        describe, partial(_render, settings), n_workers=n_workers, chunk_size=1, progress=progress,
    )  # fmt: skip


def _resolve_method(settings: CueConflictSettings) -> tuple[Method, dict[str, Any]]:
    """Return the function of a method and its converted options. Raise UnknownName or UserError if they are invalid."""
    function = resolve(settings.method, METHODS, "cue_conflict", "cue-conflict method")
    check_three_parameters(function, settings.method, "(shape, texture, rng) -> image")
    known = options_of(function, n_positional=3)
    return function, parse_options(known, strip_folder(settings.method), settings.options)


def _render(settings: CueConflictSettings, job: RenderJob) -> str:
    """Save one image and return "", or return the reason why the images could not be combined."""
    shape_path, texture_path = job.source_paths
    try:
        rng = np.random.default_rng([settings.seed, seed_from_names(job.planned.stimulus)])
        shape = _fit_square(open_source_image(shape_path), settings.size) / 255
        texture = _crop_texture(open_source_image(texture_path), settings, rng) / 255
        function, options = _resolve_method(settings)
        combine = function if settings.method in METHODS else wrap_user_function(function, settings.method)
        image = check_float_image(combine(shape, texture, rng, **options), [shape.shape], strip_folder(settings.method))
    except StimulusError as error:
        if settings.method in CHECKED_IMAGE:
            return add_path_to_message(error, job.source_paths[CHECKED_IMAGE[settings.method]], *job.source_paths)
        return add_path_to_message(error, Path(f"{shape_path} with {texture_path}"), *job.source_paths)
    except MemoryError:
        return f"{shape_path} with {texture_path} needs more memory than is available; give a smaller --size"
    save_image(to_uint8(image), job.path)
    return ""


def _fit_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Return a shape as (size, size, 3) uint8.

    An image with a plain background is padded to a square with the background color. Other images are cropped to their
    central square.
    """
    color = background_color(border_pixels(pixels) / 255)
    if color is not None:
        height, width = pixels.shape[:2]
        side = max(height, width)
        square = np.empty((side, side, 3), np.uint8)
        square[:] = to_uint8(color)
        y, x = (side - height) // 2, (side - width) // 2
        square[y : y + height, x : x + width] = pixels
        pixels = square
    return center_square(pixels, size)


def _crop_texture(pixels: np.ndarray, settings: CueConflictSettings, rng: np.random.Generator) -> np.ndarray:
    """Return a random window of a texture as (size, size, 3) uint8.

    The texture is resized so that its shorter side is `zoom` × `size`. If it is then smaller than the window, it is
    extended by reflection.
    """
    size = settings.size
    scale = settings.zoom * size / min(pixels.shape[:2])
    height, width = (max(1, round(scale * n)) for n in pixels.shape[:2])
    resized = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    padding = [(0, max(0, size - height)), (0, max(0, size - width)), (0, 0)]
    padded = np.pad(resized, padding, mode="symmetric")
    y, x = (int(rng.integers(n - size + 1)) for n in padded.shape[:2])
    return np.asarray(padded[y : y + size, x : x + size])
