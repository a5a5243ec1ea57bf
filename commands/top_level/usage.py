"""Messages for values that an option or argument does not accept, in the words of this project.

typer checks values with pydantic, whose messages, such as "Input should be a valid integer, unable to parse string as an
integer", do not contain the value.
"""

import re

import typer

_WORDS = (
    (r"Value error, ('.*') is not one of (.*?)\.?", r"expected \2"),
    (r"Value error, (.*)", r"\1"),
    (r"Input should be a valid integer.*", "expected a whole number"),
    (r"Input should be a valid number.*", "expected a number"),
    (r"Input should be greater than or equal to (.*)", r"expected \1 or more"),
    (r"Input should be less than or equal to (.*)", r"expected \1 or less"),
    (r"Input should be (.*)", r"expected \1"),
)  # fmt: skip


def reword(error: typer.BadParameter) -> None:
    """Replace a message of pydantic in place: it says what was expected, and the value that was given."""
    for pattern, words in _WORDS:
        if (match := re.fullmatch(pattern, error.message)) is not None:
            error.message = match.expand(words).replace("', '", "' or '") + _value(error)
            return


def _value(error: typer.BadParameter) -> str:
    """Return the value that was not accepted as the end of a sentence, or "" if pydantic does not tell it."""
    details = getattr(error.__cause__, "errors", None)
    first = details()[0] if callable(details) else {}
    return f", got {first['input']!r:.80}" if "input" in first else ""
