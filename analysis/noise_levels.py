"""The noise levels of generative observers, from the sidecars of their logs: which model responded at which levels.

The option `levels` of a denoiser (see docs/generative.md) is a part A:B of the noise schedule. If any log was made with a
part of it, the frame has the columns `info_levels`, such as 0.6:0.8, and `info_model`, which is the same for all logs of one
model with the same options, apart from `name` and `levels`. Logs of other observers have "" in both columns. A log that was
written before the option existed counts as a run with the whole schedule.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from attrs import frozen

from core.trial_columns import INFO

LEVELS, MODEL = f"{INFO}levels", f"{INFO}model"
WHOLE_SCHEDULE = "0:1"


@frozen
class ModelLevels:
    """The noise levels of an observer.

    Attributes:
        model: Name of the model, such as CompVis/stable-diffusion-v1-4.
        options: SHA-256 of the class and of all options of the observer except `name` and `levels`.
        levels: Part A:B of the noise schedule.
    """

    model: str
    options: str
    levels: str


def levels_in_sidecar(sidecar: Mapping[str, Any]) -> dict[str, ModelLevels]:
    """Return the noise levels of the observers that a sidecar describes, by their names; empty if they have none.

    The sidecar of a log describes one observer, and that of recordings of several observers has an entry `observers`.
    """
    several = sidecar.get("observers")
    entries = several.values() if isinstance(several, Mapping) else [sidecar]
    identities = [entry.get("identity") for entry in entries if isinstance(entry, Mapping)]
    if not isinstance(several, Mapping):
        identities = [each.get("observer") for each in identities if isinstance(each, Mapping)]
    named = {str(each.get("name")): each for each in identities if isinstance(each, Mapping)}
    levels = {name: _levels_of(identity) for name, identity in named.items()}
    return {name: each for name, each in levels.items() if each is not None}


def _levels_of(identity: Mapping[str, Any]) -> ModelLevels | None:
    """Return the noise levels of an observer from its entry in a sidecar; None if it is not a denoiser."""
    try:
        options = json.loads(json.dumps(identity["options"]))
        objective, model = options["likelihood"]["objective"], str(options["likelihood"]["source"]["model"])
        levels = str(objective.pop("levels", WHOLE_SCHEDULE))
        options.pop("name", None)
        interval_of(levels)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
    text = json.dumps([identity.get("class"), options], sort_keys=True)
    return ModelLevels(model, hashlib.sha256(text.encode()).hexdigest(), levels)


def interval_of(levels: str) -> tuple[float, float]:
    """Return the ends of a part of the noise schedule. Raises ValueError unless 0 <= A < B <= 1."""
    low, high = map(float, levels.split(":"))
    if not 0 <= low < high <= 1:
        raise ValueError(levels)
    return low, high


def model_name(text: str) -> str:
    """Return the name of a model without the characters that `add_noise_levels` adds for several sets of options."""
    return re.sub(r" \([0-9a-f]{6}\)$", "", text)


def add_noise_levels(frame: pd.DataFrame, levels: Mapping[tuple[str, str], ModelLevels]) -> pd.DataFrame:
    """Add the columns `info_levels` and `info_model` to a frame, if a log was made with a part of the noise schedule.

    Args:
        frame: Trials with the columns of a frame.
        levels: The noise levels by the path of the log, as in the column `source`, and the name of the observer.

    Returns:
        The frame with the same attributes. If one model was run with several sets of other options, its names in
        `info_model` end in the first characters of their SHA-256.
    """
    if all(each.levels == WHOLE_SCHEDULE for each in levels.values()):
        return frame
    options: dict[str, set[str]] = {}
    for each in levels.values():
        options.setdefault(each.model, set()).add(each.options)
    names = {
        key: each.model if len(options[each.model]) == 1 else f"{each.model} ({each.options[:6]})"
        for key, each in levels.items()
    }
    pairs = frame[["source", "observer"]].astype("str")
    keys = pd.Series(list(zip(pairs["source"], pairs["observer"], strict=True)), index=frame.index, dtype=object)
    columns = {
        LEVELS: keys.map({key: each.levels for key, each in levels.items()}).fillna(""),
        MODEL: keys.map(names).fillna(""),
    }
    return frame.assign(**{name: column.astype("str").astype("category") for name, column in columns.items()})
