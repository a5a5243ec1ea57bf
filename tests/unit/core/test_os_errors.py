"""Errors of the operating system as messages for the user."""

import errno

from core.errors import describe_os_error


def test_the_message_names_the_file_and_the_remedy():
    full = OSError(errno.ENOSPC, "No space left on device")
    assert describe_os_error(full).startswith("a file could not be written: No space left on device; fix this problem")
    full.filename = "a.csv"
    remedy = "free some space and run the same command again"
    assert describe_os_error(full) == f"a.csv: No space left on device; {remedy}"
    denied = PermissionError(errno.EACCES, "Permission denied", "a.csv")
    assert describe_os_error(denied) == "a.csv: Permission denied; check that path, or use another one"
