"""The address of a dask scheduler, which may be in a file that the scheduler has written.

Any user who can connect to a scheduler can run programs as the user who started its workers. A file that other users can
change is therefore refused, because they could replace the address with that of their own scheduler.
"""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from core.errors import UserError, describe_os_error
from core.json_files import JsonError, read_json

MAX_BYTES = 1 << 20  # largest size of a scheduler file
POLL_SECONDS = 0.2
TELL_SECONDS = 2.0  # wait for a scheduler file after which the user is notified
STALE_SECONDS = 10.0  # age of a file without an address after which it is not a file that is being written
ROOT_USER = 0


def find_scheduler(
    scheduler: str, *, seconds: float = 60.0, notify: Callable[[str], None] = lambda sentence: None
) -> str:
    """Return the address of a scheduler.

    Args:
        scheduler: An address, such as "tcp://10.0.0.1:8786" or "10.0.0.1:8786", or the path of the file that a scheduler
            writes, which ends in ".json".
        seconds: How long to wait for the file in seconds. A scheduler and its workers may be started at the same time.
        notify: Function that is called with a sentence if this function waits for the file, or if others can read it.

    Raises:
        UserError: If the file does not exist after this time, is not a scheduler file, or can be changed by other users.
    """
    if not scheduler.endswith(".json"):
        if "/" in scheduler.partition("://")[2] or ("://" not in scheduler and "/" in scheduler):
            raise UserError(
                f"{scheduler} is neither an address like tcp://HOST:PORT nor a file whose name ends in .json"
            )
        if not scheduler.rpartition(":")[2].isdecimal():
            raise UserError(
                f"expected the address of a scheduler, such as tcp://HOST:PORT, but {scheduler!r} lacks the port"
            )
        return scheduler
    path = Path(scheduler).expanduser()
    begin = time.monotonic()
    deadline, is_told = begin + seconds, False
    while (address := _read(path)) is None:
        if path.exists() and time.time() - path.stat().st_mtime > STALE_SECONDS:
            deadline = begin  # nobody is writing this file
        elif not is_told and time.monotonic() - begin > TELL_SECONDS:
            is_told = True
            notify(f"waiting up to {seconds:.0f} s for the scheduler file {path}")
        if time.monotonic() > deadline:
            state = "is not a scheduler file" if path.exists() else "does not exist"
            raise UserError(f"{path} {state}: start the scheduler with `observers scheduler --scheduler-file {path}`")
        time.sleep(POLL_SECONDS)
    _check_permissions(path, notify)
    return address


def _read(path: Path) -> str | None:
    """Return the address in the file, or None while the file is missing or incomplete."""
    try:
        content = read_json(path, MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(describe_os_error(error)) from None
    except JsonError:
        return None
    address = content.get("address") if isinstance(content, dict) else None
    return address if isinstance(address, str) else None


def _check_permissions(path: Path, notify: Callable[[str], None]) -> None:
    """Raise UserError if other users can change a file. Windows does not have these permissions."""
    if os.name != "posix":
        return
    status = path.stat()
    if status.st_uid not in (os.getuid(), ROOT_USER):
        raise UserError(f"{path} belongs to another user, who could run programs as you: use a scheduler of your own")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UserError(
            f"other users can change {path} and could thereby run programs as you: use a file that `observers scheduler` "
            f"wrote, or, if only you have changed this file, run chmod 600 {path}"
        )
    if status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        notify(
            f"other users can read the address of your scheduler in {path}, and any user who connects to it can run "
            f"programs as you: run chmod 600 {path}, or use TLS"
        )
