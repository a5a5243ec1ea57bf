"""Which noise level a draw meets: a low-discrepancy order, every prefix of which covers the levels evenly.

T noise levels. Draw d lies at u_d = frac(u_0 + d/φ), φ the golden ratio, the sequence of lowest discrepancy in one
dimension whose prefixes of any length are even (Kronecker; the three-gap theorem); u_0 follows from the seed. An allocation
says which share of the draws goes to which levels; scores are divided by it, so that their mean stays what it is with
even draws (importance sampling).
"""

import csv
import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from attrs import frozen

from observers.protocol import ObserverError

GOLDEN = (5**0.5 - 1) / 2
MIN_SHARE = 0.1  # of the mean density before it is normalized: no level is starved, corrections stay about tenfold


def positions(draws: np.ndarray, seed: int) -> np.ndarray:
    """(N,) draws -> (N,) float64 in 0..1."""
    return np.asarray((_start(seed) + np.asarray(draws, dtype=np.float64) * GOLDEN) % 1.0)


@lru_cache(maxsize=64)
def _start(seed: int) -> float:
    return float(np.random.default_rng([seed, 1]).random())


@frozen(eq=False)
class Allocation:
    """A density over u in 0..1, constant within equal bins; its mean is 1."""

    density: np.ndarray  # (n_bins,)

    def place(self, u: np.ndarray) -> np.ndarray:
        """Even positions -> positions with this density, in the same order of rank."""
        n = len(self.density)
        cumulated = np.concatenate([[0.0], np.cumsum(self.density)]) / n
        cumulated[-1] = 1.0
        return np.asarray(np.minimum(np.interp(u, cumulated, np.arange(n + 1) / n), np.nextafter(1.0, 0.0)))

    def at(self, u: np.ndarray) -> np.ndarray:
        """The density at positions."""
        return np.asarray(self.density[np.minimum((u * len(self.density)).astype(int), len(self.density) - 1)])


EVEN = Allocation(np.ones(1))


def allocation(spread: np.ndarray) -> Allocation:
    """The allocation that makes the mean of a quantity whose spread in each bin is given most precise: in proportion."""
    spread = np.asarray(spread, dtype=np.float64)
    if spread.ndim != 1 or not len(spread) or not np.isfinite(spread).all() or (spread < 0).any() or not spread.any():
        raise ObserverError("an allocation needs spreads from 0 on in each bin, and one above 0 at least")
    density = np.maximum(spread / spread.mean(), MIN_SHARE)
    return Allocation(density / density.mean())


def read_allocation(path: Path) -> tuple[Allocation, str]:
    """An allocation from a CSV with a column `density`, a row a bin in order of t, and the file's sha256.

    Raises ObserverError.
    """
    try:
        content = Path(path).read_bytes()
        rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines(), strict=True))
        density = np.array([float(row["density"]) for row in rows])
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise ObserverError(
            f"the allocation {path} cannot be read ({type(error).__name__}: {error}): expected a CSV with a column density"
        ) from None
    try:
        return allocation(density), hashlib.sha256(content).hexdigest()
    except ObserverError as error:
        raise ObserverError(f"{path}: {error}") from None


def write_allocation(path: Path, found: Allocation) -> None:
    """Write what `read_allocation` reads."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["t", "density"])
        n = len(found.density)
        writer.writerows([f"{(i + 0.5) / n:.6g}", f"{d:.9g}"] for i, d in enumerate(found.density))
