"""The pool of training images, which is drawn once and stored in the cache.

The images show the training shapes. Every category has the same number of images. By default, the texture of every object is
that of its category. With an agreement below 1, the textures of the other images are those of other categories.
"""

import hashlib
import os
from functools import partial
from pathlib import Path

import numpy as np

from core.atomic import replacing
from core.parallel.workers import map_jobs
from observers.microcosm.training.icons import load_training_shapes
from stimuli.categories import CATEGORIES
from stimuli.draw import glyphs, microcosm, procedural
from stimuli.draw.glyphs import Shape
from stimuli.published.datasets import cache_folder

CHUNK = 1000  # images that are drawn by one worker from one seed


def load_training_pool(
    n: int, seed: int, *, validation: bool = False, icons: Path | None = None, agreement: float = 1.0
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return a pool of images, drawn first if it is not in the cache.

    Args:
        n: Number of images.
        seed: Random seed of the images.
        validation: Whether the images show the validation shapes instead of the training shapes.
        icons: Archive of icons. By default it is downloaded.
        agreement: Probability with which an object has the texture of its own category. Otherwise its texture is that of one
            of the other categories, each with the same probability.

    Returns:
        The memory-mapped images, (n, SIZE, SIZE, 3) uint8, their category indices, (n,), and an identifier of the pool.

    Raises:
        ObserverError: If the icons cannot be downloaded or drawn.
    """
    labels = np.arange(n) % len(CATEGORIES)
    shapes = load_training_shapes(icons)[int(validation)]
    pool_id = f"microcosm-{'validation' if validation else 'training'}-{seed}-{n}-{_source_digest(shapes)}"
    if agreement != 1:
        pool_id += f"-agreement-{agreement:g}"
    path = cache_folder() / f"{pool_id}.npy"
    if not path.is_file():
        starts = list(range(0, n, CHUNK))
        with replacing(path, shared=True) as partial_path:
            images = np.lib.format.open_memmap(partial_path, "w+", np.uint8, (n, microcosm.SIZE, microcosm.SIZE, 3))
            chunks = map_jobs(partial(_draw_chunk, seed, n, validation, icons, agreement), starts, os.cpu_count() or 1)
            for start, chunk in zip(starts, chunks, strict=True):
                images[start : start + CHUNK] = chunk
            images.flush()
    return np.load(path, mmap_mode="r"), labels, pool_id


def _draw_chunk(seed: int, n: int, validation: bool, icons: Path | None, agreement: float, start: int) -> np.ndarray:
    """Return the images from number `start` on, at most CHUNK of them."""
    rng = np.random.default_rng([seed, start])
    texture_rng = np.random.default_rng([seed, start, 1])  # the shapes do not depend on the agreement
    shapes: dict[str, list[Shape]] = {category: [] for category in CATEGORIES}
    for shape in load_training_shapes(icons)[int(validation)]:
        shapes[shape.category].append(shape)
    images = []
    for i in range(start, min(n, start + CHUNK)):
        category = CATEGORIES[i % len(CATEGORIES)]
        shape = shapes[category][rng.integers(len(shapes[category]))]
        other = (i + 1 + texture_rng.integers(len(CATEGORIES) - 1)) % len(CATEGORIES)
        texture = category if texture_rng.random() < agreement else CATEGORIES[other]
        images.append(microcosm.draw_image(shape, texture, rng))
    return np.stack(images)


def _source_digest(shapes: list[Shape]) -> str:
    """Return a digest of the names of the shapes and of the source code that draws them.

    It is part of the name of the cached file, so the images are drawn again after a change.
    """
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in (glyphs, microcosm, procedural))
    names = "\n".join(shape.name for shape in shapes).encode()
    return hashlib.sha256(code + names).hexdigest()[:12]
