"""Runs that are killed or interrupted: they resume to the same bytes, end their workers, and say how to continue."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stimuli.build.distorted_set import DistortionSettings
from stimuli.folder import read_folder
from tests.unit.stimuli.build.set_building import build, cli, file_contents

ROOT = Path(__file__).parents[2]


def start(source, out, *words):
    """Start make-stimuli eidolonI in a process group of its own."""
    command = [sys.executable, "-m", "cli", "make-stimuli", "eidolonI", source, out, "--workers", 2, *words]
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def wait_for_images(out, n, process):
    """Wait until there are n images or the process has ended."""
    while len(list(out.rglob("*.png"))) < n and process.poll() is None:
        time.sleep(0.05)


def test_a_killed_run_resumes_to_the_same_bytes(source, tmp_path):
    settings, levels = DistortionSettings("eidolonI", seed=3), ("8-10-10", "64-10-10")
    uninterrupted = build(
        settings, read_folder(source), tmp_path / "uninterrupted" / "set", levels, crossed=True
    ).stimuli
    out = tmp_path / "killed" / "set"
    words = "--seed", "3", "--crossed", "--levels", ",".join(levels)
    process = start(source, out, *words)
    wait_for_images(out, 20, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    n_images = len(list(out.rglob("*.png")))
    assert 20 <= n_images < len(uninterrupted)
    assert not (out / "stimuli.csv").exists()
    done = cli("make-stimuli", "eidolonI", source, out, *words, "--workers", 1, "--quiet")
    assert done.exit_code == 0, done.output
    assert file_contents(out) == file_contents(tmp_path / "uninterrupted" / "set")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_continue(number, source, tmp_path):
    process = start(source, tmp_path / "set", "--crossed")
    wait_for_images(tmp_path / "set", 1, process)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 3
    assert stderr.splitlines()[-1].startswith(
        "Stopped; every finished image is kept. To continue, run: observers make-stimuli eidolonI"
    )
    assert "Traceback" not in stderr


def test_workers_end_when_their_parent_is_killed(source, tmp_path):
    process = start(source, tmp_path / "set", "--crossed")
    wait_for_images(tmp_path / "set", 1, process)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail("workers are still running 20 s after their parent was killed")
