"""Open regular files only, so that a program never waits for a named pipe or reads endlessly from a device.

A path that a user types, or that is in a folder of the user, may be a named pipe (FIFO), a device such as /dev/full, a
socket, a folder, or a link that leads to itself. Opening a named pipe waits until another program opens it as well. These
functions open a file without waiting, and refuse anything but a regular file or a link to one.
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_KINDS = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a named pipe"),
    (stat.S_ISSOCK, "it is a socket"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
)


class NotRegularFile(OSError):
    """Raised for a path that is not a regular file. `strerror` says what it is."""


def open_regular(path: Path | str, flags: int = os.O_RDONLY, mode: int = 0o666) -> int:
    """Open a regular file and return its descriptor.

    Args:
        path: The file, or a link to it.
        flags: The flags of `os.open`, such as `os.O_WRONLY | os.O_CREAT`.
        mode: The permissions of a file that is created.

    Raises:
        NotRegularFile: If the path is something else.
        OSError: If the file cannot be opened.
    """
    check_regular(path)
    descriptor = os.open(path, flags | _FLAGS, mode)
    try:
        _check(os.fstat(descriptor).st_mode, path)
    except NotRegularFile:
        os.close(descriptor)
        raise
    return descriptor


def open_binary(path: Path | str) -> BinaryIO:
    """Open a regular file for reading. Raises the errors of `open_regular`."""
    return open(open_regular(path), "rb")


def read_bytes(path: Path | str) -> bytes:
    """Return the content of a regular file. Raises the errors of `open_regular`."""
    with open_binary(path) as file:
        return file.read()


def read_text(path: Path | str, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return the text of a regular file, with line feeds as line endings.

    Raises the errors of `open_regular`, and UnicodeDecodeError if the file has another encoding.
    """
    with open(open_regular(path), encoding=encoding, errors=errors) as file:
        return file.read()


def check_regular(path: Path | str) -> None:
    """Raise NotRegularFile if the path exists and is not a regular file or a link to one, and OSError for a link loop."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    _check(mode, path)


def _check(mode: int, path: Path | str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((text for is_kind, text in _KINDS if is_kind(mode)), "it is not a regular file")
        raise NotRegularFile(errno.EINVAL, f"{kind}, expected a regular file", str(path))


def resolve(path: Path | str) -> Path:
    """Return the absolute path without links. Raises OSError for a link that leads to itself, as other operations do."""
    try:
        return Path(path).resolve()
    except RuntimeError:  # Python before 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
