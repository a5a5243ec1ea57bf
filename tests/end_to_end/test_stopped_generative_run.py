"""A run with a generative or vision-language observer that is killed resumes to the same log."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.observers.generative import tiny_latent
from tests.unit.observers.vision_language import tiny_models


@pytest.mark.parametrize("observer", ["sd14", "llava-1.5-7b"])
def test_a_killed_run_resumes_to_the_same_log(observer, tmp_path, drawn):
    """After kill -9 and the same command, the log has the same bytes, and no answered trial was repeated."""
    if observer == "sd14":
        options = ["-o", f"weights={tiny_latent.save(tmp_path / 'sd14', 'sd1')}", "-o", "draws=30"]
    else:
        options = ["-o", f"weights={tiny_models.save(tmp_path / 'llava', 'llava')}", "-o", "answer=text"]
    command = [
        sys.executable, "-m", "cli", "run-experiment", "drawn-cue-conflict", "-m", observer, "--limit", "40", "--quiet",
        *options, "--device", "cpu",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    uninterrupted, killed = tmp_path / "uninterrupted", tmp_path / "killed"
    subprocess.run([*command, "--out", str(uninterrupted)], check=True, env=environment, capture_output=True)
    log = f"drawn-cue-conflict/drawn-cue-conflict_{observer}_session-1.csv"
    process = subprocess.Popen([*command, "--out", str(killed)], env=environment, stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    while not (killed / log).is_file() or (killed / log).read_bytes().count(b"\n") < 6:
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    n_rows = (killed / log).read_bytes().count(b"\n") - 1
    assert 5 <= n_rows < 40
    before = (killed / log).read_bytes()
    subprocess.run([*command, "--out", str(killed)], check=True, env=environment, capture_output=True)
    assert (killed / log).read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert (killed / log).read_bytes() == (uninterrupted / log).read_bytes()
