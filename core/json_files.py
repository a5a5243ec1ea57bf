"""Read JSON files that this project wrote earlier and that another program may have changed.

A file is refused if it is not a regular file, is larger or more deeply nested than any file of this project, contains a key
twice, a number that is not finite, or text that is not valid Unicode. What the values mean is checked by the caller, with
`check_types` for their types.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.files import open_binary

MAX_BYTES = 256 << 20  # the record of a set of a million images has about 100 MiB
MAX_DEPTH = 100  # lists and objects inside one another
_NAMES: dict[type, str] = {
    dict: "an object", list: "a list", str: "text", int: "a whole number", float: "a number", bool: "true or false",
    type(None): "null",
}  # fmt: skip


class JsonError(ValueError):
    """Raised for content that is not acceptable JSON. The message completes a sentence that names the file."""


def read_json(path: Path, max_bytes: int = MAX_BYTES, *, finite: bool = True) -> Any:
    """Return the content of a JSON file.

    Args:
        path: The file.
        max_bytes: The largest size of the file that is accepted.
        finite: Whether numbers must be finite. Records of observers may contain NaN and infinity.

    Raises:
        OSError: If the file does not exist, is not a regular file, or cannot be read.
        JsonError: If the file is too large, or does not contain acceptable JSON.
    """
    with open_binary(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise JsonError(f"it has more than {max_bytes:,} bytes")
    return parse_json(content, finite=finite)


def parse_json(content: bytes | str, *, finite: bool = True) -> Any:
    """Return the value that a JSON text describes. Raises JsonError if the text is not acceptable (see `read_json`)."""
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_unique_keys, **(_FINITE if finite else {}))
    except JsonError:
        raise
    except UnicodeDecodeError as error:
        raise JsonError(f"it is not UTF-8 ({error.reason} at byte {error.start})") from None
    except RecursionError:
        raise JsonError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise JsonError(f"it is not JSON ({error})" if text.strip() else "it is empty") from None
    _check(value, 0)
    return value


def check_types(value: object, types: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """Return an object of a JSON file if it has the keys of `types` with values of these types.

    Further keys are allowed. A number that may have a decimal point has the types `(int, float)`; true and false are not
    numbers.

    Raises:
        JsonError: If the value is not an object, or if a key is missing or has a value of the wrong type.
    """
    if not isinstance(value, dict):
        raise JsonError(f"it contains {_name(value)}, expected an object with {', '.join(types)}")
    for key, expected in types.items():
        if key not in value:
            raise JsonError(f"it lacks the key {key!r}")
        kinds = expected if isinstance(expected, tuple) else (expected,)
        if type(value[key]) not in kinds:
            names = " or ".join(_NAMES[kind] for kind in kinds)
            raise JsonError(f"its {key} is {_name(value[key])}, expected {names}")
    return value


def _name(value: object) -> str:
    return _NAMES.get(type(value), type(value).__name__)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises JsonError if a key occurs twice."""
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        raise JsonError(f"it has the key {next(key for key in keys if keys.count(key) > 1)[:80]!r} twice")
    return result


def _finite(text: str) -> float:
    """Return a number. Raises JsonError if it is too large."""
    number = float(text)
    if not math.isfinite(number):
        raise JsonError(f"it has the number {text[:40]}, which is too large")
    return number


def _refuse_constant(text: str) -> float:
    raise JsonError(f"it has the value {text}, expected a finite number")


_FINITE: dict[str, Any] = {"parse_float": _finite, "parse_constant": _refuse_constant}


def _check(value: object, depth: int) -> None:
    """Raise JsonError if a value is nested too deeply or contains lone surrogates."""
    if depth > MAX_DEPTH:
        raise JsonError(f"it is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, part in value.items():
            _check(key, depth + 1)
            _check(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, depth + 1)
    elif isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise JsonError("it has text with a lone surrogate, which is not valid Unicode") from None
