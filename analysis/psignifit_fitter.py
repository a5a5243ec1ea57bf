"""The same psychometric function by psignifit (Schütt et al. 2016), a second fitter: Bayesian, with priors, from the extra
`psychometrics`.

It has no levels of ±inf, so trials without any filter are left out, and the lapse rate rests on the others. It knows
functions that rise, so levels on which accuracy falls change their sign on the way. Estimate: maximum a posteriori;
interval: 95 % credible. `deviance` is that of its own curve.
"""

from types import ModuleType
from typing import Any

import numpy as np

from stimuli.errors import LogError


def library() -> ModuleType:
    """Raises LogError saying what to install."""
    try:
        import psignifit
    except ImportError:
        raise LogError(
            "psignifit comes with an extra: pip install -c constraints.txt -e '.[psychometrics]' in the project's folder"
        ) from None
    return psignifit  # type: ignore[no-any-return]


def fit(x: np.ndarray, k: np.ndarray, n: np.ndarray, guess: float, sign: int) -> dict[str, Any]:
    """`threshold`, `low`, `high`, `width`, `lapse_rate` on the scale; `sign` 1 where accuracy rises with the level."""
    there = np.isfinite(x)
    data = np.column_stack([sign * x[there], k[there], n[there]])
    kind: dict[str, Any] = {"experiment_type": "equal asymptote", "fixed_parameters": {"gamma": guess}}
    if abs(1 / guess - round(1 / guess)) < 1e-9:
        kind = {"experiment_type": "nAFC", "experiment_choices": round(1 / guess)}
    found = library().psignifit(data, sigmoid="logistic", verbose=False, **kind)
    estimate = found.get_parameter_estimate("MAP")
    low, high = sorted(sign * np.array(found.confidence_intervals["threshold"]["0.95"]))
    return {
        "threshold": float(sign * estimate["threshold"]), "low": float(low), "high": float(high),
        "width": float(estimate["width"]), "lapse_rate": float(estimate["lambda"]),
    }  # fmt: skip
