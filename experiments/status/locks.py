"""Whether a process is writing a log, without changing its lock."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import filelock
else:
    import fcntl


def is_locked(lock: Path) -> bool:
    """Return whether a process on this machine, or on another one that shares the file system, has locked a file.

    The lock is requested as a shared lock and released after some microseconds. A run that starts at this moment waits for
    it (`experiments.log.LOCK_SECONDS`).
    """
    if not lock.is_file():
        return False
    if sys.platform == "win32":
        try:
            with filelock.FileLock(lock, timeout=0):
                return False
        except filelock.Timeout:
            return True
    descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)  # this also releases the lock
    return False
