"""`observers calibrate-monitor` and `observers doctor` on a simulated screen."""

import json

import pytest

from observers.people import setup_checks
from observers.people.screens import psychopy_screen
from observers.people.screens.simulated_screen import SimulatedScreen
from tests.commands import observers


@pytest.fixture
def screen(monkeypatch):
    """Show everything on a simulated screen."""
    for module in (psychopy_screen, setup_checks):
        monkeypatch.setattr(module, "PsychoPyScreen", lambda **options: SimulatedScreen())
    monkeypatch.setattr(setup_checks, "require_extra", lambda *names: None)
    monkeypatch.setattr(setup_checks, "_psychopy_version", lambda: "2026.1")
    monkeypatch.setattr(setup_checks, "try_sound", lambda: "broken")


@pytest.mark.usefixtures("screen")
def test_a_profile_is_written_and_checked(tmp_path):
    file = tmp_path / "lab.json"
    output = observers("calibrate-monitor", file, "--distance", 60, "--width", 53.1).stdout
    width, height = SimulatedScreen().size
    assert output.startswith(f"{file}: {width} × {height} pixels on 53.1 cm; one degree of visual angle is ")
    assert json.loads(file.read_text())["distance_cm"] == 60
    lines = observers("doctor", "--monitor", file).stdout.splitlines()
    assert [line[:5] for line in lines] == ["ok   ", "ok   ", "note ", "ok   ", "ok   ", "ok   "]
    assert lines[1] == "ok   PsychoPy 2026.1" and "1 degree is" in lines[-1]
    assert lines[2].startswith("note sound is not available (broken), so errors in practice trials")


@pytest.mark.usefixtures("screen")
def test_problems_are_reported(tmp_path):
    lines = observers("doctor", code=1).stdout.splitlines()
    assert lines[-1].startswith("FAIL no monitor profile was given")
    (tmp_path / "x.json").write_text("[]")
    error = observers("calibrate-monitor", tmp_path / "x.json", "--distance", 60, "--width", 50, code=1).stderr
    assert "x.json" in error and (tmp_path / "x.json").read_text() == "[]"
    assert (
        "distance"
        in observers("calibrate-monitor", tmp_path / "y.json", "--distance", -1, "--width", 50, code=1).stderr
    )
