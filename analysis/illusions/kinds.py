"""Which datasets show illusions, told by their cues, and their trials with the cues as numbers.

percepts    `percept_a`, `percept_b`: an image can be seen as either
hidden      `hidden`: the strength of something hidden in an image, 0 for nothing
geometric   `strength` of an illusion and real `difference` between two things
Trials without an answer are left out of every measure here, and their number is said.
"""

from typing import Literal

import numpy as np
import pandas as pd

from analysis.frame import dataset_order
from stimuli.errors import LogError
from stimuli.illusion_cues import GEOMETRIC, HIDDEN, PERCEPTS

CUES = {"percepts": PERCEPTS, "hidden": HIDDEN, "geometric": GEOMETRIC}
Kind = Literal["percepts", "hidden", "geometric"]


def illusion_kind(trials: pd.DataFrame) -> Kind | None:
    """Of one dataset; None where it shows no illusion."""
    for kind, cues in CUES.items():
        if set(cues) <= set(trials.columns) and all((trials[cue] != "").all() for cue in cues):
            return kind  # type: ignore[return-value]
    return None


def trials_of_kind(frame: pd.DataFrame, kind: Kind) -> dict[str, pd.DataFrame]:
    """Dataset -> its answered trials, of the datasets of that kind."""
    parts = {d: frame[frame["dataset"] == d] for d in dataset_order(frame["dataset"].unique())}
    return {d: part[part["response"] != ""] for d, part in parts.items() if len(part) and illusion_kind(part) == kind}


def numeric_cue(trials: pd.DataFrame, cue: str) -> np.ndarray:
    """A cue as numbers. Raises LogError."""
    found = pd.to_numeric(trials[cue], errors="coerce").to_numpy(float)
    if not np.isfinite(found).all():
        bad = trials[cue].to_numpy()[~np.isfinite(found)][0]
        raise LogError(f"{trials['dataset'].iloc[0]}: the cue {cue} is {bad!r}, expected a number")
    return found
