"""Write a file or a folder atomically, so that other processes see either all of it or nothing, even after a crash."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import StimulusError
from core.files import check_regular


def partial_path(path: Path) -> Path:
    """Return the path `<path>.part` of the temporary file through which `path` is written."""
    return path.with_name(f"{path.name}.part")


@contextmanager
def replacing(path: Path, *, shared: bool = False, sync: bool = False) -> Iterator[Path]:
    """Yield the path of a temporary file, which replaces `path` when the block ends; create the folder if necessary.

    If the block raises an exception, the temporary file is deleted and `path` is not changed.

    Args:
        path: The file to write.
        shared: Whether several processes may write `path` at the same time. The name of the temporary file then contains
            the number of the process. Otherwise it is `partial_path(path)`.
        sync: Write the content to the disk before `path` is replaced, so that a power failure leaves the old file or the
            new one, and write the name of the file to the disk afterwards.

    Raises:
        OSError: If the file cannot be written. The error names `path` and not the temporary file.
        NotRegularFile: If `path` or the temporary file exists and is not a regular file, such as a named pipe.

    Example:
        >>> with replacing(Path("table.csv")) as partial:
        ...     table.to_csv(partial)
    """
    check_regular(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path.with_name(f"{path.name}.{os.getpid()}") if shared else path)
    if partial.is_symlink():
        partial.unlink()  # a killed run does not leave a link, which could lead anywhere
    check_regular(partial)
    try:
        yield partial
        if sync:
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        partial.replace(path)
        if sync:
            _sync_folder(path.parent)
    except OSError as error:
        if error.errno is None or str(error.filename) not in ("None", str(partial)):
            raise  # the error does not come from writing the file, but from something else in the block
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Write the names of the files in a folder to the disk, where the operating system and the file system support it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomically(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write `content` to `path` through a temporary file (see `replacing`). If this fails, the OSError names `path`."""
    with replacing(path, sync=sync) as partial:
        partial.write_bytes(content)


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
