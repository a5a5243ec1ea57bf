"""The noise levels of draws: a low-discrepancy sequence, every prefix of which covers the noise levels evenly.

Draw d has the position u_d = frac(u_0 + d/φ) in 0..1, where φ is the golden ratio and u_0 is determined by the random
seed. This is the Kronecker sequence of lowest discrepancy in one dimension; its prefixes of any length are even
(three-gap theorem).

An allocation gives some noise levels a larger share of the draws. Scores are divided by the density of the draws, so
the expected mean of the scores is the same as with evenly spread draws (importance sampling).
"""

import csv
import hashlib
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from attrs import frozen

from core.atomic import write_atomically
from core.files import read_bytes
from observers.protocol import ObserverError

GOLDEN_RATIO = (5**0.5 - 1) / 2  # 1/φ
# The lowest density of a bin, relative to the mean before normalization. It limits the correction of scores to about a
# factor of ten.
MIN_DENSITY = 0.1


def kronecker_sequence(draws: np.ndarray, seed: int) -> np.ndarray:
    """Return the position of each draw in the low-discrepancy sequence.

    Args:
        draws: Numbers of the draws, (N,).
        seed: Random seed that determines the start of the sequence.

    Returns:
        Positions in 0..1, (N,) float64.
    """
    return np.asarray((_start(seed) + np.asarray(draws, dtype=np.float64) * GOLDEN_RATIO) % 1.0)


def draw_positions(draws: np.ndarray, seed: int, n_grid: int | None = None) -> np.ndarray:
    """Return the position of each draw along the noise levels.

    Args:
        draws: Numbers of the draws, (N,).
        seed: Random seed.
        n_grid: None for the positions of `kronecker_sequence`; otherwise the number of positions of an even grid, each
            of which occurs once in n_grid consecutive draws, in the order of the first n_grid positions of the
            sequence.

    Returns:
        Positions in 0..1, (N,) float64. On a grid they are (i + 0.5) / n_grid.
    """
    if n_grid is None:
        return kronecker_sequence(draws, seed)
    return np.asarray((_ranks(seed, n_grid)[np.asarray(draws) % n_grid] + 0.5) / n_grid)


@lru_cache(maxsize=64)
def _ranks(seed: int, n: int) -> np.ndarray:
    return np.asarray(np.argsort(np.argsort(kronecker_sequence(np.arange(n), seed), kind="stable")))


@lru_cache(maxsize=64)
def _start(seed: int) -> float:
    return float(np.random.default_rng([seed, 1]).random())


@frozen(eq=False)
class Allocation:
    """A probability density of draws over the noise levels, constant within bins of equal width.

    Attributes:
        density: Density in each bin, (n_bins,), with mean 1. The bins are equal parts of 0..1, from low to high noise
            levels.
    """

    density: np.ndarray

    def inverse_cdf(self, u: np.ndarray) -> np.ndarray:
        """Map evenly distributed positions in 0..1 to positions with this density, in the same order."""
        n = len(self.density)
        return np.asarray(np.minimum(np.interp(u, self._cdf(), np.arange(n + 1) / n), np.nextafter(1.0, 0.0)))

    def share_below(self, u: np.ndarray) -> np.ndarray:
        """Return the share of the draws that have positions below those in `u`, which are in 0..1."""
        n = len(self.density)
        return np.asarray(np.interp(u, np.arange(n + 1) / n, self._cdf()))

    def _cdf(self) -> np.ndarray:
        n = len(self.density)
        cdf = np.concatenate([[0.0], np.cumsum(self.density)]) / n
        cdf[-1] = 1.0
        return cdf

    def density_at(self, u: np.ndarray) -> np.ndarray:
        """Return the density at positions in 0..1."""
        return np.asarray(self.density[np.minimum((u * len(self.density)).astype(int), len(self.density) - 1)])


EVEN = Allocation(np.ones(1))


def neyman_allocation(standard_deviations: np.ndarray) -> Allocation:
    """Return the allocation that estimates a mean most precisely: density in proportion to the SD (Neyman 1934).

    Args:
        standard_deviations: Standard deviation of the quantity within each bin of noise levels, (n_bins,), in any unit.

    Returns:
        The allocation. No bin gets less than `MIN_DENSITY` of the mean density before normalization.

    Raises:
        ObserverError: If a value is negative or not finite, or if all values are 0.
    """
    sd = np.asarray(standard_deviations, dtype=np.float64)
    if sd.ndim != 1 or not len(sd) or not np.isfinite(sd).all() or (sd < 0).any() or not sd.any():
        raise ObserverError(
            "an allocation needs a finite number of 0 or more for each bin, and at least one number above 0"
        )
    density = np.maximum(sd / sd.mean(), MIN_DENSITY)
    return Allocation(density / density.mean())


def read_allocation(path: Path) -> tuple[Allocation, str]:
    """Read an allocation from a CSV file.

    Args:
        path: CSV file with a column `density` and one row per bin, in the order of the noise level t.

    Returns:
        The allocation, normalized to mean 1, and the sha256 digest of the file.

    Raises:
        ObserverError: If the file cannot be read or does not contain an allocation.
    """
    try:
        content = read_bytes(path)
        rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines(), strict=True))
        density = np.array([float(row["density"]) for row in rows])
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise ObserverError(
            f"the allocation {path} cannot be read ({type(error).__name__}: {error}): expected a CSV file with a column "
            f"density"
        ) from None
    try:
        return neyman_allocation(density), hashlib.sha256(content).hexdigest()
    except ObserverError as error:
        raise ObserverError(f"{path}: {error}") from None


def write_allocation(path: Path, allocation: Allocation) -> None:
    """Write an allocation to a CSV file that `read_allocation` reads, with columns `t` (middle of the bin) and `density`."""
    text, n = io.StringIO(newline=""), len(allocation.density)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["t", "density"])
    writer.writerows([f"{(i + 0.5) / n:.6g}", f"{d:.9g}"] for i, d in enumerate(allocation.density))
    write_atomically(Path(path), text.getvalue().encode())
