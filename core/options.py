"""The options of a class or function, and the checks and conversions of the values that users give for them.

An option is a parameter that can be passed by name. If the type of a parameter is an attrs class, the fields of this class
are options instead, so that all options form one flat list: `-o draws=100 -o device=cpu`. If a field has the same name as
a parameter of the function itself, the option is the parameter.
"""

import dataclasses
import inspect
import os
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import evolve, frozen

from core.docstrings import describe_arguments
from core.errors import UnknownName, UserError

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@frozen
class Option:
    """An option of a class or function.

    Attributes:
        name: Name of the option.
        type: Declared type. An option without an annotation has the type of its default, or Any.
        default: Default value. None if the option is required or its default depends on other options; the description
            then says how.
        description: What the option means, from the docstring; empty if the docstring does not describe it.
        required: Whether users must set the option.
        runtime: Whether the option changes only how responses are computed, and not the responses.
        path: Names of the parameters that lead to the option: its own name, after the names of the parameters whose types
            are attrs classes.
    """

    name: str
    type: Any
    default: Any
    description: str
    required: bool
    runtime: bool
    path: tuple[str, ...]


def added_option(before: Callable[[Any], Any]) -> Mapping[str, Any]:
    """Return the metadata of an option that the sidecars of earlier versions do not contain.

    Args:
        before: Function that takes the object with the option and returns the value that describes how such an object
            responded before the option was added. A session of that time can be resumed only with this value.

    Example:
        >>> contrast: float = field(default=1.0, metadata=added_option(lambda observer: 1.0))
    """
    return {"before": before}


def options_of(
    function: Callable[..., object], *, n_positional: int = 0, types: Mapping[str, type] | None = None
) -> dict[str, Option]:
    """Return the options of a class or function, in the order of its signature.

    Args:
        function: The class or function.
        n_positional: Number of leading parameters that are not options, because the caller passes them by position.
        types: Classes to use in place of the annotations of parameters, for parameters that are annotated with a protocol.

    Returns:
        The options by name.

    Raises:
        UserError: If an annotation refers to a type that is not imported.

    Example:
        >>> options_of(Biased)["shape_bias"].description
        'Proportion of shape responses among the responses to a cue, 0 to 1.'
    """
    hints = _type_hints(function) | dict(types or {})
    descriptions, fields = describe_arguments(function), _fields(function)
    options: dict[str, Option] = {}
    for name, parameter in list(_parameters(function).items())[n_positional:]:
        default, required = _default(parameter, fields.get(name))
        hint = hints.get(name, _infer_type(default))
        if _is_nested(hint, default, required):
            for inner in options_of(hint).values():
                if not required:
                    inner = evolve(inner, default=_value(default, inner.path), required=False)
                options.setdefault(inner.name, evolve(inner, path=(name, *inner.path)))
        else:
            runtime = name in fields and bool(fields[name].metadata.get("runtime"))
            options[name] = Option(name, hint, default, descriptions.get(name, ""), required, runtime, (name,))
    return options


def call_with_options(
    function: Callable[..., Any],
    options: Mapping[str, Option],
    values: Mapping[str, Any],
    types: Mapping[str, type] | None = None,
) -> Any:
    """Call a class or function with the values of its options, and build the attrs objects that it takes.

    Args:
        function: The class or function.
        options: Its options, from `options_of`.
        values: Values by the name of the option. Options without a value keep their default.
        types: The same classes that were passed to `options_of`.

    Returns:
        What the class or function returns.
    """
    return _call(function, {options[name].path: value for name, value in values.items()}, types or {})


def _call(function: Callable[..., Any], values: Mapping[tuple[str, ...], Any], types: Mapping[str, type]) -> Any:
    """Call a class or function. `values` maps paths of parameters to values."""
    hints, fields, arguments = _type_hints(function) | dict(types), _fields(function), {}
    for name, parameter in _parameters(function).items():
        inner = {path[1:]: value for path, value in values.items() if path[0] == name}
        default, required = _default(parameter, fields.get(name))
        if () in inner:
            arguments[name] = inner[()]
        elif inner or (required and _is_nested(hints.get(name), default, required)):
            paths = [] if required else [option.path for option in options_of(hints[name]).values()]
            arguments[name] = _call(hints[name], {path: _value(default, path) for path in paths} | inner, {})
    return function(**arguments)


def parse_options(
    known: Mapping[str, Option], name: str, texts: Mapping[str, Any], values: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Convert options to the types that a class or function declares.

    Options of the types str, int, float, bool, Path, Literal, and unions, tuples and lists of these can be given as text.

    Args:
        known: The options that exist.
        name: Name of the class or function for error messages.
        texts: Options as text, by name, as a user writes them on the command line. An option that is not text is treated
            like those in `values`.
        values: Options as Python values, by name.

    Returns:
        The values of the options in `texts` and `values`, by name.

    Raises:
        UnknownName: If an option does not exist.
        UserError: If a required option is missing, or if a text or value does not have the declared type.
    """
    values = values or {}
    for option in (*texts, *values):
        if option not in known:
            raise UnknownName(f"option of {name}", str(option), known or ["(none)"])
    for option in texts.keys() & values.keys():
        raise UserError(
            f"{name}: the option {option} has two values, {texts[option]!r} and {values[option]!r}: omit one"
        )
    for option, declaration in known.items():
        if declaration.required and option not in texts and option not in values:
            raise UserError(f"{name} needs the option {option}: -o {option}=…")
    values = {**values, **{n: value for n, value in texts.items() if not isinstance(value, str)}}
    converted = {n: _convert(t, known[n].type, f"{name}, option {n}") for n, t in texts.items() if isinstance(t, str)}
    return converted | {n: _check(value, known[n].type, f"{name}, option {n}") for n, value in values.items()}


def describe_type(declared_type: Any) -> str:
    """Return the type of an option in words, such as "a whole number" or "exp, uniform or vdm"."""
    origin, members = get_origin(declared_type), get_args(declared_type)
    if origin in (Union, types.UnionType, Literal):
        words = [member if isinstance(member, str) else describe_type(member) for member in members]
        return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
    if origin in (tuple, list) and members:
        return f"a list, each {describe_type(members[0])}"
    names: dict[Any, str] = {
        bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path", tuple: "a list",
        list: "a list", dict: "a table", types.NoneType: "none", None: "none", Any: "any value",
    }  # fmt: skip
    name = names.get(declared_type)
    return name if name is not None else str(getattr(declared_type, "__name__", declared_type))


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a class or function that can be passed by name, in the order of its signature."""
    return {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def _type_hints(function: Callable[..., object]) -> dict[str, Any]:
    try:
        return get_type_hints(function.__init__ if inspect.isclass(function) else function)
    except NameError as error:
        name = getattr(function, "__qualname__", function)
        raise UserError(f"{name}: {error}; a type that annotates an option must be imported at run time") from None


def _fields(function: Any) -> dict[str, Any]:
    """Return the fields of an attrs class or dataclass by the names of the arguments; empty for anything else."""
    if not inspect.isclass(function):
        return {}
    if attrs.has(function):
        return {str(field.alias): field for field in attrs.fields(function)}
    return {field.name: field for field in dataclasses.fields(function)} if dataclasses.is_dataclass(function) else {}


def _default(parameter: inspect.Parameter, field: Any) -> tuple[Any, bool]:
    """Return the default of a parameter, and whether the parameter is required. A computed default is None."""
    if parameter.default is parameter.empty:
        return None, True
    factory: Any = getattr(field, "default", None)
    if isinstance(factory, attrs.Factory):  # type: ignore[arg-type]
        return (None if factory.takes_self else factory.factory()), False
    if isinstance(field, dataclasses.Field) and field.default_factory is not dataclasses.MISSING:
        return field.default_factory(), False
    return parameter.default, False


def _value(instance: Any, path: tuple[str, ...]) -> Any:
    """Return the value at a path of arguments in an attrs object, whose fields may be attrs objects."""
    for part in path:
        instance = getattr(instance, _fields(type(instance))[part].name)
    return instance


def _is_nested(hint: Any, default: Any, required: bool) -> bool:
    """Return whether the fields of a parameter's class are options, instead of the parameter itself."""
    return inspect.isclass(hint) and attrs.has(hint) and (required or isinstance(default, hint))


def _infer_type(default: object) -> Any:
    """Infer the type of an option without an annotation from its default; an integer default allows any number."""
    if isinstance(default, tuple | list) and default:
        return types.GenericAlias(type(default), (_infer_type(default[0]),))
    if default is None:
        return Any
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
    if declared_type is bool and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if declared_type in (int, float):
        with suppress(ValueError):
            number = declared_type(text)
            if number == number:  # a NaN is rejected, because every comparison with it is false
                return number
    if declared_type is Path:
        return Path(text).expanduser()
    values = get_args(declared_type)
    if declared_type in (bool, int, float) or (
        values and all(isinstance(v, str) for v in values) and text not in values
    ):
        raise UserError(f"{label}: expected {describe_type(declared_type)}, got {text!r}")
    return text


def _check(value: Any, declared_type: Any, label: str) -> Any:
    """Return `value` in the declared type, or raise UserError with `label` in front of the message.

    Types that cannot be checked, such as protocols, accept every value.
    """
    origin = get_origin(declared_type) or declared_type
    if origin in (Union, types.UnionType):
        for member in get_args(declared_type):
            with suppress(UserError):
                return _check(value, member, label)
    elif origin is Literal:
        if value in get_args(declared_type):
            return value
    elif origin in (int, float):
        number_class: type = Integral if origin is int else Real
        if isinstance(value, number_class) and not isinstance(value, bool) and value == value:  # not a NaN, as above
            with suppress(OverflowError):  # a whole number that is too large for a float
                return origin(value)
    elif origin is Path:
        if isinstance(value, str | os.PathLike):
            return Path(value).expanduser()
    elif origin in (tuple, list):
        if isinstance(value, tuple | list):
            member = next(iter(get_args(declared_type)), Any)
            return origin(_check(part, member, label) for part in value)
    elif (
        origin is Any
        or not inspect.isclass(origin)
        or getattr(origin, "_is_protocol", False)
        or isinstance(value, origin)
    ):
        return value
    raise UserError(f"{label}: expected {describe_type(declared_type)}, got {value!r}")
