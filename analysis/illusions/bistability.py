"""What can be seen as either of two things: is either seen, and no other, and which of them when?

Declared once: percepts a and b of an image, K choices, evidence e, d = e_a - e_b. An image is a control of a percept where
that is its category, and ambiguous where it has no right answer.
    either       share of ambiguous images seen as a or b, with Wilson's interval; 2 / K by chance, and no news for K = 2
    share_a      a among those, with Wilson's interval
    both_first   share of ambiguous images on which a and b have the most evidence of all; 2 / (K (K - 1)) by chance; K > 2
    unrelated    mean share of the other choices that have less evidence than both; ⅓ by chance; K > 2
    position     (mean d of ambiguous images - D_b) / (D_a - D_b), D the mean d of the controls: 1 as a control of a, 0 as
                 one of b, ½ midway. NaN where D_a is not above D_b: the observer cannot tell the controls apart.
Intervals of the last three: bootstrap over images within condition, 95 %. Evidence of observers that have none is NaN.

A curve is share_a over the condition where that is a number (how much an image is of b), or over `turn<degrees>`, the turn
of an image clockwise: its PSE is where a and b are seen equally often. For the duck–rabbit, which is seen as a duck as it
stands and as a rabbit once its ears point up, turns from 0 to 90 degrees count.
"""

import re

import numpy as np
import pandas as pd

from analysis.accuracy import wilson
from analysis.frame import condition_order, observer_order
from analysis.illusions.kinds import trials_of_kind
from analysis.illusions.pse import columns, pse
from analysis.resampling import N_RESAMPLES, percentiles, weights
from experiments.log import EVIDENCE
from stimuli.categories import AMBIGUOUS

COLUMNS = (
    "dataset", "observer", "kind", "n", "n_choices", "either", "either_low", "either_high", "share_a", "share_a_low",
    "share_a_high", "both_first", "both_first_low", "both_first_high", "unrelated", "unrelated_low", "unrelated_high",
    "position", "position_low", "position_high",
)  # fmt: skip
CURVE_COLUMNS = ("dataset", "observer", "kind", "along", "condition", "x", "n", "k", "share_a", "low", "high")
PSE_COLUMNS = ("dataset", "observer", "kind", "along", "n", "pse", "low", "high", "slope", "reason")
TURN, LEVEL = "turn", "level"
TURNS = (0.0, 90.0)  # degrees of which the PSE is asked
_TURN = re.compile(r"turn([+-]?\d+(?:\.\d+)?)")


def bistability(frame: pd.DataFrame, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """A row for every dataset and observer, with COLUMNS; people first."""
    rows = []
    for dataset, trials in trials_of_kind(frame, "percepts").items():
        asked = [c for c in trials.columns if c.startswith(EVIDENCE) and trials[c].notna().any()]
        named = set(trials["percept_a"]) | set(trials["percept_b"]) | set(trials["response"])
        n_choices = max(len(asked), len(named - {""}))
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            seen = own[own["category"] == AMBIGUOUS]
            a, b = ((seen["response"] == seen[cue]).to_numpy() for cue in ("percept_a", "percept_b"))
            n, n_either = len(seen), int((a | b).sum())
            spans = [*_share(n_either, n), *_share(int(a.sum()), n_either)]
            measured = _evidence(own, asked, n_resamples, seed) if n else [np.nan] * 9
            rows.append((dataset, observer, kind, n, n_choices, *spans, *measured))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _share(k: int, n: int) -> tuple[float, float, float]:
    low, high = wilson(np.array([k]), np.array([n]))
    return (k / n if n else np.nan), float(low[0]), float(high[0])


def _evidence(own: pd.DataFrame, asked: list[str], n_resamples: int, seed: int) -> list[float]:
    """both_first, unrelated and position of one observer, each with its interval."""
    known = [f"{EVIDENCE}{own[cue].iloc[i]}" for i in range(len(own)) for cue in ("percept_a", "percept_b")]
    if not set(known) <= set(asked) or own[asked].isna().any(axis=None):
        return [np.nan] * 9
    e, n, names = own[asked].to_numpy(float), len(own), {name: i for i, name in enumerate(asked)}
    place = np.array([names[name] for name in known]).reshape(n, 2)
    pair = np.take_along_axis(e, place, axis=1)
    least, d = pair.min(axis=1), pair[:, 0] - pair[:, 1]
    seen = (own["category"] == AMBIGUOUS).to_numpy()
    control = [(own["category"] == own[cue]).to_numpy() for cue in ("percept_a", "percept_b")]
    drawn = np.zeros((n, n_resamples + 1), np.float32)
    drawn[:, 0] = 1
    for k, (_, part) in enumerate(own.groupby(["condition", "category"], sort=True).indices.items()):
        drawn[part, 1:] = weights(len(part), n_resamples, seed + k)
    out: list[float] = []
    if len(asked) > 2:
        others = np.ones(e.shape, bool)
        np.put_along_axis(others, place, False, axis=1)
        below = np.where(others, e < least[:, None], 0).sum(axis=1) / (len(asked) - 2)
        for values in ((below == 1).astype(float), below):
            out += _interval(_mean(values, drawn, seen))
    else:
        out += [np.nan] * 6
    of_a, of_b, of_seen = (_mean(d, drawn, who) for who in (*control, seen))
    room = of_a - of_b
    with np.errstate(invalid="ignore", divide="ignore"):
        return out + _interval(np.where(room > 0, (of_seen - of_b) / room, np.nan))


def _mean(values: np.ndarray, drawn: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Of those who count, in every resample; column 0 is the data."""
    total = drawn[who].sum(axis=0)
    return np.asarray(np.divide(values[who] @ drawn[who], total, out=np.full(len(total), np.nan), where=total > 0))


def _interval(values: np.ndarray) -> list[float]:
    low, high = percentiles(values[None, 1:])[:, 0]
    return [float(values[0]), float(low), float(high)]


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for every dataset, observer and condition that is a level or a turn, with CURVE_COLUMNS."""
    rows = []
    for dataset, trials in trials_of_kind(frame, "percepts").items():
        places = {c: place for c in condition_order(dataset, trials["condition"]) if (place := _place(c)) is not None}
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            for condition, (along, x) in places.items():
                part = own[own["condition"] == condition]
                a, b = ((part["response"] == part[cue]).to_numpy() for cue in ("percept_a", "percept_b"))
                n, k = int((a | b).sum()), int(a.sum())
                if len(part):
                    rows.append((dataset, observer, kind, along, condition, x, n, k, *_share(k, n)))
    out = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    return out.sort_values(["dataset", "along", "observer", "x"], kind="stable").reset_index(drop=True)


def _place(condition: str) -> tuple[str, float] | None:
    """Along what, and where, a condition lies."""
    if turn := _TURN.fullmatch(condition):
        return TURN, float(turn[1])
    try:
        return (LEVEL, x) if np.isfinite(x := float(condition)) else None
    except ValueError:
        return None


def pse_table(table: pd.DataFrame) -> pd.DataFrame:
    """The PSE of every curve, with PSE_COLUMNS: where a is seen as often as b."""
    rows = []
    for (dataset, observer, kind, along), part in table.groupby(["dataset", "observer", "kind", "along"], sort=False):
        if along == TURN:
            part = part[part["x"].between(*TURNS)]
        found = pse(*columns(part))
        rows.append(
            (dataset, observer, kind, along, *(found[name] for name in ("n", "pse", "low", "high", "slope", "reason")))
        )
    return pd.DataFrame(rows, columns=list(PSE_COLUMNS))
