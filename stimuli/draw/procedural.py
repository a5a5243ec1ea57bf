"""Sixteen families of procedural textures, one for each category, which fill the objects of the microcosm.

A pattern is an (n, n) float64 array in 0..1. Its period, its phase, a small rotation and its irregularities are drawn
at random. The families differ in structure and not in color, so they can also be distinguished in grayscale images.
Neighboring elements of a pattern are about PERIOD pixels apart.
"""

from collections.abc import Callable

import numpy as np
from attrs import frozen
from scipy import ndimage

from core.errors import UnknownName

PERIOD = 9.0  # mean distance between neighboring elements, in pixels
PERIOD_FACTOR = 1.25  # a period lies between PERIOD / PERIOD_FACTOR and PERIOD * PERIOD_FACTOR
MAX_ROTATION = 12.0  # degrees


@frozen
class PatternGrid:
    """The coordinates on which a pattern is drawn, with a random rotation and shift.

    Attributes:
        x: (n, n) horizontal coordinates in periods.
        y: (n, n) vertical coordinates in periods.
        period: The period in pixels.
        rng: Random generator of the irregularities of the pattern.
    """

    x: np.ndarray
    y: np.ndarray
    period: float
    rng: np.random.Generator

    def noise(self, vertical: float, horizontal: float) -> np.ndarray:
        """Return (n, n) blurred Gaussian noise with mean 0 and variance 1.

        `vertical` and `horizontal` are the standard deviations of the blur in pixels. The noise is periodic, so that
        opposite borders match.
        """
        blurred = ndimage.gaussian_filter(self.rng.standard_normal(self.x.shape), (vertical, horizontal), mode="wrap")
        return np.asarray((blurred - blurred.mean()) / blurred.std())


def draw_pattern(category: str, rng: np.random.Generator, n: int = 64) -> np.ndarray:
    """Return a random pattern of a category's texture family.

    Args:
        category: One of the sixteen categories.
        rng: Determines period, rotation, shift and irregularities.
        n: Width and height in pixels.

    Returns:
        (n, n) float64 in 0..1.

    Raises:
        UnknownName: If the category does not have a texture family.
    """
    if category not in FAMILIES:
        raise UnknownName("texture family", category, FAMILIES)
    period = PERIOD * PERIOD_FACTOR ** rng.uniform(-1, 1)
    angle = np.deg2rad(rng.uniform(-MAX_ROTATION, MAX_ROTATION))
    down, right = np.mgrid[:n, :n] / period - n / (2 * period)
    shift = rng.uniform(0, 1, 2) if category != "clock" else rng.uniform(-1, 1, 2)
    x = np.cos(angle) * right - np.sin(angle) * down + shift[0]
    y = np.sin(angle) * right + np.cos(angle) * down + shift[1]
    values = FAMILIES[category](PatternGrid(x, y, period, rng))
    return np.asarray(np.clip(values, 0, 1))


def _edge(signed: np.ndarray, width: float = 0.12) -> np.ndarray:
    """Return an anti-aliased step from 0 to 1 where a signed distance, in periods, becomes positive."""
    return np.asarray(np.clip(0.5 + signed / width, 0, 1))


def _stripes(position: np.ndarray, fraction: float = 0.5) -> np.ndarray:
    """Return stripes; each fills the given fraction of a period of `position`."""
    return _edge(fraction / 2 - np.abs(position - np.round(position)))


def _to_gray_levels(noise: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(0.5 + 1.2 * noise, 0, 1))


def _fur(grid: PatternGrid) -> np.ndarray:
    return np.asarray(np.clip(0.5 + 0.45 * grid.noise(0.45 * grid.period, 0.07 * grid.period), 0, 1))


def _lattice(grid: PatternGrid) -> np.ndarray:
    return np.asarray(np.maximum(_stripes(grid.x, 0.26), _stripes(grid.y, 0.26)))


def _scales(grid: PatternGrid) -> np.ndarray:
    """Return fish scales: rows of half discs. Each row is shifted by half a scale and overlaps the row before it."""
    values = np.zeros_like(grid.x)
    for row in np.arange(np.floor(grid.y.min() / 0.8) - 2, np.ceil(grid.y.max() / 0.8) + 1):
        across = grid.x / 1.5 + row / 2
        distance = np.hypot(across - np.round(across), grid.y / 1.5 - row * 0.8 / 1.5)
        values = np.where(distance < 0.58, np.clip(1.9 * distance - 0.1, 0, 1) * _edge(0.56 - distance, 0.08), values)
    return values


def _triangles(grid: PatternGrid) -> np.ndarray:
    """Return rows of upright triangles. Every second row is shifted by half a triangle."""
    row = grid.y / 1.2
    height = row - np.floor(row)
    across = grid.x / 1.4 + np.floor(row) / 2
    return _edge(height / 2 - np.abs(across - np.round(across)))


def _bubbles(grid: PatternGrid) -> np.ndarray:
    values = np.zeros_like(grid.x)
    for _ in range(round(2.2 * np.ptp(grid.x) * np.ptp(grid.y) / 4)):
        center_x = grid.rng.uniform(grid.x.min(), grid.x.max())
        center_y = grid.rng.uniform(grid.y.min(), grid.y.max())
        distance = np.hypot(grid.x - center_x, grid.y - center_y) - grid.rng.uniform(0.25, 0.6)
        values = np.maximum(values, _edge(0.09 - np.abs(distance)))
    return values


def _dots(grid: PatternGrid) -> np.ndarray:
    row = np.round(grid.y / 0.866)
    across = grid.x + row / 2
    return _edge(0.3 - np.hypot(across - np.round(across), grid.y - 0.866 * row))


def _labyrinth(grid: PatternGrid) -> np.ndarray:
    noise = ndimage.gaussian_filter(grid.rng.standard_normal(grid.x.shape), 0.22 * grid.period, mode="wrap")
    noise -= ndimage.gaussian_filter(noise, 0.3 * grid.period, mode="wrap")
    return _to_gray_levels(2 * noise / noise.std())


def _tartan(grid: PatternGrid) -> np.ndarray:
    return 0.5 * _stripes(grid.x / 1.6, 0.5) + 0.5 * _stripes(grid.y / 1.6, 0.5)


def _rings(grid: PatternGrid) -> np.ndarray:
    return _stripes(np.hypot(grid.x, grid.y))


def _blotches(grid: PatternGrid) -> np.ndarray:
    return _to_gray_levels(2 * grid.noise(0.45 * grid.period, 0.45 * grid.period) - 1)


def _cracks(grid: PatternGrid) -> np.ndarray:
    """Return the borders of the Voronoi cells of random points."""
    n_points = max(6, round(np.ptp(grid.x) * np.ptp(grid.y) / 2.2))
    point_x = grid.rng.uniform(grid.x.min(), grid.x.max(), n_points)
    point_y = grid.rng.uniform(grid.y.min(), grid.y.max(), n_points)
    distances = np.partition(np.hypot(grid.x[..., None] - point_x, grid.y[..., None] - point_y), 1, axis=2)
    return 1 - _edge(0.17 - (distances[..., 1] - distances[..., 0]))


def _checks(grid: PatternGrid) -> np.ndarray:
    return _edge(0.3 * np.sin(np.pi * grid.x / 0.8) * np.sin(np.pi * grid.y / 0.8))


def _hatching(grid: PatternGrid) -> np.ndarray:
    return _stripes((grid.x + grid.y) / 0.9, 0.4)


def _bricks(grid: PatternGrid) -> np.ndarray:
    row = np.floor(grid.y / 0.75)
    joint = np.maximum(_stripes(grid.y / 0.75, 0.24), _stripes((grid.x + 0.8 * (row % 2)) / 1.6, 0.12))
    return np.asarray(1 - joint)


def _chevrons(grid: PatternGrid) -> np.ndarray:
    return _stripes(grid.y + 0.75 * np.abs(grid.x / 1.7 - np.round(grid.x / 1.7)) * 2)


FAMILIES: dict[str, Callable[[PatternGrid], np.ndarray]] = {
    "airplane": lambda grid: _stripes(grid.y), "bear": _fur, "bicycle": _lattice, "bird": _scales, "boat": _triangles,
    "bottle": _bubbles, "car": _dots, "cat": _labyrinth, "chair": _tartan, "clock": _rings, "dog": _blotches,
    "elephant": _cracks, "keyboard": _checks, "knife": _hatching, "oven": _bricks, "truck": _chevrons,
}  # fmt: skip
