"""Add the same options to several commands, which get their values as one object."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any


def add_options(
    command: Callable[..., None], options: Mapping[str, tuple[Any, Any]], parameter: str, make: Callable[..., Any],
    position: int | None = None,
) -> Callable[..., None]:  # fmt: skip
    """Return a command with further options.

    Args:
        command: The command. Its parameter `parameter` gets the object that `make` returns.
        options: The annotation and the default value of every option by its name.
        parameter: Name of the parameter.
        make: Function that takes the values of the options by name.
        position: Number of parameters before the options (default: the options are the last ones).
    """
    signature = inspect.signature(command)

    @wraps(command)
    def wrapped(**values: Any) -> None:
        command(**{parameter: make(**{name: values.pop(name) for name in options})}, **values)

    kept = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, each in signature.parameters.items()
        if name != parameter
    ]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]
    first = len(kept) if position is None else position
    # Decorators that are applied later add parameters without a default value, which stay last.
    parameters = [*kept[:first], *added, *kept[first:]]
    wrapped.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    annotations = {name: annotation for name, annotation in command.__annotations__.items() if name != parameter}
    wrapped.__annotations__ = annotations | {name: annotation for name, (annotation, _) in options.items()}
    return wrapped
