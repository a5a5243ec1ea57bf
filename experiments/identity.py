"""The identity of a session: all settings that must be the same when the session is resumed, as JSON values.

The identity consists of the experiment, session number, seed, choices, presentation, instruction, the SHA-256 of the
stimuli, and the observer's options. Options with `observers.protocol.RUNTIME` are not part of it, because they change only
how responses are computed.
"""

import contextlib
import dataclasses
import hashlib
import inspect
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import attrs
import numpy as np

from core.errors import ObserverError
from core.paths import strip_folder_of_reference
from core.plugins import file_sha256
from experiments.experiment import Experiment
from experiments.imported_code import imported_sha256
from observers.protocol import Observer

# Entries of the provenance that may differ when a session is resumed or merged. The assumed settings follow from the
# files of the model, and earlier sidecars do not list them.
_NOT_COMPARED = frozenset({"device", "batch_size", "assumed"})
# Entries that describe what earlier versions did without recording it.
_ADDED_PROVENANCE = frozenset({"preprocessing", "assumed_classes", "duplicate_labels"})

IMPORTED = "imported_sha256"  # the entry with the digest of the files that FILE.py imports; earlier sidecars lack it


def identity_of(
    experiment: Experiment, observer: Observer, session: int, seed: int, *, stimuli_digest: str | None = None
) -> dict[str, Any]:
    """Return the identity of a session, for the log's sidecar.

    `stimuli_digest` is the digest of the stimuli if it is known; computing it reads all images.

    Raises StimulusError if an image cannot be read, and ObserverError if an option cannot be represented in JSON.
    """
    return {
        "experiment": experiment.name,
        "session": session,
        "seed": seed,
        "n_trials": len(experiment.stimuli),
        "n_blocks": experiment.n_blocks,
        "choices": list(experiment.choices),
        "presentation": _to_json(experiment.presentation),
        "instruction": experiment.instruction,
        "stimuli": stimuli_digest or experiment.stimuli.digest(),
        "observer": observer_identity(observer),
    }


def observer_identity(observer: Observer) -> dict[str, Any]:
    """Return the part of the identity that describes the observer.

    Raises ObserverError if an option cannot be represented in JSON.
    """
    imported = imported_sha256(type(observer))
    return {
        "name": observer.name,
        "kind": observer.kind,
        "class": type(observer).__qualname__,
        "file_sha256": file_sha256(type(observer)),
        **({} if imported is None else {IMPORTED: imported}),
        "options": observer_options(observer),
    }


def restore_revision_name(options: dict[str, Any], sidecar: Mapping[str, Any]) -> None:
    """Replace the commit in the option `revision` by the branch or tag with which the session was started.

    A session that was started with a branch such as `main` can then be resumed with the commit to which the branch pointed,
    even if the branch points to another commit now. This changes `options` in place.
    """
    commit = sidecar["provenance"].get("revision")
    observer = sidecar["identity"].get("observer")
    if commit is not None and isinstance(observer, Mapping):
        _restore_nested(options, observer.get("options"), commit)


def _restore_nested(options: dict[str, Any], old_options: Any, commit: str) -> None:
    """Replace each `revision` that equals the commit with its value in `old_options`, even in nested options."""
    if not isinstance(old_options, Mapping):
        return
    for name, value in options.items():
        if name == "revision" and value == commit:
            options[name] = old_options.get(name)
        elif isinstance(value, dict):
            _restore_nested(value, old_options.get(name), commit)


def added_options(observer: object) -> dict[str, Any]:
    """Return the options that earlier logs lack, with the values that describe how they were recorded.

    The values are those of `core.options.added_option`, and are nested like the options in the sidecar.
    """
    cls: Any = type(observer)
    added: dict[str, Any] = {}
    for field in attrs.fields(cls) if attrs.has(cls) else ():
        if "before" in field.metadata:
            added[field.name] = _to_json(field.metadata["before"](observer))
        elif nested := added_options(getattr(observer, field.name)):
            added[field.name] = nested
    return added


def add_imported(identity: dict[str, Any], reference: Mapping[str, Any]) -> None:
    """Add the digest of the imported files to an identity that is older than this entry, in place."""
    observer = identity.get("observer")
    if IMPORTED in reference["observer"] and isinstance(observer, dict):
        observer.setdefault(IMPORTED, reference["observer"][IMPORTED])


def add_missing_options(options: dict[str, Any], added: Mapping[str, Any]) -> list[str]:
    """Add options that did not exist when a session was recorded.

    Args:
        options: The options in a sidecar, which are changed in place.
        added: The result of `added_options` for the observer of a later log.

    Returns:
        The names of the options that were added.
    """
    names: list[str] = []
    for name, value in added.items():
        if isinstance(value, Mapping):
            if isinstance(nested := options.get(name), dict):
                names += add_missing_options(nested, value)
        elif name not in options:
            options[name] = value
            names.append(name)
    return names


def comparable_provenance(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries of two provenances that must be equal within one session.

    Entries that earlier versions did not record are omitted if `old` does not have any of them.
    """
    omitted = _NOT_COMPARED if _ADDED_PROVENANCE & old.keys() else _NOT_COMPARED | _ADDED_PROVENANCE
    first, second = ({key: value for key, value in part.items() if key not in omitted} for part in (old, new))
    return first, second


def observer_options(observer: Observer) -> dict[str, Any]:
    """Return the observer's options that determine its responses, as JSON values.

    The options are the fields of an attrs class or a dataclass. For any other class they are the parameters of `__init__`
    that the object stores in attributes of the same name, with or without a leading underscore, if their values can be
    represented in JSON. For privacy, only the last part of a path is kept.

    Raises ObserverError if a field of an attrs class or dataclass cannot be represented.
    """
    cls: Any = type(observer)
    fields = attrs.fields(cls) if attrs.has(cls) else dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else None
    if fields is not None:
        names = [field.name for field in fields if field.init and not field.metadata.get("runtime")]
        return {name: _to_json(getattr(observer, name)) for name in names}
    attributes, options = getattr(observer, "__dict__", {}), {}
    for name in inspect.signature(cls).parameters:
        for attribute in {name, f"_{name}"} & set(attributes):
            with contextlib.suppress(ObserverError):
                options[name] = _to_json(attributes[attribute])
    return options


def _to_json(value: Any) -> Any:
    """Return `value` as a JSON value that is the same in every process. Raises ObserverError for an unsupported type."""
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)  # as text, because NaN is not equal to itself
    if isinstance(value, str):
        return strip_folder_of_reference(value)  # the content of a file is compared by its SHA-256
    if value is None or isinstance(value, int | float | bool):
        return value
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _to_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted((_to_json(part) for part in value), key=repr)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    if attrs.has(type(value)):
        return {"class": type(value).__qualname__} | {
            f.name: _to_json(getattr(value, f.name))
            for f in attrs.fields(type(value))
            if f.init and not f.metadata.get("runtime")
        }
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}:{value.__qualname__}"
    raise ObserverError(
        f"an option of type {type(value).__name__} cannot be compared when the session is resumed: use text, numbers, lists "
        f"or a frozen attrs class, or mark it metadata=RUNTIME if responses do not depend on it"
    )


def describe_difference(old: Any, new: Any, prefix: str = "", *, form: str = "{name}was {old}, is now {new}") -> str:
    """Describe briefly how two JSON values differ. For two mappings, show only the keys whose values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        if len(keys) == 1:
            return describe_difference(old.get(keys[0]), new.get(keys[0]), f"{keys[0]} ", form=form)
        prefix, old, new = "", *({key: part.get(key) for key in keys} for part in (old, new))
    return form.format(name=prefix, old=str(old)[:80], new=str(new)[:80])
