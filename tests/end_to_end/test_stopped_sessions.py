"""Sessions in processes of their own that are stopped or killed lose no response, and resume to the same file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.unit.experiments.logs import rows, sidecar

ROOT = Path(__file__).parents[2]
SLOW_OBSERVER = """
import os, time
from attrs import frozen
from observers.protocol import Response

@frozen
class Slow:
    name: str = "slow"
    kind: str = "discriminative"
    def observe(self, trials):
        for trial in trials:
            time.sleep(60 if str(trial.number) == os.environ.get("STALL_AT") else 0.005)
            yield Response(trial.stimulus.cues["shape"], evidence=[0.1 * i for i in range(len(trial.choices))])
"""


def test_killed_session_loses_no_response(tmp_path, cache):
    (tmp_path / "slow.py").write_text(SLOW_OBSERVER)
    command = [sys.executable, "-m", "cli", "run-experiment", "drawn-cue-conflict", "-m", f"{tmp_path}/slow.py:Slow"]
    name = Path("drawn-cue-conflict") / "drawn-cue-conflict_slow_session-1.csv"
    undisturbed, interrupted = tmp_path / "undisturbed" / name, tmp_path / "interrupted" / name
    subprocess.run([*command, "--out", tmp_path / "undisturbed", "--quiet"], check=True, cwd=ROOT, capture_output=True)
    for n_rows in (1, 40, 130):
        process = subprocess.Popen(
            [*command, "--out", tmp_path / "interrupted", "--quiet"],
            cwd=ROOT,
            env=os.environ
            | {"STALL_AT": str(n_rows + 60)},  # so that it cannot end before it is killed on a slow machine
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not (interrupted.exists() and interrupted.read_bytes().count(b"\n") > n_rows):
            assert time.monotonic() < deadline, "no rows"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert sidecar(interrupted)["status"] == "running"
    subprocess.run([*command, "--out", tmp_path / "interrupted", "--quiet"], check=True, cwd=ROOT, capture_output=True)
    assert interrupted.read_bytes() == undisturbed.read_bytes()
    sidecars = sidecar(undisturbed), sidecar(interrupted)
    for facts in sidecars:
        del facts["started"], facts["finished"], facts["runs"]
    assert sidecars[0] == sidecars[1]


def restore_sigint():
    """Restore the default handler of SIGINT, which is ignored by the children of tests that run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_all_responses_and_says_how_to_resume(tmp_path, cache):
    (tmp_path / "slow.py").write_text(SLOW_OBSERVER)
    command = [sys.executable, "-m", "cli", "run-experiment", "drawn-cue-conflict", "-m", f"{tmp_path}/slow.py:Slow"]
    command += ["--out", str(tmp_path)]
    path = tmp_path / "drawn-cue-conflict" / "drawn-cue-conflict_slow_session-1.csv"
    for number in (signal.SIGINT, signal.SIGTERM):
        before = len(rows(path)) if path.exists() else 0
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"STALL_AT": str(before + 60)},
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=restore_sigint,
        )
        deadline = time.monotonic() + 60
        while not (path.exists() and len(rows(path)) > before + 10):
            assert time.monotonic() < deadline, "no rows"
            time.sleep(0.01)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=30)
        assert process.returncode == 3
        assert "every response is saved. To continue, run: observers run-experiment drawn-cue-conflict" in stderr
        assert "Traceback" not in stderr
        assert sidecar(path)["status"] == "partial"
        assert sidecar(path)["n_logged"] == len(rows(path)) > before
