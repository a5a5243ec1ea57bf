"""Placeholders in a text: finding, checking and replacing them.

{n_trials} is replaced by a value. {n_trials:picture|pictures} is replaced by the first word, or words, if the value is 1,
and otherwise by the second. {{ and }} stand for braces.
"""

import re
from collections.abc import Callable, Mapping

from observers.people.texts.rules import NUMBERS

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FORMS = re.compile(r"(\w+):([^|*\[\]]*)\|([^|*\[\]]*)")  # without Markdown, which would divide the placeholder


class PlaceholderError(ValueError):
    """Raised for braces that are not a placeholder."""


def find_placeholders(text: str) -> set[str]:
    """Return the names of all placeholders in a text.

    The content of braces that are neither {name} nor the singular and plural for a number is returned as it is written.
    Raises PlaceholderError for an unpaired brace.
    """
    names = set()
    for token in _TOKEN.finditer(text):
        if token[0] in ("{", "}"):
            raise PlaceholderError(
                f"the brace {token[0]} is not part of a placeholder; write {2 * token[0]} for a brace"
            )
        if token[1] is not None:
            forms = _FORMS.fullmatch(token[1])
            names.add(forms[1] if forms and forms[1] in NUMBERS else token[1])
    return names


def fill(text: str, values: Mapping[str, str], *, convert: Callable[[str], str] = str) -> str:
    """Replace the placeholders in a text by values.

    Args:
        text: The text.
        values: The values by the names of their placeholders.
        convert: Function that is applied to the literal parts of the text, and to the values.

    Raises:
        KeyError: If a placeholder does not have a value.
    """
    parts, position = [], 0
    for token in _TOKEN.finditer(text):
        parts.append(convert(text[position : token.start()]))
        position = token.end()
        if token[1] is None:
            parts.append(token[0][0])
        elif forms := _FORMS.fullmatch(token[1]):
            parts.append(convert(forms[2] if values[forms[1]] == "1" else forms[3]))
        else:
            parts.append(convert(values[token[1]]))
    return "".join([*parts, convert(text[position:])])
