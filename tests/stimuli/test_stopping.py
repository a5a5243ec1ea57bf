"""A run that is killed or stopped: resumed to the same bytes, no worker left, and how to go on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stimuli.distorted_set import DistortionSettings
from stimuli.folder import read_folder
from tests.stimuli.made import cli, content, made_of

ROOT = Path(__file__).parents[2]


def started(source, out, *words):
    """make-stimuli eidolonI in a process group of its own."""
    command = [sys.executable, "-m", "cli", "make-stimuli", "eidolonI", source, out, "--workers", 2, *words]
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def until(out, n, process):
    """Wait for n images, or the end."""
    while len(list(out.rglob("*.png"))) < n and process.poll() is None:
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bytes(source, tmp_path):
    plan, levels = DistortionSettings("eidolonI", seed=3), ("8-10-10", "64-10-10")
    whole = made_of(plan, read_folder(source), tmp_path / "whole" / "set", levels, crossed=True).stimuli
    out = tmp_path / "cut" / "set"
    words = "--seed", "3", "--crossed", "--levels", ",".join(levels)
    process = started(source, out, *words)
    until(out, 20, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    n_there = len(list(out.rglob("*.png")))
    assert 20 <= n_there < len(whole)
    assert not (out / "stimuli.csv").exists()
    done = cli("make-stimuli", "eidolonI", source, out, *words, "--workers", 1, "--quiet")
    assert done.exit_code == 0, done.output
    assert content(out) == content(tmp_path / "whole" / "set")


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_stopped_it_says_how_to_go_on(number, source, tmp_path):
    process = started(source, tmp_path / "set", "--crossed")
    until(tmp_path / "set", 1, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    assert said.splitlines()[-1].startswith(
        "Stopped; every finished image is kept. To go on: observers make-stimuli eidolonI"
    )
    assert "Traceback" not in said


def test_workers_end_with_their_parent(source, tmp_path):
    process = started(source, tmp_path / "set", "--crossed")
    until(tmp_path / "set", 1, process)
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
    pytest.fail("workers are still there 20 s after their parent was killed")
