"""A window that asks who takes part, for those who do not type commands."""

from typing import Any

from observers.people.codes import new_code
from stimuli.errors import ObserverError


def ask(session: int, pilot: bool) -> tuple[str, int, bool]:
    """Code, session and whether it is a pilot. Raises ObserverError without PsychoPy or a display, and on Cancel."""
    from observers.people.psychopy_screen import prepare_psychopy

    prepare_psychopy()
    try:
        from psychopy import gui
    except Exception as error:  # Qt and wx fail in their own ways where there is no display
        raise ObserverError(
            f"no dialog can be shown ({' '.join(str(error).split())[:120]}): name the participant with --participant CODE"
        ) from None
    asked: dict[str, Any] = {"participant": new_code(), "session": session, "pilot": pilot}
    tips = {"participant": "2 to 16 letters and digits that say nothing about the person"}
    if not gui.DlgFromDict(asked, title="observers collect", sortKeys=False, tip=tips).OK:
        raise ObserverError("cancelled: nothing was begun")
    return str(asked["participant"]).strip(), int(asked["session"]), bool(asked["pilot"])
