"""Where a participant is in a session in a browser, for the experimenter's page and the terminal."""

from attrs import frozen


@frozen
class PersonStatus:
    """What the experimenter sees about one participant.

    Attributes:
        code: Participant code.
        token: The secret part of the address of the session.
        stage: "invited", "opened", "consented", "declined", "practice", "trials" or "finished".
        n_done: Number of answered trials of the part in which the participant is, the practice or the experiment.
        n_total: Number of trials of this part.
        n_dropped: Number of trials of the experiment with a dropped frame.
        n_answered: Number of answered trials of the experiment.
        n_trials: Number of trials of the experiment.
        idle_seconds: Time since the page was last active, or None if it was not opened.
        completion_code: Completion code that the participant received, or "".
    """

    code: str
    token: str
    stage: str
    n_done: int
    n_total: int
    n_dropped: int
    n_answered: int
    n_trials: int
    idle_seconds: float | None
    completion_code: str = ""
