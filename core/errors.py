"""The errors that a user can cause. Each message says what was found, what was expected and what to do next.

The command line prints them without a traceback. They are defined in the lowest layer so that every layer can raise and
catch them. Any other exception is a bug in this project.
"""

import difflib
import errno
from collections.abc import Iterable

MAX_NAMES = 60  # number of known names in a message


class UserError(Exception):
    """Base class of the errors that a user can cause, and the error for a request that cannot be fulfilled.

    The message says what was found, what was expected and what to do next. Catch this class to handle all errors of the
    project that are not bugs.
    """


class StimulusError(UserError):
    """Raised for an invalid manifest, image, level, table or data folder.

    The message names the file.
    """


class ObserverError(UserError):
    """Raised for an observer that cannot be created, cannot respond, or violates the contract of `observers.protocol`.

    The message names the observer.
    """


class LogError(UserError):
    """Raised for a trial log that is damaged, is in use by another process, or belongs to another session.

    Measures raise it for trials from which they cannot be computed, such as those of two datasets with cue conflicts.
    """


class UnknownName(UserError):
    """Raised for an unknown name; the message suggests similar names or lists the known ones.

    Args:
        kind: The kind of object that the name should refer to, such as "observer".
        name: The unknown name.
        known: The valid names.
        hint: A sentence to add at the end of the message.
    """

    def __reduce__(self) -> tuple[type[UserError], tuple[str]]:
        """Pickle the error as a UserError with the same message, so that a worker process can return it."""
        return UserError, (str(self),)

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(set(known))
        similar = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        more = f", … ({len(known):,} in all)" if len(known) > MAX_NAMES else ""
        suggestion = f"known names: {', '.join(known[:MAX_NAMES])}{more}."
        if similar:
            suggestion = f"did you mean {' or '.join(similar)}?"
        super().__init__(f"no {kind} is named {name!r}: {suggestion}{' ' + hint if hint else ''}")


def describe_os_error(error: OSError) -> str:
    """Return an error of the operating system as a message for the user.

    The message names the file if the error does. An error in the middle of a write does not name its file.
    """
    if error.filename and error.errno == errno.ENOSPC:
        return f"{error.filename}: {error.strerror}; free some space and run the same command again"
    if error.filename:
        return f"{error.filename}: {error.strerror}; check that path, or use another one"
    return f"a file could not be written: {error.strerror}; fix this problem and run the same command again"
