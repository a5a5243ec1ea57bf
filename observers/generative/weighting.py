"""Weightings over noise levels: weights w(t) on the squared error ‖x − x̂‖² of the denoised image.

For T noise levels with x_t = α x + σ ε, a weighting is a function (t, snr) -> weights; all three are arrays of shape
(T,). t is the time of each noise level in 0..1, in ascending order, and 0 means no noise. snr is the signal-to-noise
ratio α²/σ², in descending order. Weights must be finite and must not be negative.
"""

from collections.abc import Callable

import numpy as np

from core.errors import UnknownName
from core.plugins import load
from observers.protocol import ObserverError

Weighting = Callable[[np.ndarray, np.ndarray], np.ndarray]


def exponential(t: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """Return exp(−7t), the weighting of Jaini et al. (2024, section 2) and Clark & Jaini (2023)."""
    return np.asarray(np.exp(-7 * t))


def uniform(t: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """Return the SNR, so that ‖ε − ε̂‖² has the same weight at all noise levels (Li et al. 2023, arXiv 2303.16203)."""
    return snr


def vdm(t: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """Return T/2 · (SNR(t − 1/T) − SNR(t)), with which the mean of w ‖x − x̂‖² is the variational bound in nats.

    This is eq. 13 of Kingma et al. (2021, arXiv 2107.00630). The terms of the paper for the first and the last level
    are omitted, because they are nearly the same for all choices; the weight of the first level is 0.
    """
    return np.concatenate([[0.0], -np.diff(snr)]) * len(snr) / 2


WEIGHTINGS: dict[str, Weighting] = {"exp": exponential, "uniform": uniform, "vdm": vdm}


def weights(name: str, t: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """Return the weights of the noise levels under a named weighting.

    Args:
        name: A key of WEIGHTINGS, or FILE.py:NAME for the user's own function.
        t: Times of the noise levels in 0..1, (T,), ascending.
        snr: Signal-to-noise ratios, (T,), descending.

    Returns:
        Weights, (T,) float64.

    Raises:
        UnknownName: If the name is not that of a weighting.
        ObserverError: If the user's function fails, or if it does not return T finite weights that are not negative and
            not all 0.
    """
    if name not in WEIGHTINGS and ":" not in name:
        raise UnknownName("weighting", name, WEIGHTINGS, "To use your own function, give FILE.py:NAME.")
    function = WEIGHTINGS.get(name) or load(name)
    if not callable(function):
        raise ObserverError(f"the weighting {name} is not a function: expected a function of (t, snr)")
    try:
        values = np.asarray(function(t.copy(), snr.copy()))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ObserverError(
            f"the weighting {name} failed ({error}): expected a function of (t, snr) that returns weights"
        ) from None
    if values.shape != t.shape or values.dtype.kind not in "fiu":
        raise ObserverError(
            f"the weighting {name} returned {values.dtype} of shape {values.shape}: expected {len(t)} numbers"
        )
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ObserverError(f"the weighting {name} must return finite weights of 0 or more, at least one above 0")
    return values.astype(np.float64)
