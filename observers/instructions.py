"""The question that an experiment asks about each image, which people and vision-language models get as text.

The three questions with names are those of Gavrikov et al. (2025, "Can We Talk Models Into Seeing the World Differently?",
ICLR): the neutral question, and the two that steer the response to the shape or to the texture of the image.
"""

import unicodedata
from collections.abc import Mapping

from core.errors import UnknownName, UserError

INSTRUCTIONS: Mapping[str, str] = {
    "object": "Which option best describes the image?",
    "shape": "Identify the primary shape in the image.",
    "texture": "Identify the primary texture in the image.",
}
DEFAULT_INSTRUCTION = INSTRUCTIONS["object"]
MAX_LENGTH = 2000  # characters
JOINERS = "\u200c\u200d"  # invisible characters that Persian, Hindi and some emoji need


def parse_instruction(text: str) -> str:
    """Return the instruction that a name in INSTRUCTIONS stands for, or the text itself.

    Args:
        text: A name such as "shape", or a question or request of several words. Languages that are written without
            spaces, such as Japanese, may have a single word.

    Raises:
        UnknownName: If the text is a single word of ASCII characters that is not one of the names.
        UserError: If the text is empty, has more than MAX_LENGTH characters, or contains unprintable characters.
    """
    text = text.strip()
    if text in INSTRUCTIONS:
        return INSTRUCTIONS[text]
    if text.isascii() and len(text.split()) == 1:
        raise UnknownName("instruction", text, INSTRUCTIONS, "Your own instruction needs more than one word.")
    check_instruction(text)
    return text


def check_instruction(text: object) -> None:
    """Raise UserError unless the text can be shown to people and sent to a model."""
    expected = f"expected 1 to {MAX_LENGTH} printable characters on one line"
    if not isinstance(text, str) or not text.strip() or not all(map(_is_allowed, text)):
        raise UserError(f"the instruction {str(text)[:80]!r} cannot be used: {expected}")
    if len(text) > MAX_LENGTH:
        raise UserError(f"the instruction {text[:40]!r}… has {len(text):,} characters: {expected}")


def _is_allowed(character: str) -> bool:
    """Return whether a character is printable, a space of any width, or one of JOINERS."""
    return character.isprintable() or unicodedata.category(character) == "Zs" or character in JOINERS
