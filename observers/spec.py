"""The description of an observer, from which another process or a later session can make the same observer.

The description consists of the name and the options, as users write them. It never contains weights. The function
`observers.registry.make_observer` accepts it.
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from attrs import field, frozen

from core.errors import ObserverError
from core.paths import strip_folder, without_folders


def _check_options(instance: "ObserverSpec", attribute: Any, options: object) -> None:
    if not isinstance(options, Mapping):
        raise ObserverError(f'options must be a mapping, such as {{"seed": "3"}}; got {options!r:.80}')
    for name, value in options.items():
        if not _is_plain(value):
            raise ObserverError(
                f"the option {name} of {instance.name} has the type {type(value).__name__}: an observer can be made in "
                f"another process only if its options are text, numbers, paths, or lists of these"
            )


def _is_plain(value: object) -> bool:
    """Return whether an option can be written in JSON and read back."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | bool | int | float | PurePath)


@frozen
class ObserverSpec:
    """The name and the options of an observer.

    Attributes:
        name: A name as for `make_observer`.
        options: The options by name, as text or as Python values.
        file_sha256: For FILE.py:NAME, the SHA-256 of the file if it is known. `make_observer` refuses a file with a
            different SHA-256.

    Raises:
        ObserverError: If an option is an object that cannot be written in JSON.

    Example:
        >>> spec = ObserverSpec("biased", {"shape_bias": 0.9})
        >>> make_observer(spec).name
        'biased'
    """

    name: str
    options: Mapping[str, Any] = field(factory=dict, validator=_check_options)
    file_sha256: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the description for the sidecar of a log. For privacy, paths are shortened to their last part."""
        scheme, colon, argument = self.name.partition(":")
        is_folder = bool(re.match(r"[.~/\\]", argument)) and ".py:" not in self.name
        name = f"{scheme}{colon}./{strip_folder(argument.rstrip('/'))}" if is_folder else without_folders(self.name)
        options = {key: _shorten(value) for key, value in self.options.items()}
        return {"name": name, "options": options} | ({"file_sha256": self.file_sha256} if self.file_sha256 else {})


def _shorten(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_shorten(part) for part in value]
    return value.name if isinstance(value, PurePath) else without_folders(value)


def spec_of_sidecar(sidecar: Mapping[str, Any], folder: Path | str = ".") -> ObserverSpec:
    """Return the description of the observer of a log.

    Args:
        sidecar: The contents of the sidecar (see `experiments.log.read_sidecar`).
        folder: Folder that contains FILE.py, local weights or recordings. A sidecar has only the last part of a path.

    Returns:
        The description. `make_observer` imports FILE.py only if its SHA-256 is the one in the sidecar.

    Raises:
        ObserverError: If the sidecar does not contain the description, because the log was written by an earlier version
            or by a program that passed an object.
    """
    spec = sidecar.get("spec")
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise ObserverError(
            "the sidecar lacks the name and options of the observer, because the log was written by an earlier version or "
            "by a program that passed an object instead of a name: make the observer with make_observer"
        )
    name = str(spec["name"])
    if re.fullmatch(r"[^/\\:]+\.py:[\w.]+", name):
        name = str(Path(folder) / name)
    elif ":./" in name:
        name = name.replace(":./", f":{Path(folder).absolute()}/", 1)
    sha256 = spec.get("file_sha256")
    return ObserverSpec(name, dict(spec.get("options") or {}), sha256 if isinstance(sha256, str) else None)
