"""Write a file or a folder atomically, so that other processes see either all of it or nothing."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.errors import StimulusError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path` through a temporary file `<path>.part`, creating the folder if necessary.

    Only one process at a time may write a given path. If writing fails, the OSError that is raised names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        # The original error of a failed write does not contain the name of the file.
        raise OSError(error.errno, error.strerror, str(path)) from None


def make_folder_atomically(folder: Path, fill: Callable[[Path], None], marker: str) -> None:
    """Create `folder` with the files that `fill` writes, unless it already exists and contains the file `marker`.

    `fill` receives a temporary folder, which is renamed to `folder` when it is complete. Several processes may call
    this function for one folder at the same time if they write the same content. Raise StimulusError if the folder
    exists without `marker`.
    """
    if (folder / marker).is_file():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        fill(temporary)
        os.rename(temporary, folder)
    except OSError as error:
        if folder.is_dir() and not (folder / marker).is_file():
            raise StimulusError(
                f"{folder} is damaged because {marker} is missing: remove the folder, and it will be created again"
            ) from error
        if not folder.is_dir():  # if the folder exists, another process has created it with the same content
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
