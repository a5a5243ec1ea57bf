"""Facts about one run of a session that may change when the session is resumed, such as the language of its texts."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from observers.protocol import Observer

RECORDS = "session_records"  # the entry of the sidecar


@runtime_checkable
class HasSessionRecords(Protocol):
    """Optional part of an observer: facts about the present run, for the log's sidecar.

    Participants record the language and the SHA-256 of the texts that they read, and the version of the consent that they
    gave. These facts are not part of the identity of the session.
    """

    def session_records(self) -> Mapping[str, Any]:
        """Return the facts by name, as JSON values. They are read after the first response of a run."""
        ...


def add_session_records(sidecar: dict[str, Any], observer: Observer) -> bool:
    """Add the observer's records of the present run to a sidecar, in place, and return whether one of them is new.

    The sidecar has a list for each name, so that the records of earlier runs are kept.
    """
    is_new = False
    for name, value in observer.session_records().items() if isinstance(observer, HasSessionRecords) else ():
        values = sidecar.setdefault(RECORDS, {}).setdefault(name, [])
        if value not in values:
            values.append(value)
            is_new = True
    return is_new
