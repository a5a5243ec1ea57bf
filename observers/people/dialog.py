"""A dialog window that asks for the details of a session, for users who do not type commands."""

from typing import Any

from core.errors import ObserverError
from core.extras import require_extra
from observers.people.codes import new_code


def ask_session_details(session: int, pilot: bool) -> tuple[str, int, bool]:
    """Show a dialog and return the participant code, the session number and whether the session is a pilot.

    `session` and `pilot` are the initial values of these two fields; the initial participant code is random. Raises
    MissingExtra if PsychoPy is missing, and ObserverError if a display is missing or the user cancels the dialog.
    """
    from observers.people.psychopy_screen import prepare_psychopy

    require_extra("people", "a session at the screen")
    prepare_psychopy()
    try:
        from psychopy import gui
    except Exception as error:  # without a display, Qt and wx raise errors of many types
        raise ObserverError(
            f"the dialog cannot be shown ({' '.join(str(error).split())[:120]}): name the participant with "
            f"--participant CODE"
        ) from None
    details: dict[str, Any] = {"participant": new_code(), "session": session, "pilot": pilot}
    tips = {"participant": "2 to 16 letters and digits, without personal information"}
    if not gui.DlgFromDict(details, title="observers collect", sortKeys=False, tip=tips).OK:
        raise ObserverError("the dialog was canceled: no session was started")
    return str(details["participant"]).strip(), int(details["session"]), bool(details["pilot"])
