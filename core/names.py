"""The rule for the names of stimuli, categories, conditions, cues, choices, experiments, observers and their measurements.

A name is one line of visible text in any language. It is checked before a session begins, and readers of trial logs accept
every name that follows the rule, so that whatever is written can be read.

- A name has 1 to MAX_NAME characters, at least one of which is a letter, a digit, a punctuation mark or a symbol. It does
  not begin or end with a space.
- Control characters (tab, line feed, escape, …), separators of lines, lone surrogates, private-use characters and
  noncharacters are not allowed, and neither are invisible characters such as U+200B ZERO WIDTH SPACE and the controls of
  writing direction.
- Persian, Hindi, emoji and other scripts need some characters that are invisible by themselves: U+200C, U+200D and the
  variation selectors. They are allowed after a character that is not ASCII, and U+200C and U+200D only if such a character
  also follows. They are not allowed within words of ASCII characters, where they would make two words look the same.
- Names are in the Unicode normalization form NFC. macOS may store file names in another form; `normalize` converts it.

Characters that this version of Python does not know yet are allowed, because they may be letters in a newer version of
Unicode.
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence

MAX_LISTED = 3  # largest number of names in a note
MAX_NAME = 1000  # characters
MAX_FILE_NAME = 255  # bytes, the limit of common file systems
JOINERS = "\u200c\u200d"  # ZERO WIDTH NON-JOINER and ZERO WIDTH JOINER
# Other characters that are not visible by themselves, although Unicode counts them as letters or marks.
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
_KEYCAPS = "0123456789#*"  # emoji begin with them, and a variation selector follows
_NAMES = {
    "\0": "NULL", "\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x1b": "ESCAPE", "\x7f": "DELETE",
    "\x85": "NEXT LINE", "\x08": "BACKSPACE", "\x07": "BELL", "\v": "VERTICAL TAB", "\f": "FORM FEED",
}  # fmt: skip
_CATEGORIES = {
    "Cc": "a control character", "Cs": "a lone surrogate, which comes from text that is not valid Unicode",
    "Co": "a private-use character", "Cn": "a noncharacter",
}  # fmt: skip
# Names of devices in Windows, which files and folders there cannot have, even with a suffix.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_SPECIAL_IN_PATHS = '/\\:*?"<>|'  # characters that some operating systems do not allow in file names


def normalize(text: str) -> str:
    """Return a text in the Unicode normalization form NFC, in which equal names have equal characters."""
    return unicodedata.normalize("NFC", text)


def name_problem(name: object) -> str:
    """Return the reason why a text cannot be used as a name, or "" if it can be used.

    The reason completes a sentence that begins with the name.

    Example:
        >>> name_problem("Hund"), name_problem("cat\\t")
        ('', 'contains U+0009 TAB, which is not allowed in names')
    """
    if not isinstance(name, str):
        return f"is not text but {type(name).__name__}"
    if not name:
        return "is empty"
    if len(name) > MAX_NAME:
        return f"has {len(name):,} characters, and a name has at most {MAX_NAME:,}"
    if name.isascii() and name.isprintable():
        return "begins or ends with a space" if name.strip() != name else ""
    if character := forbidden_character(name):
        return f"contains {describe_character(character)}, which is not allowed in names"
    if name.strip() != name:
        return "begins or ends with a space"
    if not any(unicodedata.category(c)[0] in "LNPS" or unicodedata.category(c) == "Cn" for c in name):
        return "does not contain a visible character"
    return ""


def forbidden_character(text: str) -> str:
    """Return the first character of a text that is not allowed in names, or ""."""
    for i, character in enumerate(text):
        if character in JOINERS or is_variation_selector(character):
            before, after = text[i - 1 : i], text[i + 1 : i + 2]
            is_allowed = bool(before) and (not before.isascii() or (before in _KEYCAPS and character == "\ufe0f"))
            if is_allowed and character in JOINERS:
                is_allowed = bool(after) and not after.isascii() and after not in JOINERS and before not in JOINERS
        else:
            is_allowed = _is_visible(character)
        if not is_allowed:
            return character
    return ""


def is_variation_selector(character: str) -> bool:
    """Return whether a character selects a variant of the character before it, such as the colored form of an emoji."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _is_visible(character: str) -> bool:
    """Return whether a character can be seen, or is a space within a line, or is not known to this version of Python."""
    category = unicodedata.category(character)
    if category == "Cn":
        return not (ord(character) & 0xFFFE == 0xFFFE or "\ufdd0" <= character <= "\ufdef")
    return category not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and character not in _FILLERS


def describe_character(character: str) -> str:
    """Return the number and the name of a character, such as "U+200B ZERO WIDTH SPACE"."""
    name = _NAMES.get(character) or unicodedata.name(character, "")
    name = name or f"({_CATEGORIES.get(unicodedata.category(character), 'without a name')})"
    return f"U+{ord(character):04X} {name}"


def is_readable(text: str) -> bool:
    """Return whether a reader of trial logs accepts a text: it follows the rule for characters, or is printable in Python.

    Readers are more lenient than `name_problem`, because logs with names that are not allowed anymore must stay readable.
    """
    return text.isprintable() or not forbidden_character(text)


def file_name_problem(name: str) -> str:
    """Return the reason why some operating systems do not allow a name for files and folders, or "" if all allow it.

    The reason completes a sentence that begins with the name.
    """
    if problem := name_problem(name):
        return problem
    special = next((character for character in name if character in _SPECIAL_IN_PATHS), None)
    if special is not None:
        return f"contains {special}, which some operating systems do not allow in file names"
    if name.endswith("."):
        return "ends with a dot, which some operating systems do not allow in file names"
    if is_device(name):
        return "is the name of a device in Windows"
    n_bytes = len(name.encode())
    return f"has {n_bytes} bytes, and a file name has at most {MAX_FILE_NAME}" if n_bytes > MAX_FILE_NAME else ""


def is_device(name: str) -> bool:
    """Return whether a name, with or without a suffix, is that of a device in Windows, such as `con` or `nul.txt`."""
    return name.partition(".")[0].rstrip().casefold() in _DEVICES


def abbreviate(names: Sequence[str], n: int = MAX_LISTED) -> str:
    """Return the first n names as text, followed by the number of the other names, as in "a, b, c and 4 more"."""
    return ", ".join(names[:n]) + (f" and {len(names) - n} more" if len(names) > n else "")


def group_similar(names: Iterable[str], key: Callable[[str], str] = str.casefold) -> list[list[str]]:
    """Return the groups of different names with the same key; by default, names that differ only in upper and lower case.

    Example:
        >>> group_similar(["cat", "dog", "Cat"])
        [['Cat', 'cat']]
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(key(name), set()).add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]
