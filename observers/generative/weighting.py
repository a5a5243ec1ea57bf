"""Which noise levels count how much: weights w(t) on the squared error ‖x − x̂‖² of the denoised image.

T noise levels. A weighting is a function (t, snr) -> (T,) weights from 0 on: t in 0..1 is the time of each level, ascending,
0 without noise; snr = α²/σ² of x_t = α x + σ ε, descending.
"""

from collections.abc import Callable

import numpy as np

from observers.protocol import ObserverError
from stimuli.errors import UnknownName
from stimuli.names import load

Weighting = Callable[[np.ndarray, np.ndarray], np.ndarray]


def exponential(t: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """exp(−7t), the paper's (Jaini et al. 2024, section 2; Clark & Jaini 2023)."""
    return np.asarray(np.exp(-7 * t))


def uniform(t: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """SNR, which weighs the errors ‖ε − ε̂‖² of the noise equally (Li et al. 2023, arXiv 2303.16203)."""
    return snr


def vdm(t: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """T/2 · (SNR(t − 1/T) − SNR(t)): with it the mean of w ‖x − x̂‖² is the variational bound in nats.

    That is eq. 13 of Kingma et al. 2021 (arXiv 2107.00630), without its terms for the first level, whose weight is 0, and
    the last, which are the same for all choices or nearly so.
    """
    return np.concatenate([[0.0], -np.diff(snr)]) * len(snr) / 2


WEIGHTINGS: dict[str, Weighting] = {"exp": exponential, "uniform": uniform, "vdm": vdm}


def weights(name: str, t: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """(T,) float64 weights by name, or by a user's function given as FILE.py:NAME. Raises UnknownName, ObserverError."""
    if name not in WEIGHTINGS and ":" not in name:
        raise UnknownName("weighting", name, WEIGHTINGS, "Your own is given as FILE.py:NAME.")
    function = WEIGHTINGS.get(name) or load(name)
    if not callable(function):
        raise ObserverError(f"the weighting {name} is no function of (t, snr)")
    try:
        found = np.asarray(function(t.copy(), snr.copy()))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ObserverError(
            f"the weighting {name} fails ({error}): expected a function of (t, snr) -> weights"
        ) from None
    if found.shape != t.shape or found.dtype.kind not in "fiu":
        raise ObserverError(f"the weighting {name} gave {found.dtype} {found.shape}; expected {len(t)} numbers")
    if not np.isfinite(found).all() or (found < 0).any() or not found.any():
        raise ObserverError(f"the weighting {name} must give finite weights from 0 on, and one above 0 at least")
    return found.astype(np.float64)
