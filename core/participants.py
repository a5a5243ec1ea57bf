"""The names of people as observers: the participant code, with a suffix if the session is a pilot session.

Analyses exclude pilot sessions, and the data of a participant include those of the participant's pilot sessions.
"""

_PILOT = "-pilot"


def pilot_name(code: str) -> str:
    """Return the name that an observer has in a pilot session of the participant with this code."""
    return code + _PILOT


def is_pilot_name(observer: str) -> bool:
    """Return whether the name of an observer is that of a participant in a pilot session."""
    return observer.endswith(_PILOT)


def participant_code(observer: str) -> str:
    """Return the participant code that the name of an observer contains."""
    return observer.removesuffix(_PILOT)
