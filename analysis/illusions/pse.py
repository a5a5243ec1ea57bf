"""The point of subjective equality (PSE), and the difference of two PSEs.

The PSE is the level at which an observer gives the first response as often as the second. It is estimated by fitting
    psi(x) = 1 / (1 + exp(-(x - PSE) slope))
to the responses by maximum likelihood. There is no lapse rate, because lapses affect both ends of the curve alike and
leave its midpoint unchanged. The interval is the 95 % profile likelihood interval of `analysis.measures.psychometric`.

The PSE is undefined (NaN) if there are fewer than three levels, if all responses are the same, if the responses do not
change with the level, or if the estimate lies outside the range of levels. The column `reason` then tells why.

The difference of two independent estimates a and b with intervals [l, u] has the interval (Zou & Donner 2008,
doi 10.1002/sim.3095)
    a - b - sqrt((a - l_a)² + (u_b - b)²)   to   a - b + sqrt((u_a - a)² + (b - l_b)²),
which is the usual interval for a difference of normal estimates if both intervals are symmetric. An open (infinite)
end of an interval stays open.
"""

from typing import Any

import numpy as np
import pandas as pd

from analysis.measures.psychometric import REASONS, LikelihoodGrid, fit_psychometric

# `analysis.measures.psychometric` explains an undefined threshold in terms of accuracy, but a PSE does not involve correct
# responses.
PSE_REASONS = {
    REASONS["right"]: "always the first response",
    REASONS["wrong"]: "never the first response",
    REASONS["flat"]: "responses do not change with the level",
    REASONS["outside"]: "PSE outside the levels shown",
}


def pse(
    x: np.ndarray, k: np.ndarray, n: np.ndarray, grids: dict[bytes, LikelihoodGrid] | None = None
) -> dict[str, Any]:
    """Estimate the point of subjective equality of one observer.

    Args:
        x: `(n_levels,)` levels in ascending order.
        k: `(n_levels,)` numbers of first responses at each level.
        n: `(n_levels,)` numbers of responses at each level; levels without responses are ignored.
        grids: Cache that calls with the same levels can share to save time.

    Returns:
        `pse` with its interval `low` and `high` in the unit of x; `slope` in 1 / unit of x; the number of responses
        `n`; and `reason`, which is "" or tells why the PSE is undefined (NaN).
    """
    present = n > 0
    fitted = fit_psychometric(x[present], k[present], n[present], 0.0, 0.0, grids)
    slope = fitted.get("slope", np.nan)
    reason = PSE_REASONS.get(fitted["reason"], fitted["reason"])
    return {
        "pse": fitted["threshold"], "low": fitted["low"], "high": fitted["high"], "slope": slope, "n": int(n.sum()),
        "reason": reason,
    }  # fmt: skip


def difference_interval(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a - b with its interval (Zou & Donner 2008), for two independent estimates.

    Args:
        a: Value, lower end and upper end of the first estimate.
        b: Value, lower end and upper end of the second estimate.

    Returns:
        Value, lower end and upper end of the difference; NaN if either value is NaN.
    """
    d = a[0] - b[0]
    low = d - float(np.hypot(a[0] - a[1], b[2] - b[0]))
    high = d + float(np.hypot(a[2] - a[0], b[0] - b[1]))
    return d, low, high


def curve_arrays(curve: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns `x`, `k` and `n` of a curve as three `(n_levels,)` float arrays."""
    return curve["x"].to_numpy(float), curve["k"].to_numpy(float), curve["n"].to_numpy(float)


def count_by_level(x: np.ndarray, is_first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the first responses and all responses at each level.

    Args:
        x: `(n_trials,)` levels of the trials.
        is_first: `(n_trials,)` array that is 1 if the trial has the first response and 0 otherwise.

    Returns:
        The levels in ascending order, the numbers of first responses and the numbers of responses, as three
        `(n_levels,)` arrays.
    """
    levels, index = np.unique(x, return_inverse=True)
    return levels, np.bincount(index, is_first, len(levels)), np.bincount(index, minlength=len(levels)).astype(float)
