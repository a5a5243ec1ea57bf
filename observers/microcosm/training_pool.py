"""Pictures to train on: drawn once from training shapes, kept in the cache. Categories occur equally often."""

import hashlib
import os
from functools import partial
from pathlib import Path

import numpy as np

from observers.microcosm.icons import training_shapes
from stimuli import glyphs, microcosm, procedural
from stimuli.categories import CATEGORIES
from stimuli.datasets import cache_folder
from stimuli.glyphs import Shape
from stimuli.workers import map_jobs

PART = 1000  # pictures of one seed


def pool(
    n: int, seed: int, *, validation: bool = False, icons: Path | None = None
) -> tuple[np.ndarray, np.ndarray, str]:
    """(n, SIZE, SIZE, 3) uint8 pictures, mapped from a file, (n,) their categories, and what tells them from others.

    Raises ObserverError.
    """
    labels = np.arange(n) % len(CATEGORIES)
    shapes = training_shapes(icons)[int(validation)]
    name = f"microcosm-{'validation' if validation else 'training'}-{seed}-{n}-{_digest(shapes)}"
    path = cache_folder() / f"{name}.npy"
    if not path.is_file():
        partial_path = path.with_suffix(f".{os.getpid()}.part")
        starts = list(range(0, n, PART))
        try:
            out = np.lib.format.open_memmap(partial_path, "w+", np.uint8, (n, microcosm.SIZE, microcosm.SIZE, 3))
            parts = map_jobs(partial(_part, seed, n, validation, icons), starts, os.cpu_count() or 1)
            for start, part in zip(starts, parts, strict=True):
                out[start : start + PART] = part
            out.flush()
            partial_path.replace(path)
        finally:
            partial_path.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r"), labels, name


def _part(seed: int, n: int, validation: bool, icons: Path | None, start: int) -> np.ndarray:
    rng = np.random.default_rng([seed, start])
    shapes: dict[str, list[Shape]] = {category: [] for category in CATEGORIES}
    for shape in training_shapes(icons)[int(validation)]:
        shapes[shape.category].append(shape)
    found = []
    for i in range(start, min(n, start + PART)):
        category = CATEGORIES[i % len(CATEGORIES)]
        shape = shapes[category][rng.integers(len(shapes[category]))]
        found.append(microcosm.draw(shape, category, rng))
    return np.stack(found)


def _digest(shapes: list[Shape]) -> str:
    """Of what the pictures depend on."""
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in (glyphs, microcosm, procedural))
    names = "\n".join(shape.name for shape in shapes).encode()
    return hashlib.sha256(code + names).hexdigest()[:12]
