"""The spelling of texts in files of trials: spaces, missing values, upper and lower case, and the names of images.

The functions do not know in which file a text is. All code that reads trials uses them, so that a text has one meaning in
our own logs, in the files of model-vs-human, in recordings that are replayed, and in tables that are imported.
"""

import re
import unicodedata
from collections.abc import Iterable, Set

# Texts that mean a missing value in files of other projects, in lower case. `None` does so only with a capital, since `none`
# may be a condition or a category.
MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null"})
WITH_FOLDER = 2  # parts of a path: the name of the last folder and that of the file
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:|\w+://")
_BLANKS = " \t\r\n\v\f\u00a0\u2007\u202f\u200b\ufeff"  # including non-breaking and zero-width spaces


def clean(text: str) -> str:
    """Return a text without spaces at its ends, in the Unicode form NFC, because macOS may write another form."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip(_BLANKS)


def is_missing(text: str) -> bool:
    """Return whether a text of another project means a missing value."""
    return text.lower() in MISSING or text == "None"


def spell(text: str, words: Set[str]) -> str | None:
    """Return the only one of `words` that equals a text except for upper and lower case, or None."""
    if text in words:
        return text
    same = [word for word in words if word.casefold() == text.casefold()]
    return same[0] if len(same) == 1 else None


def has_folder(name: str) -> bool:
    """Return whether the name of an image contains a folder, as in `stimuli/cat/cat1.png` and `stimuli\\cat1.png`."""
    return "/" in name or "\\" in name


def last_parts(path: str, n: int) -> str:
    """Return the last `n` parts of a path, separated by `/`."""
    return "/".join(_parts(path)[-n:]) or path


def file_of(name: str) -> str:
    """Return the name of an image without its folders."""
    return last_parts(name, 1) if has_folder(name) else name


def n_parts_of(paths: Iterable[str]) -> int:
    """Return how many parts at the end of paths distinguish the images.

    Relative paths are the same on all computers, so that different paths are different images. Absolute paths may lead to
    the same image on different computers, so that only the last folder distinguishes images.
    """
    paths = list(paths)
    relative = {_parts(path) for path in paths if not _ABSOLUTE.match(path)}
    n, longest = 1, max(map(len, relative), default=1)
    while n < longest and len({parts[-n:] for parts in relative}) < len(relative):
        n += 1
    ends = {_parts(path)[-WITH_FOLDER:] for path in paths if _ABSOLUTE.match(path)}
    return max(n, WITH_FOLDER) if len({parts[-1:] for parts in ends}) < len(ends) else n


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))
