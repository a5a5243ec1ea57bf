"""Sixteen families of procedural texture, one a category: what the microcosm's objects are made of.

A pattern is (n, n) float64 in 0..1, drawn at random within its family: period, phase, a small turn, and what is irregular
about it. Families differ in kind, not in color, so that gray images keep them. About PERIOD pixels from one element to the
next.
"""

from collections.abc import Callable

import numpy as np
from attrs import frozen
from scipy import ndimage

from stimuli.errors import UnknownName

PERIOD, SPREAD, TURN = 9.0, 1.25, 12.0  # pixels; factor up or down; degrees


@frozen
class Ground:
    """Where a pattern is drawn: (n, n) coordinates in periods, turned and shifted at random."""

    x: np.ndarray
    y: np.ndarray
    period: float  # pixels
    rng: np.random.Generator

    def noise(self, down: float, right: float) -> np.ndarray:
        """(n, n) of mean 0 and variance 1, blurred by so many pixels; opposite borders are neighbors."""
        blurred = ndimage.gaussian_filter(self.rng.standard_normal(self.x.shape), (down, right), mode="wrap")
        return np.asarray((blurred - blurred.mean()) / blurred.std())


def pattern(category: str, rng: np.random.Generator, n: int = 64) -> np.ndarray:
    """(n, n). Raises UnknownName."""
    if category not in FAMILIES:
        raise UnknownName("texture family", category, FAMILIES)
    period = PERIOD * SPREAD ** rng.uniform(-1, 1)
    angle = np.deg2rad(rng.uniform(-TURN, TURN))
    down, right = np.mgrid[:n, :n] / period - n / (2 * period)
    shift = rng.uniform(0, 1, 2) if category != "clock" else rng.uniform(-1, 1, 2)
    x = np.cos(angle) * right - np.sin(angle) * down + shift[0]
    y = np.sin(angle) * right + np.cos(angle) * down + shift[1]
    found = FAMILIES[category](Ground(x, y, period, rng))
    return np.asarray(np.clip(found, 0, 1))


def _edge(signed: np.ndarray, width: float = 0.12) -> np.ndarray:
    """0 to 1 where `signed`, in periods, goes from below 0 to above, without a jagged edge."""
    return np.asarray(np.clip(0.5 + signed / width, 0, 1))


def _stripes(at: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Bands that fill `share` of every period of `at`."""
    return _edge(share / 2 - np.abs(at - np.round(at)))


def _levels(noise: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(0.5 + 1.2 * noise, 0, 1))


def _fur(g: Ground) -> np.ndarray:
    return np.asarray(np.clip(0.5 + 0.45 * g.noise(0.45 * g.period, 0.07 * g.period), 0, 1))


def _lattice(g: Ground) -> np.ndarray:
    return np.asarray(np.maximum(_stripes(g.x, 0.26), _stripes(g.y, 0.26)))


def _scales(g: Ground) -> np.ndarray:
    """Rows of half discs, each row half a scale to the side and over the one before it."""
    found = np.zeros_like(g.x)
    for row in np.arange(np.floor(g.y.min() / 0.8) - 2, np.ceil(g.y.max() / 0.8) + 1):
        across = g.x / 1.5 + row / 2
        away = np.hypot(across - np.round(across), g.y / 1.5 - row * 0.8 / 1.5)
        found = np.where(away < 0.58, np.clip(1.9 * away - 0.1, 0, 1) * _edge(0.56 - away, 0.08), found)
    return found


def _triangles(g: Ground) -> np.ndarray:
    """Triangles that stand, on rows of twice their number."""
    row = g.y / 1.2
    height = row - np.floor(row)
    across = g.x / 1.4 + np.floor(row) / 2
    return _edge(height / 2 - np.abs(across - np.round(across)))


def _bubbles(g: Ground) -> np.ndarray:
    found = np.zeros_like(g.x)
    for _ in range(round(2.2 * np.ptp(g.x) * np.ptp(g.y) / 4)):
        cx, cy = g.rng.uniform(g.x.min(), g.x.max()), g.rng.uniform(g.y.min(), g.y.max())
        away = np.hypot(g.x - cx, g.y - cy) - g.rng.uniform(0.25, 0.6)
        found = np.maximum(found, _edge(0.09 - np.abs(away)))
    return found


def _dots(g: Ground) -> np.ndarray:
    row = np.round(g.y / 0.866)
    across = g.x + row / 2
    return _edge(0.3 - np.hypot(across - np.round(across), g.y - 0.866 * row))


def _labyrinth(g: Ground) -> np.ndarray:
    fine = ndimage.gaussian_filter(g.rng.standard_normal(g.x.shape), 0.22 * g.period, mode="wrap")
    fine -= ndimage.gaussian_filter(fine, 0.3 * g.period, mode="wrap")
    return _levels(2 * fine / fine.std())


def _tartan(g: Ground) -> np.ndarray:
    return 0.5 * _stripes(g.x / 1.6, 0.5) + 0.5 * _stripes(g.y / 1.6, 0.5)


def _rings(g: Ground) -> np.ndarray:
    return _stripes(np.hypot(g.x, g.y))


def _blotches(g: Ground) -> np.ndarray:
    return _levels(2 * g.noise(0.45 * g.period, 0.45 * g.period) - 1)


def _cracks(g: Ground) -> np.ndarray:
    """The borders between the regions that are nearest to scattered points."""
    n_points = max(6, round(np.ptp(g.x) * np.ptp(g.y) / 2.2))
    px, py = g.rng.uniform(g.x.min(), g.x.max(), n_points), g.rng.uniform(g.y.min(), g.y.max(), n_points)
    near = np.partition(np.hypot(g.x[..., None] - px, g.y[..., None] - py), 1, axis=2)
    return 1 - _edge(0.17 - (near[..., 1] - near[..., 0]))


def _checks(g: Ground) -> np.ndarray:
    return _edge(0.3 * np.sin(np.pi * g.x / 0.8) * np.sin(np.pi * g.y / 0.8))


def _hatching(g: Ground) -> np.ndarray:
    return _stripes((g.x + g.y) / 0.9, 0.4)


def _bricks(g: Ground) -> np.ndarray:
    row = np.floor(g.y / 0.75)
    joint = np.maximum(_stripes(g.y / 0.75, 0.24), _stripes((g.x + 0.8 * (row % 2)) / 1.6, 0.12))
    return np.asarray(1 - joint)


def _chevrons(g: Ground) -> np.ndarray:
    return _stripes(g.y + 0.75 * np.abs(g.x / 1.7 - np.round(g.x / 1.7)) * 2)


FAMILIES: dict[str, Callable[[Ground], np.ndarray]] = {
    "airplane": lambda g: _stripes(g.y), "bear": _fur, "bicycle": _lattice, "bird": _scales, "boat": _triangles,
    "bottle": _bubbles, "car": _dots, "cat": _labyrinth, "chair": _tartan, "clock": _rings, "dog": _blotches,
    "elephant": _cracks, "keyboard": _checks, "knife": _hatching, "oven": _bricks, "truck": _chevrons,
}  # fmt: skip
