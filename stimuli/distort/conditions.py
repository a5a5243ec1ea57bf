"""Convert the text of a condition into the level of a distortion. Each function raises ValueError for an invalid text."""

import re
from collections.abc import Callable


def accept_only(*words: str) -> Callable[[str], str]:
    """Return a function that accepts only these words, which are the levels themselves."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return parse


def parse_number(text: str) -> float:
    """Read a plain decimal number or `inf`; float() would also accept texts such as `1_0` and `nan`."""
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?|-?\.[0-9]+|inf", text):
        raise ValueError
    return float(text)


def parse_contrast(text: str) -> float:
    """Convert text such as `c30` into the contrast 0.3."""
    if not text.startswith("c"):
        raise ValueError
    return parse_number(text[1:]) / 100


def parse_eidolon_level(text: str) -> tuple[float, float, float]:
    """Convert text such as `8-3-10` into the reach 8, the coherence 0.3 and the grain 10."""
    reach, coherence, grain = map(parse_number, text.split("-"))
    return reach, coherence / 10, grain


def parse_number_or_text(text: str) -> float | str:
    """Return the text as a number if possible, and unchanged otherwise, as the level of a user's function."""
    try:
        return parse_number(text)
    except ValueError:
        return text
