"""Recognize which datasets show illusions. The names of the cue columns in their trials tell this.

Kinds of illusions:
percepts    cues `percept_a` and `percept_b`: the image can be seen as either of two things
hidden      cue `hidden`: strength of an object that is hidden in the image, 0 if the image does not have one
geometric   cues `strength` (of the illusion) and `difference` (physical, between two objects)

All measures in this package exclude trials without a response, and `analysis.illusions.summary` reports their number.
"""

from typing import Literal

import numpy as np
import pandas as pd

from analysis.io.frame import dataset_order
from core.errors import LogError
from stimuli.cues import GEOMETRIC, HIDDEN, PERCEPTS

CUES = {"percepts": PERCEPTS, "hidden": HIDDEN, "geometric": GEOMETRIC}
Kind = Literal["percepts", "hidden", "geometric"]


def illusion_kind(trials: pd.DataFrame) -> Kind | None:
    """Return the kind of illusion that the trials of one dataset show, or None if they do not show an illusion."""
    for kind, cues in CUES.items():
        if set(cues) <= set(trials.columns) and all((trials[cue] != "").all() for cue in cues):
            return kind  # type: ignore[return-value]
    return None


def trials_of_kind(frame: pd.DataFrame, kind: Kind) -> dict[str, pd.DataFrame]:
    """Return dataset -> trials with a response, for the datasets that show one kind of illusion."""
    parts = {d: frame[frame["dataset"] == d] for d in dataset_order(frame["dataset"].unique())}
    return {d: part[part["response"] != ""] for d, part in parts.items() if len(part) and illusion_kind(part) == kind}


def numeric_cue(trials: pd.DataFrame, cue: str) -> np.ndarray:
    """Return the `(n_trials,)` values of a cue as floats. Raise LogError if a value is not a finite number."""
    values = pd.to_numeric(trials[cue], errors="coerce").to_numpy(float)
    if not np.isfinite(values).all():
        invalid = trials[cue].to_numpy()[~np.isfinite(values)][0]
        raise LogError(f"{trials['dataset'].iloc[0]}: the cue {cue} is {invalid!r}, expected a number")
    return values
