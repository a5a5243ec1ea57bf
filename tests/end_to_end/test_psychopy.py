"""A session on a real PsychoPy window under Xvfb, with real mouse events."""

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from observers.people.texts.reading import load_texts
from tests.end_to_end.psychopy_session import N_TRIALS, make_experiment, planned_choice
from tests.unit.experiments.logs import rows, sidecar

ROOT = Path(__file__).parents[2]
MISSING = [name for name in ("xvfb-run", "xdotool") if shutil.which(name) is None]
if importlib.util.find_spec("psychopy") is None:
    MISSING.append("psychopy (extra people)")
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


def run_under_xvfb(*words: object, home: Path) -> subprocess.CompletedProcess[str]:
    command = ["xvfb-run", "-a", "-s", "-screen 0 1024x768x24", sys.executable, *map(str, words)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    out = tmp_path_factory.mktemp("session")
    result = run_under_xvfb("tests/end_to_end/psychopy_session.py", out, home=out)
    assert result.returncode == 0, result.stderr
    return out


def test_every_scripted_click_is_in_the_log(session):
    logged = rows(session / "small" / "small_S01-pilot_session-1.csv")
    choices = make_experiment().choices
    assert [row["response"] for row in logged] == [planned_choice(n, choices) or "" for n in range(1, N_TRIALS + 1)]
    assert all(0.15 < float(row["rt"]) < 1.5 for row in logged if row["response"])
    assert {row["measured_n_frames"] for row in logged} == {"12.0"}


def test_number_of_frames_of_each_phase(session):
    scenes = (session / "scenes.txt").read_text()
    phases = [(letter, len(list(group))) for letter, group in itertools.groupby(scenes)]
    assert [phase for phase in phases if phase[0] not in "wb"] == [
        ("f", 18),
        ("i", 12),
        ("m", 12),
        ("g", 90),
    ] * N_TRIALS
    assert [letter for letter, _ in phases].count("w") == 3


def test_screenshots_show_the_image_the_mask_and_the_grid(session):
    """The image is shown with its own pixels on the gray background of the experiment."""
    image = np.asarray(Image.open(session / "image.png"))
    height, width = image.shape[:2]
    experiment = make_experiment()
    stimulus = experiment.trials(0)[0].stimulus.pixels().astype(int)
    side = stimulus.shape[0]
    top, left = (height - side) // 2, (width - side) // 2
    assert np.abs(image[top : top + side, left : left + side] - stimulus).max() <= 1
    blank = np.asarray(Image.open(session / "blank.png"))
    assert len(np.unique(blank)) == 1 and blank[0, 0, 0] == round(255 * experiment.presentation.background)
    mask = np.asarray(Image.open(session / "mask.png"))[top : top + side, left : left + side]
    assert mask.min() < 40 and mask.max() > 215
    grid = np.asarray(Image.open(session / "grid.png"))
    assert (grid == 235).mean() > 0.2 and (grid < 30).mean() > 0.05
    for name in ("fixation", "words"):
        assert 0 < (np.asarray(Image.open(session / f"{name}.png")) != blank).mean() < 0.1


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_session_with_consent_and_practice_without_a_sound_device(language, tmp_path):
    """An error in a practice trial, which would be heard, does not end a session on a computer without sound."""
    result = run_under_xvfb("tests/end_to_end/psychopy_session.py", tmp_path, language, 1, home=tmp_path)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    path = tmp_path / "small" / "small_S01-pilot_session-1.csv"
    practice = tmp_path / "small-practice" / "small-practice_S01-pilot_session-1.csv"
    assert len(rows(path)) == 3 and len(rows(practice)) == 2
    assert any(row["response"] != row["category"] for row in rows(practice))
    records = sidecar(practice)["session_records"]
    assert records["consent"] == [{"version": "1", "language": language}]
    assert records["texts"] == sidecar(path)["session_records"]["texts"] == [load_texts(language).describe()]
    if records["sound"] != ["played"]:
        assert records["sound"][0].startswith("none: ") and result.stdout.startswith("sound is not available (")


def test_a_session_without_consent_does_not_start(tmp_path):
    result = run_under_xvfb("tests/end_to_end/psychopy_session.py", tmp_path, "de", 2, home=tmp_path)
    assert "the participant did not consent, so the session did not start" in result.stdout, result.stderr
    assert not (tmp_path / "small").exists() and not (tmp_path / "small-practice").exists()


def test_commands_without_a_display(tmp_path):
    env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    env |= {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    for words in (
        ["doctor"],
        ["calibrate-monitor", tmp_path / "lab.json", "--distance", 57],
        ["collect", "drawn-cue-conflict", "--participant", "S01", "--pilot", "--out", tmp_path / "logs"],
        ["collect", "drawn-cue-conflict", "--out", tmp_path / "logs"],
    ):
        command = [sys.executable, "cli.py", *map(str, words)]
        result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
        lines = (result.stdout + result.stderr).splitlines()
        assert result.returncode == 1 and "display" in lines[-1], result.stderr
        assert words[0] == "doctor" or len(lines) == 1
    assert not (tmp_path / "logs").exists()


def test_calibrate_monitor_collect_and_doctor_commands(tmp_path):
    code = "import sys, cli; sys.argv[0] = 'observers'; cli.main()"
    (tmp_path / "log.csv").write_text("mine")
    result = run_under_xvfb("-c", code, "calibrate-monitor", tmp_path / "log.csv", "--distance", 57, home=tmp_path)
    assert result.returncode == 1 and "is not a valid monitor profile" in result.stderr
    assert (tmp_path / "log.csv").read_text() == "mine"
    words = ["collect", "drawn-cue-conflict", "--participant", "S01", "--pilot", "--display", 3, "--out", tmp_path]
    result = run_under_xvfb("-c", code, *words, home=tmp_path)
    assert result.returncode == 1, result.stderr
    assert "display 3 does not exist: the displays are numbered from 0 to 0" in result.stderr, result.stderr
    result = run_under_xvfb("-c", code, "doctor", home=tmp_path)
    assert result.returncode == 1, result.stderr
    assert "ok   PsychoPy" in result.stdout and "sound" in result.stdout
    assert "ok   the mouse pointer can be moved to the center of the screen" in result.stdout
    assert "ok   the default font has all" in result.stdout
    assert "no monitor profile was given" in result.stdout or "frames per second is not plausible" in result.stdout
    words = ["calibrate-monitor", tmp_path / "lab.json", "--distance", 57, "--width", 30]
    result = run_under_xvfb("-c", code, *words, home=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "1024 × 768 pixels on 30 cm; one degree of visual angle is 34.0 pixels" in result.stdout, result.stderr
