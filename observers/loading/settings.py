"""Read the settings of a model, such as its config.json, and check the whole numbers in them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import ObserverError

MAX_INTEGER = 2**31  # no setting of a network is larger
MORE_LAYERS = 1000  # some settings count layers that a small model does not have
MAX_TOKENS = 2**16  # per image
_LAYERS = re.compile(r"(.*_)?(layers?|depths?|layers_per_block|res_blocks)")
_TOKENS = re.compile(r"seq_len|image_tokens|tokens_per|image_token_num")


def read_settings(path: Path, observer: str) -> dict[str, Any]:
    """Read a JSON file of a model. Raises ObserverError if it cannot be read or is not an object."""
    try:
        settings = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ObserverError(f"{observer}: {path} cannot be read ({error}): download the file again") from None
    if not isinstance(settings, dict):
        raise ObserverError(
            f"{observer}: {path} is not a configuration: expected a JSON object, got {type(settings).__name__}; download "
            f"the file again"
        )
    return settings


def check_numbers(settings: Mapping[str, Any], n_tensors: int, path: Path, observer: str) -> None:
    """Check the whole numbers in the settings of a model, including those in nested settings.

    Args:
        settings: The settings in its config.json.
        n_tensors: Number of tensors in its weights.
        path: The path of the config.json, for error messages.
        observer: Name of the observer, for error messages.

    Raises:
        ObserverError: If a number is too large for any network, or if a number of layers is larger than the number of
            tensors in the weights.
    """
    for key, value in _iter_integers(settings):
        if abs(value) >= MAX_INTEGER:
            raise ObserverError(
                f"{observer}: {path} has {key} {_shorten(value)}: expected a number below {MAX_INTEGER:,}; download the "
                f"file again"
            )
        if _LAYERS.fullmatch(key) and value > max(n_tensors, MORE_LAYERS):
            raise ObserverError(
                f"{observer}: {path} has {key} {value}, but the weights consist of {n_tensors} tensors: use the "
                f"config.json and the weights of the same model"
            )


def check_token_counts(settings: Mapping[str, Any], path: Path, observer: str) -> None:
    """Check the numbers of tokens that stand for an image, which a processor adds to every prompt.

    The arguments are those of `check_numbers`, for the settings of a processor.

    Raises:
        ObserverError: If a number is larger than any model supports.
    """
    for key, value in _iter_integers(settings):
        if _TOKENS.search(key) and value > MAX_TOKENS:
            raise ObserverError(
                f"{observer}: {path} has {key} {_shorten(value)}: expected up to {MAX_TOKENS:,} tokens per image; download "
                f"the file again"
            )


def _iter_integers(value: Any, key: str = "") -> Iterator[tuple[str, int]]:
    """Yield all whole numbers in a JSON value, each with the nearest key above it."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _iter_integers(part, str(name))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _iter_integers(part, key)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield key, value


def _shorten(value: int) -> str:
    """Return a large number in scientific notation."""
    digits = str(abs(value))
    return f"{'-' * (value < 0)}{digits[0]}.{digits[1]}e{len(digits) - 1}"
