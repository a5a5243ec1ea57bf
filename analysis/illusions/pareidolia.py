"""Hidden faces: the strength at which they are seen, and how often a face is seen in an image without one (pareidolia).

Conventions: h is the strength of the hidden object, which is 0 if the image does not have one. A response that is the
category of the hidden object counts as "present".
    false_alarms = proportion of "present" responses at h = 0, with the 95 % Wilson interval
    threshold    = strength halfway between the false alarm rate g and 1 - lapse rate, from the psychometric function
                   P(present | h) = g + (1 - g - lapse) F((h - threshold) slope), F(z) = 1 / (1 + exp(-z)), at h > 0
The function is fitted by maximum likelihood (`analysis.measures.psychometric`), with a lapse rate of at most MAX_LAPSE. The
rate g is estimated as well: the fit is repeated for N_RATES rates within the 99 % Jeffreys interval of the false alarm rate,
and the rate with the highest likelihood of all responses, including those at h = 0, is used. The 95 % interval of the
threshold covers all thresholds whose profile likelihood, maximized over g, slope and lapse rate, is high enough.

The threshold is undefined (NaN) for the reasons given in `analysis.measures.psychometric`, and both measures are undefined
if there are no responses to images with h = 0. The column `reason` tells why.
"""

import numpy as np
import pandas as pd
from scipy.stats import beta, chi2

from analysis.illusions.kinds import numeric_cue, trials_of_kind
from analysis.illusions.pse import count_by_level, curve_arrays
from analysis.io.frame import observer_order
from analysis.measures.accuracy import wilson_interval
from analysis.measures.psychometric import REASONS, fit_psychometric, log_likelihood
from core.errors import LogError

COLUMNS = (
    "dataset", "observer", "kind", "n", "n_nothing", "false_alarms", "false_alarms_low", "false_alarms_high", "threshold",
    "low", "high", "reason",
)  # fmt: skip
MAX_LAPSE, N_RATES = 0.1, 7
NO_ABSENT_TRIALS = "no responses to images without a hidden object"
# `analysis.measures.psychometric` explains an undefined threshold in terms of accuracy, a detection task in these terms:
THRESHOLD_REASONS = {
    REASONS["right"]: "always seen when present", REASONS["wrong"]: "never seen when present",
    REASONS["flat"]: "responses do not change with the strength",
}  # fmt: skip


def hidden_category(trials: pd.DataFrame) -> str:
    """Return the category of the images with a hidden object, for the trials of one dataset.

    Raise LogError if there are no such images, if they have more than one category, or if a strength is not a number.
    """
    categories = set(trials.loc[numeric_cue(trials, "hidden") > 0, "category"])
    if len(categories) != 1:
        raise LogError(
            f"{trials['dataset'].iloc[0]}: all images with a hidden object must have the same category, but they have "
            f"{', '.join(sorted(categories)) or 'none'}"
        )
    return str(categories.pop())


def pareidolia(frame: pd.DataFrame) -> pd.DataFrame:
    """Measure false alarms and the detection threshold of hidden objects.

    Args:
        frame: Trials with the cue column `hidden`; other datasets are ignored.

    Returns:
        One row for each dataset and observer, with COLUMNS, human observers first. `n` counts all responses and
        `n_nothing` those to images without a hidden object; `low` and `high` are the interval of the threshold.

    Raises:
        LogError: If a strength is not a number, or if images with a hidden object are missing or
            have several categories.
    """
    rows = []
    for (dataset, observer, kind), part in curves(frame).groupby(["dataset", "observer", "kind"], sort=False):
        absent, present = part[part["x"] == 0], part[part["x"] > 0]
        n, n_absent, k = int(part["n"].sum()), int(absent["n"].sum()), float(absent["k"].sum())
        if not n_absent:
            rows.append((dataset, observer, kind, n, 0, *[np.nan] * 6, NO_ABSENT_TRIALS))
            continue
        low, high = (float(end[0]) for end in wilson_interval(np.array([k]), np.array([n_absent])))
        *threshold, reason = _threshold(present, k, n_absent)
        reason = THRESHOLD_REASONS.get(reason, reason)
        rows.append((dataset, observer, kind, n, n_absent, k / n_absent, low, high, *threshold, reason))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _threshold(present: pd.DataFrame, k: float, n: int) -> tuple[float, float, float, str]:
    """Return the threshold, the ends of its interval, and why the threshold is undefined ("" if it is defined).

    `present` is the curve of images with a hidden object; k of n responses to the other images were false alarms.
    """
    arrays, max_drop = curve_arrays(present), float(chi2.ppf(0.95, 1)) / 2
    rates = np.clip(beta.ppf(np.linspace(0.005, 0.995, N_RATES), k + 0.5, n - k + 0.5), 0, 0.99)
    fits = [fit_psychometric(*arrays, float(rate), MAX_LAPSE) for rate in rates]
    # Half the deviance is the log likelihood up to a constant, since the saturated model is the same for all rates.
    likelihoods = np.array([-f["deviance"] / 2 for f in fits]) + log_likelihood(
        rates, np.full(N_RATES, k), np.full(N_RATES, n)
    )
    if np.isnan(likelihoods).all():
        return np.nan, np.nan, np.nan, fits[N_RATES // 2]["reason"]
    best, intervals = int(np.nanargmax(likelihoods)), []
    # A rate that is less likely than the best one uses up part of the drop in log likelihood that the interval allows.
    for rate, remaining_drop in zip(rates, max_drop - (np.nanmax(likelihoods) - likelihoods), strict=True):
        if remaining_drop > 0:
            fitted = fit_psychometric(*arrays, float(rate), MAX_LAPSE, likelihood_drop=float(remaining_drop))
            intervals += [(fitted["low"], fitted["high"])] if not fitted["reason"] else []
    threshold, reason = fits[best]["threshold"], fits[best]["reason"]
    if reason:
        return np.nan, np.nan, np.nan, reason
    return threshold, min(low for low, _ in intervals), max(high for _, high in intervals), ""


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Count how often each observer saw the hidden object at each strength.

    Args:
        frame: Trials with the cue column `hidden`; other datasets are ignored.

    Returns:
        One row for each dataset, observer and strength, with the columns `dataset`, `observer`, `kind`, `x` (the
        strength), `k` (number of "present" responses) and `n` (number of responses).

    Raises:
        LogError: If a strength is not a number, or if images with a hidden object are missing or
            have several categories.
    """
    rows = []
    for dataset, trials in trials_of_kind(frame, "hidden").items():
        target = hidden_category(frame[frame["dataset"] == dataset])
        trials = trials.assign(x=numeric_cue(trials, "hidden"))
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            levels = count_by_level(own["x"].to_numpy(float), (own["response"] == target).to_numpy(float))
            rows += [(dataset, observer, kind, *values) for values in zip(*levels, strict=True)]
    return pd.DataFrame(rows, columns=["dataset", "observer", "kind", "x", "k", "n"])
