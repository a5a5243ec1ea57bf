"""Whose log it is: what a session must have in common with the one that it takes up, as JSON has it, and in words.

Experiment, seed, choices and presentation, the sha256 of the stimuli, and the observer's options. How an observer computes
(`observers.protocol.RUNTIME`) is no part of that.
"""

import contextlib
import dataclasses
import hashlib
import inspect
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import attrs
import numpy as np

from experiments.experiment import Experiment
from observers.protocol import Observer
from stimuli.errors import ObserverError
from stimuli.names import file_sha256

_OWN = re.compile(r".*[/\\]([^/\\]+\.py:\w+)")


def identity_of(experiment: Experiment, observer: Observer, session: int, seed: int) -> dict[str, Any]:
    """The identity of a session, for the log's sidecar. Raises StimulusError, ObserverError for what cannot be compared."""
    return {
        "experiment": experiment.name,
        "session": session,
        "seed": seed,
        "n_trials": len(experiment.stimuli),
        "n_blocks": experiment.n_blocks,
        "choices": list(experiment.choices),
        "presentation": _plain(experiment.presentation),
        "stimuli": experiment.stimuli.digest(),
        "observer": {
            "name": observer.name,
            "kind": observer.kind,
            "class": type(observer).__qualname__,
            "file_sha256": file_sha256(type(observer)),
            "options": observer_options(observer),
        },
    }


def restore_revision_name(given: dict[str, Any], sidecar: Mapping[str, Any]) -> None:
    """Let a session that began with a branch such as `main` go on with the commit that this was then, by its name."""
    commit = sidecar["provenance"].get("revision")
    if commit is not None:
        _as_begun(given, sidecar["identity"].get("observer", {}).get("options", {}), commit)


def _as_begun(given: dict[str, Any], begun: Any, commit: str) -> None:
    """Wherever an option `revision` is the commit, in `given` or an option inside it, put what it was in `begun`."""
    if not isinstance(begun, Mapping):
        return
    for name, value in given.items():
        if name == "revision" and value == commit:
            given[name] = begun.get(name)
        elif isinstance(value, dict):
            _as_begun(value, begun.get(name), commit)


def observer_options(observer: Observer) -> dict[str, Any]:
    """The observer's options that decide its answers, as JSON has them; of a path only the last part, for privacy.

    They are the fields of an attrs class or a dataclass. Of any other class they are the parameters that it is made with, as
    far as its object keeps them, by their name or behind a `_`, in a form that can be compared.
    """
    cls: Any = type(observer)
    fields = attrs.fields(cls) if attrs.has(cls) else dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else None
    if fields is not None:
        decisive = [field.name for field in fields if field.init and not field.metadata.get("runtime")]
        return {name: _plain(getattr(observer, name)) for name in decisive}
    kept, found = getattr(observer, "__dict__", {}), {}
    for name in inspect.signature(cls).parameters:
        for attribute in {name, f"_{name}"} & set(kept):
            with contextlib.suppress(ObserverError):
                found[name] = _plain(kept[attribute])
    return found


def _plain(value: Any) -> Any:
    """`value` in a form that is the same in the next process. Raises ObserverError for what has none."""
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)  # nan equals nothing, itself neither
    if isinstance(value, str) and (own := _OWN.fullmatch(value)):
        return own[1]  # mine.py:NAME wherever it lies; what is in it is compared by its sha256
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(part) for part in value), key=repr)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    if attrs.has(type(value)):
        return {"class": type(value).__qualname__} | {
            f.name: _plain(getattr(value, f.name))
            for f in attrs.fields(type(value))
            if f.init and not f.metadata.get("runtime")
        }
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}:{value.__qualname__}"
    raise ObserverError(
        f"an option of type {type(value).__name__} cannot be compared when the session is resumed: make it plain "
        f"(text, numbers, lists, a frozen attrs class), or mark it metadata=RUNTIME if answers do not depend on it"
    )


def describe_difference(old: Any, new: Any, what: str = "") -> str:
    """What differs, in a few words: of two mappings only that, however deep it lies."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        if len(keys) == 1:
            return describe_difference(old.get(keys[0]), new.get(keys[0]), f"{keys[0]} ")
        what, old, new = "", *({key: part.get(key) for key in keys} for part in (old, new))
    return f"{what}then {str(old)[:80]}, now {str(new)[:80]}"
