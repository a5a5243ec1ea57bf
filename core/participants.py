"""The names of people as observers, and of the experiments in which they practice. Both may end in a suffix.

Analyses exclude pilot sessions, and the data of a participant include those of the participant's pilot sessions. Practice
trials form a separate dataset. Each participant sees a selection of the practice images, so the number of images may differ.
"""

_PILOT = "-pilot"
_PRACTICE = "-practice"


def pilot_name(code: str) -> str:
    """Return the name that an observer has in a pilot session of the participant with this code."""
    return code + _PILOT


def is_pilot_name(observer: str) -> bool:
    """Return whether the name of an observer is that of a participant in a pilot session."""
    return observer.endswith(_PILOT)


def participant_code(observer: str) -> str:
    """Return the participant code that the name of an observer contains."""
    return observer.removesuffix(_PILOT)


def practice_name(experiment: str) -> str:
    """Return the name of the experiment with the practice trials of an experiment."""
    return experiment + _PRACTICE


def is_practice_name(experiment: str) -> bool:
    """Return whether the name of an experiment is that of practice trials."""
    return experiment.endswith(_PRACTICE)
