"""Psychometric functions fitted by psignifit (Schütt et al. 2016), a Bayesian fitter from the extra `psychometrics`.

psignifit cannot use levels of ±inf, so trials without any filter are excluded and the lapse rate is estimated from the other
trials. It expects functions that rise, so the sign of the levels is reversed if accuracy falls with the level. The estimate
is the maximum a posteriori; the interval is the 95 % credible interval; `deviance` is that of psignifit's own curve.
"""

from types import ModuleType
from typing import Any

import numpy as np

from core.extras import require_extra


def import_psignifit() -> ModuleType:
    """Import psignifit. Raises MissingExtra if it is not installed."""
    require_extra("psychometrics", "the fitter psignifit")
    import psignifit

    return psignifit  # type: ignore[no-any-return]


def fit_with_psignifit(x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, sign: int) -> dict[str, Any]:
    """Return `threshold`, `low`, `high`, `width` and `lapse_rate` on the scale of the levels.

    At each of the C levels `x`, `k` of `n` trials are correct. `guess` is the guess rate, and `sign` is 1 if accuracy rises
    with the level and -1 if it falls.
    """
    finite = np.isfinite(x)
    data = np.column_stack([sign * x[finite], k[finite], n[finite]])
    options: dict[str, Any] = {"experiment_type": "equal asymptote", "fixed_parameters": {"gamma": guess}}
    if abs(1 / guess - round(1 / guess)) < 1e-9:
        options = {"experiment_type": "nAFC", "experiment_choices": round(1 / guess)}
    result = import_psignifit().psignifit(data, sigmoid="logistic", verbose=False, **options)
    estimate = result.get_parameter_estimate("MAP")
    low, high = sorted(sign * np.array(result.confidence_intervals["threshold"]["0.95"]))
    return {
        "threshold": float(sign * estimate["threshold"]), "low": float(low), "high": float(high),
        "width": float(estimate["width"]), "lapse_rate": float(estimate["lambda"]),
    }  # fmt: skip
