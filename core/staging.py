"""Replace the files of a folder together: the new files are moved into place when all of them are complete.

The files are written into the folder `.writing` inside the output folder. When it is complete, it is renamed to `.ready`,
and its files replace those in the output folder one by one. If the program is killed before the renaming, the output folder
has not changed, and the next run removes `.writing`. If it is killed afterwards, the next run first moves the files that
remain.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from core.errors import UserError
from core.files import check_regular

WRITING, READY, LOCK = ".writing", ".ready", ".lock"
_OBSOLETE = ".obsolete"  # file in WRITING with the names of files to remove


@contextmanager
def staged_files(out: Path, obsolete: Callable[[Path], Iterable[str]] = lambda new: ()) -> Iterator[Path]:
    """Yield an empty folder, whose files replace those of the output folder when the block ends.

    If the block raises an exception, the output folder is not changed. Only one process at a time can write into an output
    folder.

    Args:
        out: The output folder, which is created if necessary. Its other files stay.
        obsolete: Function that takes the folder with the new files and returns the names of files to remove, relative to
            the output folder, such as those of an earlier run.

    Raises:
        UserError: If another process is writing into the output folder.
        OSError: If a file cannot be written.

    Example:
        >>> with staged_files(Path("report")) as folder:
        ...     (folder / "index.html").write_text(html)
    """
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    check_regular(out / LOCK)
    lock = filelock.FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise UserError(
            f"another command is writing into {out}: wait until it ends, or choose another folder"
        ) from None
    try:
        _move_ready_files(out)
        writing = out / WRITING
        _remove(writing)
        writing.mkdir()
        try:
            yield writing
            names = [name for name in obsolete(writing) if not (writing / name).exists()]
            (writing / _OBSOLETE).write_text("".join(f"{name}\n" for name in names), "utf-8", newline="\n")
            writing.rename(out / READY)
            _move_ready_files(out)
        except OSError as error:
            if error.errno is None or error.filename is not None:
                raise
            raise OSError(error.errno, error.strerror, str(out)) from None  # an error of `write` does not name the file
        finally:
            _remove(writing)
    finally:
        with suppress(OSError):
            (out / LOCK).unlink()  # while it is locked, so that no other process has locked the same file
        lock.release()
        if is_new:
            with suppress(OSError):  # it is not empty
                out.rmdir()


def _move_ready_files(out: Path) -> None:
    """Move the files of a complete set to their places, and remove obsolete files."""
    ready = out / READY
    if not (ready / _OBSOLETE).is_file() or ready.is_symlink():
        _remove(ready)
        return
    for path in sorted(path for path in ready.rglob("*") if path.is_file() and path != ready / _OBSOLETE):
        target = out / path.relative_to(ready)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    for name in (ready / _OBSOLETE).read_text("utf-8").splitlines():
        path = out / name
        is_inside = not Path(name).is_absolute() and ".." not in Path(name).parts
        if is_inside and (path.is_file() or path.is_symlink()):
            path.unlink()
    _remove(ready)


def _remove(folder: Path) -> None:
    """Remove a folder with its files, or a file or link of this name, if it exists."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
