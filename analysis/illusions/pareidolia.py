"""Hidden faces: how much of one must be there before it is seen, and how often is one seen where there is none?

Declared once: strength h of what is hidden, n answers at each. false_alarms = share of "there is one" at h = 0, with
Wilson's interval: the observer's pareidolia. Where something is hidden the share follows a psychometric function
from the rate at which the observer says so anyway, (k + ½) / (n + 1) at h = 0, up to 1 - lapse rate; the threshold is
halfway (`analysis.psychometric`, which says when there is none).
"""

import numpy as np
import pandas as pd

from analysis.accuracy import wilson
from analysis.frame import observer_order
from analysis.illusions.kinds import number, of_kind
from analysis.illusions.pse import columns, counted
from analysis.psychometric import fit
from stimuli.errors import LogError

COLUMNS = (
    "dataset", "observer", "kind", "n", "n_nothing", "false_alarms", "false_alarms_low", "false_alarms_high", "threshold",
    "low", "high", "reason",
)  # fmt: skip
MAX_LAPSE = 0.1
NOTHING = "no image without anything hidden was answered"


def hidden_thing(trials: pd.DataFrame) -> str:
    """What is hidden: the one category of the images where something is. Raises LogError."""
    found = set(trials.loc[number(trials, "hidden") > 0, "category"])
    if len(found) != 1:
        raise LogError(
            f"{trials['dataset'].iloc[0]}: images with something hidden must have one category, here they have "
            f"{', '.join(sorted(found)) or 'none'}"
        )
    return str(found.pop())


def pareidolia(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for every dataset and observer, with COLUMNS; people first. Raises LogError as `hidden_thing` does."""
    rows = []
    for (dataset, observer, kind), part in curves(frame).groupby(["dataset", "observer", "kind"], sort=False):
        nothing, something = part[part["x"] == 0], part[part["x"] > 0]
        n, n_nothing, k = int(part["n"].sum()), int(nothing["n"].sum()), float(nothing["k"].sum())
        if not n_nothing:
            rows.append((dataset, observer, kind, n, 0, *[np.nan] * 6, NOTHING))
            continue
        low, high = (float(end[0]) for end in wilson(np.array([k]), np.array([n_nothing])))
        guess = (k + 0.5) / (n_nothing + 1)
        found = fit(*columns(something), guess, MAX_LAPSE)
        spans = (found[name] for name in ("threshold", "low", "high"))
        rows.append((dataset, observer, kind, n, n_nothing, k / n_nothing, low, high, *spans, found["reason"]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """How often it is said to be there: `dataset`, `observer`, `kind`, `x` the strength, `k`, `n`."""
    rows = []
    for dataset, trials in of_kind(frame, "hidden").items():
        thing, trials = hidden_thing(frame[frame["dataset"] == dataset]), trials.assign(x=number(trials, "hidden"))
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            levels = counted(own["x"].to_numpy(float), (own["response"] == thing).to_numpy(float))
            rows += [(dataset, observer, kind, *values) for values in zip(*levels, strict=True)]
    return pd.DataFrame(rows, columns=["dataset", "observer", "kind", "x", "k", "n"])
