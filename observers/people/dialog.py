"""A dialog window that asks for the details of a session, for users who do not type commands.

The dialog is shown by a separate process, because the libraries that draw it end the whole process if a display or one of
their parts is missing.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.errors import ObserverError
from core.extras import require_extra
from observers.people.codes import new_code
from observers.people.screens.psychopy_setup import prepare_psychopy

_ROOT = Path(__file__).parents[2]
_FIELDS = "participant", "session", "pilot"
_CODE = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from {__name__} import show_dialog; show_dialog(sys.argv[1])"


def ask_session_details(session: int, pilot: bool) -> tuple[str, int, bool]:
    """Show a dialog and return the participant code, the session number and whether the session is a pilot.

    `session` and `pilot` are the initial values of these two fields; the initial participant code is random. Raises
    MissingExtra if PsychoPy is missing, and ObserverError if a display is missing or the user cancels the dialog.
    """
    require_extra("people", "a session at the screen")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ObserverError(
            "the dialog cannot be shown without a display: run the command on a computer with a screen, or name the "
            "participant with --participant CODE and add --simulate"
        )
    details: dict[str, Any] = {"participant": new_code(), "session": session, "pilot": pilot}
    result = subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps(details)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    answer = _read_answer(result.stdout)
    if answer is None:
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        reason = " ".join(lines[-1 if result.returncode == 1 else 0].split())[:160] if lines else "without a message"
        raise ObserverError(f"the dialog cannot be shown ({reason}): name the participant with --participant CODE")
    if not answer:
        raise ObserverError("the dialog was canceled: no session was started")
    return str(answer["participant"]).strip(), int(answer["session"]), bool(answer["pilot"])


def show_dialog(details: str) -> None:
    """Show the dialog with initial values, and print the values as JSON, or {} if the dialog was canceled."""
    prepare_psychopy()
    from psychopy import gui

    values = json.loads(details)
    tips = {"participant": "2 to 16 letters and digits, without personal information"}
    is_ok = gui.DlgFromDict(values, title="observers collect", sortKeys=False, tip=tips).OK
    print(json.dumps({name: values[name] for name in _FIELDS} if is_ok else {}))


def _read_answer(output: str) -> dict[str, Any] | None:
    """Return the object in the last line of the output of `show_dialog`, or None without one."""
    lines = output.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
