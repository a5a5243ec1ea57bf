"""Hidden faces: how much of one must be there before it is seen, and how often is one seen where there is none?

Declared once: strength h of what is hidden, n answers at each. false_alarms = share of "there is one" at h = 0, with
Wilson's interval: the observer's pareidolia. Where something is hidden the share follows a psychometric function
from the rate at which the observer says so anyway, that of h = 0, up to 1 - lapse rate; the threshold is halfway
(`analysis.psychometric`, which says when there is none). That rate is a parameter like the others: of N_RATES rates that the
answers at h = 0 allow (Jeffreys' interval, 99 %) the likeliest is taken, all answers together, and the interval of the
threshold holds what any of them allows.
"""

import numpy as np
import pandas as pd
from scipy.stats import beta, chi2

from analysis.accuracy import wilson
from analysis.frame import observer_order
from analysis.illusions.kinds import numeric_cue, trials_of_kind
from analysis.illusions.pse import columns, counted
from analysis.psychometric import REASONS, fit, log_likelihood
from stimuli.errors import LogError

COLUMNS = (
    "dataset", "observer", "kind", "n", "n_nothing", "false_alarms", "false_alarms_low", "false_alarms_high", "threshold",
    "low", "high", "reason",
)  # fmt: skip
MAX_LAPSE, N_RATES = 0.1, 7
NOTHING = "no image without anything hidden was answered"
NO_THRESHOLD = {
    REASONS["right"]: "always seen where it is hidden", REASONS["wrong"]: "never seen",
    REASONS["flat"]: "answers do not change with the strength",
}  # fmt: skip


def hidden_category(trials: pd.DataFrame) -> str:
    """What is hidden: the one category of the images where something is. Raises LogError."""
    found = set(trials.loc[numeric_cue(trials, "hidden") > 0, "category"])
    if len(found) != 1:
        raise LogError(
            f"{trials['dataset'].iloc[0]}: images with something hidden must have one category, here they have "
            f"{', '.join(sorted(found)) or 'none'}"
        )
    return str(found.pop())


def pareidolia(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for every dataset and observer, with COLUMNS; people first. Raises LogError as `hidden_category` does."""
    rows = []
    for (dataset, observer, kind), part in curves(frame).groupby(["dataset", "observer", "kind"], sort=False):
        nothing, something = part[part["x"] == 0], part[part["x"] > 0]
        n, n_nothing, k = int(part["n"].sum()), int(nothing["n"].sum()), float(nothing["k"].sum())
        if not n_nothing:
            rows.append((dataset, observer, kind, n, 0, *[np.nan] * 6, NOTHING))
            continue
        low, high = (float(end[0]) for end in wilson(np.array([k]), np.array([n_nothing])))
        threshold = _threshold(something, k, n_nothing)
        reason = NO_THRESHOLD.get(threshold[-1], threshold[-1])
        rows.append((dataset, observer, kind, n, n_nothing, k / n_nothing, low, high, *threshold[:-1], reason))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _threshold(something: pd.DataFrame, k: float, n: int) -> tuple[float, float, float, str]:
    """With its interval, and why there is none."""
    levels, enough = columns(something), float(chi2.ppf(0.95, 1)) / 2
    rates = np.clip(beta.ppf(np.linspace(0.005, 0.995, N_RATES), k + 0.5, n - k + 0.5), 0, 0.99)
    found = [fit(*levels, float(rate), MAX_LAPSE) for rate in rates]
    total = np.array([-f["deviance"] / 2 for f in found]) + log_likelihood(
        rates, np.full(N_RATES, k), np.full(N_RATES, n)
    )
    if np.isnan(total).all():
        return np.nan, np.nan, np.nan, found[N_RATES // 2]["reason"]
    best, spans = int(np.nanargmax(total)), []
    for rate, left in zip(rates, enough - (np.nanmax(total) - total), strict=True):
        if left > 0:
            at = fit(*levels, float(rate), MAX_LAPSE, enough=float(left))
            spans += [(at["low"], at["high"])] if not at["reason"] else []
    threshold, reason = found[best]["threshold"], found[best]["reason"]
    if reason:
        return np.nan, np.nan, np.nan, reason
    return threshold, min(low for low, _ in spans), max(high for _, high in spans), ""


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """How often it is said to be there: `dataset`, `observer`, `kind`, `x` the strength, `k`, `n`."""
    rows = []
    for dataset, trials in trials_of_kind(frame, "hidden").items():
        thing, trials = (
            hidden_category(frame[frame["dataset"] == dataset]),
            trials.assign(x=numeric_cue(trials, "hidden")),
        )
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            levels = counted(own["x"].to_numpy(float), (own["response"] == thing).to_numpy(float))
            rows += [(dataset, observer, kind, *values) for values in zip(*levels, strict=True)]
    return pd.DataFrame(rows, columns=["dataset", "observer", "kind", "x", "k", "n"])
