"""Images to which an observer responded in several sessions, as in a test of test–retest reliability.

Accuracy, shape bias, confusions, entropy and thresholds count all trials of all sessions. Error consistency, error
patterns and the benchmark, including its accuracy, need one response of each observer to each image. They use the first
response, which is the one in the session with the lowest number. The other observers have usually seen each image once,
and memory of the images cannot influence the first response. The average
of two responses would be neither correct nor wrong, and if both responses counted, the same image would count twice.
If the sessions of an observer have different images, all of them are used. A session without a number comes before all
others.
"""

import numpy as np
import pandas as pd

from core.errors import LogError
from core.names import abbreviate
from stimuli.categories import AMBIGUOUS

KEY = ["dataset", "observer", "condition", "stimulus"]


def first_responses(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the first response of every observer to every image in every condition; rows keep their order.

    Raises LogError if an observer responded to an image twice in one session.
    """
    if not trials.duplicated(KEY).any():
        return trials
    refuse_repetition(trials)
    return without_later_sessions(trials)


def without_later_sessions(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of every observer and image that are in the first session with this image; rows keep their order."""
    is_repeated = trials.duplicated(KEY, keep=False).to_numpy()
    if not is_repeated.any():
        return trials
    session = session_numbers(trials)
    part = trials.loc[is_repeated, KEY].assign(session=session[is_repeated])
    first = part.groupby(KEY, observed=True)["session"].transform("min").to_numpy()
    is_later = np.zeros(len(trials), bool)
    is_later[is_repeated] = session[is_repeated] > first
    return trials[~is_later]


def refuse_repetition(trials: pd.DataFrame) -> None:
    """Raise LogError if an observer responded to an image of one condition twice in one session."""
    session = session_numbers(trials)
    again = trials.assign(session=session).duplicated([*KEY, "session"]).to_numpy()
    if again.any():
        trial, number = trials[again].iloc[0], session[again][0]
        of_session = f" in session {number:.0f}" if number >= 0 else ""
        raise LogError(
            f"{trial['observer']} responded to {trial['stimulus']} of {trial['dataset']} twice{of_session}; error "
            "consistency needs one response per image in each session, so remove one of the two rows, or give the images "
            "different names if they are different images"
        )


def session_numbers(trials: pd.DataFrame) -> np.ndarray:
    """Return the session of every trial as a number, which is -1 if it is missing."""
    if "session" not in trials:
        return np.full(len(trials), -1.0)
    return np.asarray(trials["session"].astype("Float64").fillna(-1.0).to_numpy(float))


def repeated_trials(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with an image to which the same observer responded in several sessions."""
    if "session" not in frame:
        return frame.iloc[:0]
    sessions = frame[["dataset", "observer", "session"]].drop_duplicates()
    several = sessions[sessions.duplicated(["dataset", "observer"])]
    if several.empty:  # the usual case, in which the images need not be compared
        return frame.iloc[:0]
    part = frame[frame["observer"].isin(list(several["observer"].unique())) & (frame["category"] != AMBIGUOUS)]
    return part[part.duplicated(KEY, keep=False)]


def repeated_note(frame: pd.DataFrame) -> list[str]:
    """Return a note about observers who responded to the same images in several sessions, or an empty list."""
    trials = repeated_trials(frame)
    if trials.empty:
        return []
    names = [str(name) for name in dict.fromkeys(trials["observer"])]
    n = len(trials) - len(trials.drop_duplicates(KEY))
    return [
        f"{n:,} trials repeat an image that the observer saw in an earlier session ({abbreviate(names)}): "
        "error consistency uses the first response, and other measures count all trials; `observers analyze retest` "
        "compares the sessions"
    ]
