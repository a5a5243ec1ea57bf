"""EfficientNet-Lite0, whose weights are always installed, and a simulated person on the published images, end to end."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.io.frame import observer_order, read_trials
from analysis.kappa.consistency import error_consistency, kappa_matrix
from analysis.measures.shape_bias import overall_shape_bias, shape_bias
from analysis.report.report import write_report
from experiments.running.session import run
from experiments.sets.published import published_experiment
from observers.people.grid import response_grid
from observers.people.monitor import Monitor, write_monitor
from observers.people.participant import Participant
from observers.people.screens.screen import Click
from observers.registry import make_observer
from tests.conftest import real
from tests.unit.observers.people.scripted_screen import ScriptedScreen

ROOT = Path(__file__).parents[2]


def test_efficientnet_run_that_is_killed_and_resumed(tmp_path):
    """The shape bias is .239 ± .01, and a run that is killed twice and resumed writes the same file, byte for byte."""
    real("stimuli", "cue-conflict")
    command = [sys.executable, "-m", "cli", "run-experiment", "cue-conflict", "-m", "efficientnet-lite0", "--quiet"]
    name = Path("cue-conflict") / "cue-conflict_efficientnet-lite0_session-1.csv"
    undisturbed, killed = tmp_path / "undisturbed" / name, tmp_path / "killed" / name
    subprocess.run([*command, "--out", tmp_path / "undisturbed"], check=True, cwd=ROOT, capture_output=True)
    for n_rows in (5, 700):  # neither is a multiple of the batch size
        process = subprocess.Popen([*command, "--out", tmp_path / "killed"], cwd=ROOT, stderr=subprocess.DEVNULL)
        while not (killed.exists() and killed.read_bytes().count(b"\n") > n_rows):
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
        process.wait()
    lines = killed.read_bytes().splitlines(keepends=True)
    killed.write_bytes(b"".join(lines[:-3]) + lines[-3][:20])  # also an incomplete last row in the middle of a batch
    subprocess.run([*command, "--out", tmp_path / "killed"], check=True, cwd=ROOT, capture_output=True)
    assert killed.read_bytes() == undisturbed.read_bytes()
    frame = read_trials([undisturbed])
    assert len(frame) == 1280
    row = overall_shape_bias(shape_bias(frame)).iloc[0]
    assert row["shape_bias"] == pytest.approx(0.239, abs=0.01)
    # One machine measured 197 and 626; on others the response to a few images near a tie may differ.
    assert (row["n_shape"], row["n_texture"]) == (pytest.approx(197, abs=5), pytest.approx(626, abs=5))


@pytest.mark.parametrize(("dataset", "accuracy"), [("edge", 0.356), ("silhouette", 0.519)])
def test_efficientnet_on_edges_and_silhouettes(dataset, accuracy, tmp_path):
    real("stimuli", dataset)
    path = run(published_experiment(dataset), make_observer("efficientnet-lite0"), tmp_path)
    assert read_trials([path])["correct"].mean() == pytest.approx(accuracy, abs=0.02)


def test_session_of_a_person_is_analyzed_with_the_published_people(tmp_path):
    """A session on the published images, with a simulated screen, is analyzed together with the ten published people."""
    people = real("humans", "cue-conflict")
    real("stimuli", "cue-conflict")
    experiment, monitor = published_experiment("cue-conflict"), Monitor("lab", 40.0, 57.0, (1280, 1024))
    write_monitor(monitor, tmp_path / "lab.json")
    cells = {cell.choice: cell for cell in response_grid(experiment.choices, monitor.degrees_to_pixels(3))}
    shapes = [trial.stimulus.cues["shape"] for trial in experiment.trials(7)]
    textures = [trial.stimulus.cues["texture"] for trial in experiment.trials(7)]

    def presses(n):  # clicks the shape, but the texture in every twentieth trial
        cell = cells[shapes[n - 1] if n % 20 else textures[n - 1]]
        return [(0.6, Click(cell.x, cell.y, 0))]

    participant = Participant(code="NEW1", monitor=tmp_path / "lab.json", screen=ScriptedScreen(presses))
    path = run(experiment, participant, tmp_path / "logs", seed=7)
    frame = read_trials([people, path])
    row = overall_shape_bias(shape_bias(frame)).set_index("observer").loc["NEW1"]
    assert row["shape_bias"] == pytest.approx(0.95, abs=0.01)
    assert (observer_order(frame)["kind"] == "human").all()
    matrix = kappa_matrix(error_consistency(frame, intervals=False), "cue-conflict")
    assert matrix.shape == (11, 11) and matrix.loc["NEW1"].notna().all()
    page = write_report(frame, tmp_path / "report", intervals=False).read_text("utf-8")
    assert "NEW1" in page and "subject-10" in page
