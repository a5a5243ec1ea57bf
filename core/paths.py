"""Paths as text: without folder names, because a folder may contain the name of a user or of a computer, and in Unicode."""

import os
import re
from typing import Any

from core.errors import UserError

# All but the last part of a path that begins at a root, home, drive or share, or with a dot. It may follow a prefix such
# as `recorded:`. Names such as `owner/repository` and web addresses are not paths.
_FOLDERS = re.compile(
    r"""(?<![\w/\\.])(?!(?<=:)//[^/])(?:~\w*|[A-Za-z]:|\.{1,2})?(?:[/\\]+[^\s/\\:;,"'][^/\\:;,"']*)*[/\\]+(?=[^/\\\s])"""
)
_FILE_REFERENCE = re.compile(r".*[/\\][^/\\]+\.py:\w+")


def strip_folder(path: str) -> str:
    """Return the last part of a path or of a reference such as FILE.py:NAME, whichever slashes it has."""
    return path.replace("\\", "/").rpartition("/")[2]


def strip_folder_of_reference(text: str) -> str:
    """Return a reference FILE.py:NAME without the folder of the file, and any other text unchanged."""
    return strip_folder(text) if _FILE_REFERENCE.fullmatch(text) else text


def without_folders(value: Any) -> Any:
    """Return a value in which all paths within texts, also in nested lists and dicts, are shortened to their last part."""
    if isinstance(value, dict):
        return {name: without_folders(part) for name, part in value.items()}
    if isinstance(value, list):
        return [without_folders(part) for part in value]
    return _FOLDERS.sub("", value) if isinstance(value, str) else value


def check_unicode(path: str | os.PathLike[str]) -> None:
    """Raise UserError if the name of a file or folder in a path is not Unicode, so that tables and pages cannot contain it.

    Python reads bytes of a path that are not valid UTF-8 as lone surrogates. Old archives and file systems have such names.
    """
    text = os.fspath(path)
    if to_unicode(text) != text:
        raise UserError(
            f"{to_unicode(text)}: the name of this file, or of a folder in its path, is not in the encoding UTF-8: rename it"
        )


def to_unicode(text: str) -> str:
    """Return text in which each lone surrogate is replaced with a question mark, so that the text can be encoded."""
    return text.encode("utf-8", "replace").decode()
