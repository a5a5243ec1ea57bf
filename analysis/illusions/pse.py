"""The point of subjective equality: where an observer says one thing as often as the other, and how two of them differ.

psi(x) = 1 / (1 + exp(-(x - PSE) slope)) of greatest binomial likelihood, without lapses: they would bend both ends alike and
leave the middle where it is. Interval and reasons for none are those of `analysis.psychometric`: profile likelihood, 95 %;
no PSE (NaN) for fewer than three levels, for an observer who always says the same or whose answers do not change with x, and
where it lies outside the levels shown.

The difference of two estimates with intervals [l, u] has the interval (Zou & Donner 2008, doi 10.1002/sim.3095)
    d - sqrt((a - l_a)² + (u_b - b)²),  d + sqrt((u_a - a)² + (b - l_b)²),
which is that of two independent normal ones where theirs are symmetric. An open end stays open.
"""

from typing import Any

import numpy as np
import pandas as pd

from analysis.psychometric import REASONS, Grid, fit

NONE = {
    REASONS["right"]: "always the first answer",
    REASONS["wrong"]: "never the first answer",
    REASONS["flat"]: "answers do not change with the level",
    REASONS["outside"]: "it lies outside the levels shown",
}


def pse(x: np.ndarray, k: np.ndarray, n: np.ndarray, grids: dict[bytes, Grid] | None = None) -> dict[str, Any]:
    """Of k first answers among n at each level x, ascending: `pse`, `low`, `high`, `slope`, `n`, `reason`."""
    there = n > 0
    found = fit(x[there], k[there], n[there], 0.0, 0.0, grids)
    slope = found.get("slope", np.nan)
    reason = NONE.get(found["reason"], found["reason"])
    return {
        "pse": found["threshold"], "low": found["low"], "high": found["high"], "slope": slope, "n": int(n.sum()),
        "reason": reason,
    }  # fmt: skip


def difference(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    """a - b of two (value, low, high), with its interval."""
    d = a[0] - b[0]
    low = d - float(np.hypot(a[0] - a[1], b[2] - b[0]))
    high = d + float(np.hypot(a[2] - a[0], b[0] - b[1]))
    return d, low, high


def columns(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`x`, `k` and `n` of the rows of a curve."""
    return part["x"].to_numpy(float), part["k"].to_numpy(float), part["n"].to_numpy(float)


def counted(x: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) levels and whether the answer was the first one -> levels, ascending, first answers and all answers at each."""
    levels, place = np.unique(x, return_inverse=True)
    return levels, np.bincount(place, first, len(levels)), np.bincount(place, minlength=len(levels)).astype(float)
