"""Write a file, or a folder of them, whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stimuli.errors import StimulusError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path` and move it there, making the folder. One process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None  # in the middle of a write it names no file


def make_folder_atomically(folder: Path, make: Callable[[Path], None], sign: str) -> None:
    """Have `make` fill a folder, unless it is there with the file `sign` in it. Raises StimulusError if it is damaged."""
    if (folder / sign).is_file():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        make(beside)
        os.rename(beside, folder)  # in one step, so that another process sees all of it or nothing
    except OSError as error:
        if folder.is_dir() and not (folder / sign).is_file():
            raise StimulusError(f"{folder} is damaged, it has no {sign}: remove it, it will be made anew") from error
        if not folder.is_dir():  # else another process was first, with the same content
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
