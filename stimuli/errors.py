"""The errors a user can cause. Each prints as one sentence: what, where, what was expected, what to do next.

They live in the lowest layer so that every layer can raise and catch them. Anything else that is raised is a bug.
"""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """What the user asked for cannot be done; the message says why and what to do."""


class StimulusError(UserError):
    """A manifest, an image or a data folder is not as it must be."""


class ObserverError(UserError):
    """An observer cannot be made, cannot answer, or breaks the contract of `observers.protocol`."""


class LogError(UserError):
    """A trial log is damaged, is in use, or belongs to another session."""


class UnknownName(UserError):
    """A name stands for nothing; the message offers the nearest ones."""

    def __reduce__(self) -> tuple[type[UserError], tuple[str]]:
        return UserError, (str(self),)  # what a worker sends back

    def __init__(self, what: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
        offer = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}."
        super().__init__(f"there is no {what} named {name!r}: {offer}{' ' + hint if hint else ''}")


def describe_os_error(error: OSError) -> str:
    """What the system refused, as a sentence for the user; in the middle of a write it does not say where."""
    if error.filename:
        return f"{error.filename}: {error.strerror}; check that path, or name another one"
    return f"a file could not be written: {error.strerror}; put that right and run the same command again"
