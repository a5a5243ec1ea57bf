"""Geometric illusions: by how much must two things really differ to look alike?

Declared once: difference x of the first thing to the second, strength s of the illusion, both signed so that above 0 they
speak for the first being larger. The PSE at s is the difference at which an observer says "the first" half of the time; the
illusion makes it fall as s grows. Two numbers say how strong it is, in the unit of the difference:
    shift(s)  = PSE(0) - PSE(s), above 0 where s is above 0 and the illusion works
    effect    = ½ (PSE(-S) - PSE(S)) at the strongest S that was shown both ways: a leaning to one answer falls out of it
An observer without the illusion has 0 for both. What has no PSE is NaN, and `reason` says why.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.frame import observer_order
from analysis.illusions.kinds import numeric_cue, trials_of_kind
from analysis.illusions.pse import counted, difference, pse
from analysis.psychometric import Grid
from stimuli.categories import AMBIGUOUS
from stimuli.errors import LogError

COLUMNS = (
    "dataset", "observer", "kind", "strength", "n", "pse", "low", "high", "slope", "shift", "shift_low", "shift_high",
    "reason",
)  # fmt: skip
EFFECT_COLUMNS = ("dataset", "observer", "kind", "strength", "n", "effect", "low", "high", "reason")
NOT_BOTH = "not shown equally strong in both directions"


def first_choice(trials: pd.DataFrame) -> str:
    """What says that the first thing is larger, told by the images on which it is. Raises LogError."""
    x, category = numeric_cue(trials, "difference"), trials["category"].to_numpy(object)
    found = {str(c) for c in category[(x > 0) & (category != AMBIGUOUS)]}
    if len(found) != 1:
        raise LogError(
            f"{trials['dataset'].iloc[0]}: images with a difference above 0 must have one category, the answer that they "
            f"are right to get; here they have {', '.join(sorted(found)) or 'none'}"
        )
    return found.pop()


def pse_table(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for every dataset, observer and strength, with COLUMNS; people first. Raises LogError as `first_choice` does."""
    rows = []
    for dataset, trials in trials_of_kind(frame, "geometric").items():
        first, grids = first_choice(frame[frame["dataset"] == dataset]), dict[bytes, Grid]()
        trials = trials.assign(x=numeric_cue(trials, "difference"), s=numeric_cue(trials, "strength"))
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            found = {}
            for s, part in own.groupby("s"):
                answers = (part["response"] == first).to_numpy(float)
                found[float(str(s))] = pse(*counted(part["x"].to_numpy(float), answers), grids)
            for s, at in found.items():
                shift = (np.nan,) * 3
                if 0.0 in found and s != 0:
                    shift = difference(_span(found[0.0]), _span(at))
                rows.append((dataset, observer, kind, s, at["n"], *_span(at), at["slope"], *shift, at["reason"]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def effects(table: pd.DataFrame) -> pd.DataFrame:
    """A row for every dataset and observer of `equalities`, with EFFECT_COLUMNS."""
    rows = []
    for (dataset, observer, kind), part in table.groupby(["dataset", "observer", "kind"], sort=False):
        at = {float(row["strength"]): row for row in part.to_dict("records")}
        both = [s for s in at if s > 0 and -s in at]
        if not both:
            rows.append((dataset, observer, kind, np.nan, int(part["n"].sum()), np.nan, np.nan, np.nan, NOT_BOTH))
            continue
        against, towards = at[-max(both)], at[max(both)]
        n, reason = int(against["n"]) + int(towards["n"]), against["reason"] or towards["reason"]
        value, low, high = difference(_span(against), _span(towards))
        rows.append((dataset, observer, kind, max(both), n, value / 2, low / 2, high / 2, reason))
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """How often the first thing is said to be larger: `dataset`, `observer`, `kind`, `strength`, `x`, `k`, `n`."""
    rows = []
    for dataset, trials in trials_of_kind(frame, "geometric").items():
        first = first_choice(frame[frame["dataset"] == dataset])
        trials = trials.assign(x=numeric_cue(trials, "difference"), s=numeric_cue(trials, "strength"))
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            for s, part in trials[trials["observer"] == observer].groupby("s"):
                levels = counted(part["x"].to_numpy(float), (part["response"] == first).to_numpy(float))
                rows += [(dataset, observer, kind, s, *values) for values in zip(*levels, strict=True)]
    return pd.DataFrame(rows, columns=["dataset", "observer", "kind", "strength", "x", "k", "n"])


def _span(found: Mapping[Any, Any]) -> tuple[float, float, float]:
    return float(found["pse"]), float(found["low"]), float(found["high"])
