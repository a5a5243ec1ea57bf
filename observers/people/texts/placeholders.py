"""Placeholders such as {n_trials} in a text: finding, checking and replacing them. {{ and }} stand for braces."""

import re
from collections.abc import Callable, Mapping

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class PlaceholderError(ValueError):
    """Raised for braces that are not a placeholder."""


def find_placeholders(text: str) -> set[str]:
    """Return the names of all placeholders in a text. Raises PlaceholderError for an unpaired brace."""
    names = set()
    for token in _TOKEN.finditer(text):
        if token[0] in ("{", "}"):
            raise PlaceholderError(
                f"the brace {token[0]} is not part of a placeholder; write {2 * token[0]} for a brace"
            )
        if token[1] is not None:
            names.add(token[1])
    return names


def fill(text: str, values: Mapping[str, str], *, convert: Callable[[str], str] = str, partly: bool = False) -> str:
    """Replace the placeholders in a text by values.

    Args:
        text: The text.
        values: The values by the names of their placeholders.
        convert: Function that is applied to the literal parts of the text, and to the values.
        partly: Whether placeholders without a value are kept as {name}, and doubled braces as well, for a program that
            replaces them later.

    Raises:
        KeyError: If a placeholder does not have a value, unless `partly` is set.
    """
    parts, position = [], 0
    for token in _TOKEN.finditer(text):
        parts.append(convert(text[position : token.start()]))
        position = token.end()
        if token[1] is None:
            parts.append(token[0] if partly else token[0][0])
        elif partly and token[1] not in values:
            parts.append(token[0])
        else:
            value = convert(values[token[1]])
            parts.append(value.replace("{", "{{").replace("}", "}}") if partly else value)
    return "".join([*parts, convert(text[position:])])
