"""Geometric illusions: the physical difference at which two objects look the same, and how the illusion shifts it.

Conventions: x is the physical difference between the first and the second object, and s is the strength of the
illusion. Both are positive if they make the first object look larger (see `stimuli.draw.geometric`). The point of subjective
equality PSE(s) is the difference x at which the observer chooses the first object in half of the trials; an illusion
makes it decrease with s. Two measures, in the unit of x:
    shift(s)  = PSE(0) - PSE(s), which has the sign of s if the illusion works
    effect    = ½ (PSE(-S) - PSE(S)) at the largest strength S that was shown with both signs; response bias cancels out
Both are 0 for an observer that the illusion does not affect. They are NaN if a PSE is undefined, and `reason` tells
why. `analysis.illusions.pse` describes the estimation and the intervals.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.illusions.kinds import numeric_cue, trials_of_kind
from analysis.illusions.pse import count_by_level, difference_interval, pse
from analysis.io.frame import observer_order
from analysis.measures.psychometric import LikelihoodGrid
from core.errors import LogError
from stimuli.categories import AMBIGUOUS

COLUMNS = (
    "dataset", "observer", "kind", "strength", "n", "pse", "low", "high", "slope", "shift", "shift_low", "shift_high",
    "reason",
)  # fmt: skip
EFFECT_COLUMNS = ("dataset", "observer", "kind", "strength", "n", "effect", "low", "high", "reason")
ONE_DIRECTION = "no strength was shown in both directions"


def first_choice(trials: pd.DataFrame) -> str:
    """Return the choice that means "the first object is larger", for the trials of one dataset.

    This is the category of the images with a positive difference. Raise LogError if there are no such images, if they
    have more than one category, or if a difference is not a number.
    """
    x, category = numeric_cue(trials, "difference"), trials["category"].to_numpy(object)
    categories = {str(c) for c in category[(x > 0) & (category != AMBIGUOUS)]}
    if len(categories) != 1:
        raise LogError(
            f"{trials['dataset'].iloc[0]}: all images with a difference above 0 must have the same category (the correct "
            f"answer), but they have {', '.join(sorted(categories)) or 'none'}"
        )
    return categories.pop()


def pse_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Estimate the point of subjective equality at each strength of each geometric illusion.

    Args:
        frame: Trials with the cue columns `strength` and `difference`; other datasets are ignored.

    Returns:
        One row for each dataset, observer and strength, with COLUMNS, human observers first. `pse` with its interval
        `low` to `high`, and `shift` with its interval, are in the unit of the difference; `n` is the number of trials
        with a response; `slope` is the slope of the logistic function. `shift` is NaN at strength 0, and at all
        strengths if there are no trials at strength 0.

    Raises:
        LogError: If a cue is not a number, or if images with a positive difference are
            missing or have several categories.
    """
    rows = []
    for dataset, trials in trials_of_kind(frame, "geometric").items():
        first, grids = first_choice(frame[frame["dataset"] == dataset]), dict[bytes, LikelihoodGrid]()
        trials = trials.assign(x=numeric_cue(trials, "difference"), s=numeric_cue(trials, "strength"))
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            estimates = {}
            for s, part in own.groupby("s"):
                is_first = (part["response"] == first).to_numpy(float)
                estimates[float(str(s))] = pse(*count_by_level(part["x"].to_numpy(float), is_first), grids)
            for s, estimate in estimates.items():
                shift = (np.nan,) * 3
                if 0.0 in estimates and s != 0:
                    shift = difference_interval(_pse_interval(estimates[0.0]), _pse_interval(estimate))
                rows.append((
                    dataset, observer, kind, s, estimate["n"], *_pse_interval(estimate), estimate["slope"], *shift,
                    estimate["reason"],
                ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """Return the effect of each illusion on each observer.

    Args:
        table: Result of `pse_table`.

    Returns:
        One row for each dataset and observer, with EFFECT_COLUMNS. `effect` with its interval `low` to `high` is in the
        unit of the difference; `strength` is the strength S that was used. The effect is NaN if no strength was shown
        with both signs or if a PSE is undefined; `reason` tells which of these applies.
    """
    rows = []
    for (dataset, observer, kind), part in table.groupby(["dataset", "observer", "kind"], sort=False):
        by_strength = {float(row["strength"]): row for row in part.to_dict("records")}
        symmetric = [s for s in by_strength if s > 0 and -s in by_strength]
        if not symmetric:
            rows.append((dataset, observer, kind, np.nan, int(part["n"].sum()), np.nan, np.nan, np.nan, ONE_DIRECTION))
            continue
        s = max(symmetric)
        negative, positive = by_strength[-s], by_strength[s]
        n, reason = int(negative["n"]) + int(positive["n"]), negative["reason"] or positive["reason"]
        value, low, high = difference_interval(_pse_interval(negative), _pse_interval(positive))
        rows.append((dataset, observer, kind, s, n, value / 2, low / 2, high / 2, reason))
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Count how often each observer chose the first object at each strength and difference.

    Args:
        frame: Trials with the cue columns `strength` and `difference`; other datasets are ignored.

    Returns:
        One row for each dataset, observer, strength and difference, with the columns `dataset`, `observer`, `kind`,
        `strength`, `x` (the difference), `k` (number of responses that are the first object) and `n` (number of
        responses).

    Raises:
        LogError: If a cue is not a number, or if images with a positive difference are
            missing or have several categories.
    """
    rows = []
    for dataset, trials in trials_of_kind(frame, "geometric").items():
        first = first_choice(frame[frame["dataset"] == dataset])
        trials = trials.assign(x=numeric_cue(trials, "difference"), s=numeric_cue(trials, "strength"))
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            for s, part in trials[trials["observer"] == observer].groupby("s"):
                levels = count_by_level(part["x"].to_numpy(float), (part["response"] == first).to_numpy(float))
                rows += [(dataset, observer, kind, s, *values) for values in zip(*levels, strict=True)]
    return pd.DataFrame(rows, columns=["dataset", "observer", "kind", "strength", "x", "k", "n"])


def _pse_interval(estimate: Mapping[Any, Any]) -> tuple[float, float, float]:
    """Return the PSE and the ends of its interval."""
    return float(estimate["pse"]), float(estimate["low"]), float(estimate["high"])
