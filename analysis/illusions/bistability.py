"""Ambiguous images: how often an observer sees either percept, and which of the two it favors.

Conventions: a and b are the two percepts of an image, K is the number of choices, e the evidence, and d = e_a - e_b. An
image is ambiguous if it has no correct answer. An image whose category is a percept is a control for that percept.
    either       proportion of ambiguous images that are seen as a or b, with the Wilson interval. The chance level is
                 2 / K, so the measure is trivial if K = 2.
    share_a      proportion of a among the responses a and b, with the Wilson interval; NaN if neither occurs.
    both_first   proportion of ambiguous images on which a and b have more evidence than all other choices. The chance
                 level is 2 / (K (K - 1)); NaN if K = 2.
    unrelated    proportion of the other choices that have less evidence than both a and b, averaged over ambiguous
                 images. The chance level is ⅓; NaN if K = 2.
    position     (mean d of ambiguous images - D_b) / (D_a - D_b), where D_a and D_b are the mean d of the controls for
                 a and for b: 1 if the evidence is like that for controls of a, 0 if it is like that for controls of b,
                 ½ in the middle. NaN if D_a ≤ D_b, because the observer then does not distinguish the controls.
The last three measures are NaN for observers without evidence. All intervals are 95 % intervals; those of the last three
measures are percentiles of a bootstrap over images within each condition and category.

A curve gives share_a as a function of a level or of a turn. A condition that is a number is a level; at higher levels,
the image favors b more. The turn is the clockwise angle in a condition `turn<degrees>`. The point of subjective
equality (PSE) of a curve is where a and b are seen equally often (`analysis.illusions.pse`). Only turns from 0 to 90
degrees are used for the PSE, because the duck–rabbit is seen as a duck when upright and as a rabbit when its ears point
up.
"""

import re

import numpy as np
import pandas as pd

from analysis.illusions.kinds import trials_of_kind
from analysis.illusions.pse import curve_arrays, pse
from analysis.io.choices import n_choices
from analysis.io.frame import condition_order, observer_order
from analysis.measures.accuracy import wilson_interval
from analysis.measures.resampling import N_RESAMPLES, percentiles, resample_weights
from core.trial_columns import EVIDENCE
from stimuli.categories import AMBIGUOUS

COLUMNS = (
    "dataset", "observer", "kind", "n", "n_choices", "either", "either_low", "either_high", "share_a", "share_a_low",
    "share_a_high", "both_first", "both_first_low", "both_first_high", "unrelated", "unrelated_low", "unrelated_high",
    "position", "position_low", "position_high",
)  # fmt: skip
CURVE_COLUMNS = ("dataset", "observer", "kind", "along", "condition", "x", "n", "k", "share_a", "low", "high")
PSE_COLUMNS = ("dataset", "observer", "kind", "along", "n", "pse", "low", "high", "slope", "reason")
TURN, LEVEL = "turn", "level"
TURNS = (0.0, 90.0)  # range of turns for the PSE, in degrees
_TURN = re.compile(r"turn([+-]?\d+(?:\.\d+)?)")


def bistability(frame: pd.DataFrame, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Measure how each observer perceives ambiguous images.

    Args:
        frame: Trials with the cue columns `percept_a` and `percept_b`; other datasets are ignored.
        n_resamples: Number of bootstrap resamples.
        seed: Random seed for the bootstrap.

    Returns:
        One row for each dataset and observer, with COLUMNS, human observers first: the measures of the module with the
        ends `_low` and `_high` of their intervals, the number `n` of ambiguous images with a response, and the number
        of choices.
    """
    rows = []
    for dataset, trials in trials_of_kind(frame, "percepts").items():
        evidence_columns = [c for c in trials.columns if c.startswith(EVIDENCE) and trials[c].notna().any()]
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            ambiguous = own[own["category"] == AMBIGUOUS]
            a, b = ((ambiguous["response"] == ambiguous[cue]).to_numpy() for cue in ("percept_a", "percept_b"))
            n, n_either = len(ambiguous), int((a | b).sum())
            proportions = [*_proportion(n_either, n), *_proportion(int(a.sum()), n_either)]
            evidence = _evidence_measures(own, evidence_columns, n_resamples, seed) if n else [np.nan] * 9
            rows.append((dataset, observer, kind, n, n_choices(trials), *proportions, *evidence))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _proportion(k: int, n: int) -> tuple[float, float, float]:
    """Return k / n and its Wilson interval; the proportion is NaN if n is 0."""
    low, high = wilson_interval(np.array([k]), np.array([n]))
    return (k / n if n else np.nan), float(low[0]), float(high[0])


def _evidence_measures(own: pd.DataFrame, evidence_columns: list[str], n_resamples: int, seed: int) -> list[float]:
    """Return both_first, unrelated and position of one observer, each followed by its interval."""
    percept_columns = [f"{EVIDENCE}{own[cue].iloc[i]}" for i in range(len(own)) for cue in ("percept_a", "percept_b")]
    if not set(percept_columns) <= set(evidence_columns) or own[evidence_columns].isna().any(axis=None):
        return [np.nan] * 9
    e, n = own[evidence_columns].to_numpy(float), len(own)
    column_index = {name: i for i, name in enumerate(evidence_columns)}
    percept_index = np.array([column_index[name] for name in percept_columns]).reshape(n, 2)
    percept_evidence = np.take_along_axis(e, percept_index, axis=1)
    smaller, d = percept_evidence.min(axis=1), percept_evidence[:, 0] - percept_evidence[:, 1]
    is_ambiguous = (own["category"] == AMBIGUOUS).to_numpy()
    is_control = [(own["category"] == own[cue]).to_numpy() for cue in ("percept_a", "percept_b")]
    image_weights = np.zeros((n, n_resamples + 1), np.float32)  # column 0 is for the data, the others for resamples
    image_weights[:, 0] = 1
    for k, (_, part) in enumerate(own.groupby(["condition", "category"], sort=True).indices.items()):
        image_weights[part, 1:] = resample_weights(len(part), n_resamples, seed + k)
    out: list[float] = []
    if len(evidence_columns) > 2:
        others = np.ones(e.shape, bool)
        np.put_along_axis(others, percept_index, False, axis=1)
        below = np.where(others, e < smaller[:, None], 0).sum(axis=1) / (len(evidence_columns) - 2)
        for values in ((below == 1).astype(float), below):
            out += _interval(_weighted_mean(values, image_weights, is_ambiguous))
    else:
        out += [np.nan] * 6
    d_a, d_b, d_ambiguous = (_weighted_mean(d, image_weights, subset) for subset in (*is_control, is_ambiguous))
    with np.errstate(invalid="ignore", divide="ignore"):
        return out + _interval(np.where(d_a - d_b > 0, (d_ambiguous - d_b) / (d_a - d_b), np.nan))


def _weighted_mean(values: np.ndarray, image_weights: np.ndarray, subset: np.ndarray) -> np.ndarray:
    """Return the `(n_resamples + 1,)` means over a subset of the images, one per resample; NaN for an empty subset."""
    total = image_weights[subset].sum(axis=0)
    weighted_sum = values[subset] @ image_weights[subset]
    return np.asarray(np.divide(weighted_sum, total, out=np.full(len(total), np.nan), where=total > 0))


def _interval(values: np.ndarray) -> list[float]:
    """Return the first value (of the data) and the percentile interval of all other values (of the resamples)."""
    low, high = percentiles(values[None, 1:])[:, 0]
    return [float(values[0]), float(low), float(high)]


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the proportion of the first percept as a function of the level or the turn of the images.

    Args:
        frame: Trials with the cue columns `percept_a` and `percept_b`; other datasets are ignored.

    Returns:
        One row for each dataset, observer and condition that is a number or a turn, with CURVE_COLUMNS: `along` is
        LEVEL or TURN, `x` the level or the degrees, `n` the number of responses a or b, `k` the number of responses a,
        and `share_a` their ratio with its Wilson interval `low` to `high`.
    """
    rows = []
    for dataset, trials in trials_of_kind(frame, "percepts").items():
        coordinates = {
            condition: coordinate
            for condition in condition_order(dataset, trials["condition"])
            if (coordinate := _coordinate(condition)) is not None
        }
        for observer, kind in observer_order(trials).itertuples(index=False, name=None):
            own = trials[trials["observer"] == observer]
            for condition, (along, x) in coordinates.items():
                part = own[own["condition"] == condition]
                a, b = ((part["response"] == part[cue]).to_numpy() for cue in ("percept_a", "percept_b"))
                n, k = int((a | b).sum()), int(a.sum())
                if len(part):
                    rows.append((dataset, observer, kind, along, condition, x, n, k, *_proportion(k, n)))
    out = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    return out.sort_values(["dataset", "along", "observer", "x"], kind="stable").reset_index(drop=True)


def _coordinate(condition: str) -> tuple[str, float] | None:
    """Return LEVEL or TURN and the value of a condition, or None if it is neither a number nor a turn."""
    if turn := _TURN.fullmatch(condition):
        return TURN, float(turn[1])
    try:
        return (LEVEL, x) if np.isfinite(x := float(condition)) else None
    except ValueError:
        return None


def pse_table(table: pd.DataFrame) -> pd.DataFrame:
    """Estimate the point of subjective equality of each curve: where a and b are seen equally often.

    Args:
        table: Result of `curves`.

    Returns:
        One row for each dataset, observer and kind of curve, with PSE_COLUMNS. `pse` with its interval `low` to `high`
        is a level or an angle in degrees; if it is undefined (NaN), `reason` tells why.
    """
    rows = []
    for (dataset, observer, kind, along), part in table.groupby(["dataset", "observer", "kind", "along"], sort=False):
        if along == TURN:
            part = part[part["x"].between(*TURNS)]
        estimate = pse(*curve_arrays(part))
        values = (estimate[name] for name in ("n", "pse", "low", "high", "slope", "reason"))
        rows.append((dataset, observer, kind, along, *values))
    return pd.DataFrame(rows, columns=list(PSE_COLUMNS))
