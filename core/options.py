"""Convert options, which users write as text, into the types that a class or function declares."""

import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from core.errors import UnknownName, UserError


def options_of(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class or function that can be passed by name, in the order of its signature."""
    return {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def parse_options(
    function: Callable[..., object], name: str, options: Mapping[str, str], n_positional: int
) -> dict[str, Any]:
    """Convert options given as text into the types that the parameters of a class or function declare.

    A parameter without an annotation has the type of its default. Supported types are str, int, float, bool, Path,
    Literal, and unions, tuples and lists of these.

    Args:
        function: The class or function that will be called with the options.
        name: Name of the class or function for error messages.
        options: Names and values of the options as the user wrote them.
        n_positional: Number of leading parameters that are not options, because the caller passes them by position.

    Returns:
        Keyword arguments for `function`.

    Raises:
        UnknownName: If an option is not a parameter of `function`.
        UserError: If a required option is missing, or a value does not have the declared type.
    """
    known = dict(list(options_of(function).items())[n_positional:])
    try:
        hints = get_type_hints(function.__init__ if inspect.isclass(function) else function)
    except NameError as error:
        raise UserError(f"{name}: {error}; a type that annotates an option must be imported at run time") from None
    for option in options:
        if option not in known:
            raise UnknownName(f"option of {name}", option, known or ["(none)"])
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise UserError(f"{name} needs the option {option}: -o {option}=…")
    return {
        option: _convert(text, hints.get(option, _infer_type(known[option].default)), f"{name}, option {option}")
        for option, text in options.items()
    }


def _infer_type(default: object) -> Any:
    """Infer the type of an option without an annotation from its default; an integer default allows any number."""
    if isinstance(default, tuple | list) and default:
        return types.GenericAlias(type(default), (_infer_type(default[0]),))
    if default is None or default is inspect.Parameter.empty:
        return str
    return Union[int, float] if type(default) is int else type(default)  # noqa: UP007, a value and not an annotation


def _convert(text: str, declared_type: Any, label: str) -> Any:
    """Convert `text` to the declared type, or raise UserError with `label` in front of the message."""
    if get_origin(declared_type) in (Union, types.UnionType):
        members = [member for member in get_args(declared_type) if member is not type(None)]
        if len(members) < len(get_args(declared_type)) and text.lower() in ("", "none"):
            return None
        for member in members[:-1]:
            with suppress(UserError):
                return _convert(text, member, label)
        return _convert(text, members[-1], label)
    if declared_type in (tuple, list) or get_origin(declared_type) in (tuple, list):
        member = next(iter(get_args(declared_type)), str)
        return (get_origin(declared_type) or declared_type)(
            _convert(part.strip(), member, label) for part in text.split(",")
        )
    if declared_type is bool:
        words: Iterable[str] = ("true", "yes", "1"), ("false", "no", "0")  # type: ignore[assignment]
        for value, names in zip((True, False), words, strict=True):
            if text.lower() in names:
                return value
        raise UserError(f"{label}: expected true or false, got {text!r}")
    if declared_type in (int, float):
        try:
            value = declared_type(text)
            if value != value:  # reject NaN, because every comparison with it is false
                raise ValueError
            return value
        except ValueError:
            number = "a whole number" if declared_type is int else "a number"
            raise UserError(f"{label}: expected {number}, got {text!r}") from None
    if declared_type is Path:
        return Path(text).expanduser()
    values = get_args(declared_type)
    if values and all(isinstance(value, str) for value in values) and text not in values:
        raise UserError(f"{label}: expected {' or '.join(values)}, got {text!r}")
    return text
