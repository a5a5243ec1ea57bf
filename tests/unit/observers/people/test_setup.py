"""What is checked before a session: sound, mouse, fonts, the folder for logs, the display, and the dialog."""

import sys

import pytest

from observers.people import dialog
from observers.people.screens import psychopy_screen, psychopy_setup
from observers.people.screens.psychopy_screen import PsychoPyScreen
from observers.people.screens.simulated_screen import SimulatedScreen
from observers.people.setup_checks import check_folder, check_setup, describe_sound
from observers.people.texts.reading import load_texts
from observers.protocol import ObserverError


class LabScreen(SimulatedScreen):
    """A screen with a mouse that cannot be moved, an implausible frame rate and a font without umlauts."""

    def can_move_pointer(self):
        return False

    def measure_rate(self):
        raise ObserverError("the measured frame rate of 1500 frames per second is not plausible")

    def missing_glyphs(self, text, font=""):
        return "".join(character for character in text if character in "äöüÄÖÜß")


def test_checks_of_mouse_rate_and_fonts():
    checks = [(check.label, check.message) for check in check_setup(None, screen=LabScreen(), texts=load_texts("de"))]
    assert [label for label, _ in checks] == ["ok", "FAIL", "FAIL", "FAIL", "FAIL"]
    assert checks[1][1] == "the mouse pointer cannot be moved: connect a mouse, or run sessions with --keys"
    assert "1500 frames per second is not plausible" in checks[2][1]
    assert checks[3][1].startswith("the default font lacks the characters ")
    assert "of the texts (de): install a font with these characters and enter its name as screen.font" in checks[3][1]
    english = [check.message for check in check_setup(None, screen=LabScreen())]
    assert any(message.endswith("characters of the texts (en)") for message in english)


def test_checks_of_the_folder_for_logs(tmp_path, monkeypatch):
    assert check_folder(tmp_path / "new" / "logs").passed and list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    check = check_folder(tmp_path / "file" / "logs")
    assert not check.passed and "(Not a directory): use another folder with --out" in check.message
    monkeypatch.setattr("observers.people.setup_checks.MIN_FREE", 1e18)
    check = check_folder(tmp_path)
    assert check.label == "FAIL" and check.message.endswith("of free space: free at least 1e+09 GB")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", None),
        ("raise Exception('PTB-ERROR: no device.')", "no device"),
        ("raise ValueError", "ValueError"),
        ("import os; print('noise'); os._exit(7)", "the test of the sound device ended with code 7"),
        ("import time; time.sleep(9)", "the sound device did not answer within 0.8 seconds"),
    ],
)
def test_sound_is_tried_in_a_separate_process(code, problem, tmp_path, monkeypatch, capfd):
    """The stand-in for PsychoPy's sound runs in a real process, and can end it."""
    write_psychopy_sound(tmp_path, code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    if "sleep" in code:
        monkeypatch.setattr(psychopy_setup, "TRIAL_SECONDS", 0.8)
    assert psychopy_setup.try_sound() == problem
    check = describe_sound(problem)
    assert check.passed and check.label == ("ok" if problem is None else "note")
    assert capfd.readouterr() == ("", "")


def test_sound_that_fails_only_in_this_process(tmp_path, monkeypatch, capfd):
    write_psychopy_sound(tmp_path, "import os, sys; os.write(2, b'noise')\nif TESTED: raise Exception('busy')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "psychopy"]:
        monkeypatch.delitem(sys.modules, name)
    tone, problem = psychopy_setup.open_sound()
    assert problem is None and tone.__name__ == "Sound"
    sys.modules["psychopy.sound"].TESTED = True
    assert psychopy_setup.open_sound() == (None, "busy")
    for name in [name for name in sys.modules if name.partition(".")[0] == "psychopy"]:
        monkeypatch.delitem(sys.modules, name)
    assert capfd.readouterr() == ("", "")


def write_psychopy_sound(folder, code):
    """Write a package psychopy whose class Sound runs the code."""
    (folder / "psychopy").mkdir()
    (folder / "psychopy" / "__init__.py").write_text("")
    lines = "\n".join(f"        {line}" for line in (code or "pass").splitlines())
    (folder / "psychopy" / "sound.py").write_text(
        f"TESTED = False\nclass Sound:\n    def __init__(self, *args, **options):\n{lines}\n    def play(self): pass\n"
    )


def test_commands_without_a_display(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for module in (dialog, psychopy_screen):
        monkeypatch.setattr(module, "require_extra", lambda *names: None)
    with pytest.raises(
        ObserverError, match=r"a display is missing \(DISPLAY is not set\): run the command on a computer"
    ):
        PsychoPyScreen()
    with pytest.raises(ObserverError, match="the dialog cannot be shown without a display"):
        dialog.ask_session_details(1, False)


@pytest.mark.parametrize(
    ("output", "result"),
    [
        (
            'import json; print("noise"); print(json.dumps(dict(participant=" K7 ", session=2, pilot=True)))',
            ("K7", 2, True),
        ),
        ('print("{}")', "the dialog was canceled: no session was started"),
        (
            "raise OSError('no toolkit')",
            r"the dialog cannot be shown \(OSError: no toolkit\): name the participant with",
        ),
        (
            "import os; os.write(2, b'no plugin'); os.abort()",
            r"the dialog cannot be shown \(no plugin\): name the part",
        ),
        ("import os; os._exit(3)", r"the dialog cannot be shown \(without a message\)"),
    ],
)
def test_the_dialog_runs_in_a_separate_process(output, result, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr(dialog, "require_extra", lambda *names: None)
    monkeypatch.setattr(dialog, "_CODE", output)
    if isinstance(result, tuple):
        assert dialog.ask_session_details(1, False) == result
    else:
        with pytest.raises(ObserverError, match=result):
            dialog.ask_session_details(1, False)
