"""A run with a vision-language model on a server, which is killed in the middle and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from experiments.experiment import Experiment
from experiments.running.session import run
from observers.vision_language.api import ApiModel
from tests.unit.observers.vision_language.chat_server import Recognizer, Reply, Request, serving

ROOT = Path(__file__).parents[2]
KEY = "sk-secret-0123456789"


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_killed_run_is_resumed(drawn: Experiment, tmp_path: Path) -> None:
    """A process that is killed in the middle leaves a log that the same command completes, and its output lacks the key."""
    right = Recognizer.of(drawn.stimuli.stimuli)
    path = tmp_path / "killed" / "drawn-cue-conflict" / "drawn-cue-conflict_m_session-1.csv"
    with serving(lambda request: Reply(right(request).body, seconds=0.02)) as server:
        command = [
            sys.executable, ROOT / "cli.py", "run-experiment", "drawn-cue-conflict", "--observer", "api:m", "--limit", "60",
            "-o", f"base_url={server.url}", "-o", "api_key_env=MY_KEY", "-o", "concurrency=3", "--out", tmp_path / "killed",
        ]  # fmt: skip
        environment = os.environ | {"MY_KEY": KEY, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while lines_of(path) < 15 and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        n_rows = lines_of(path) - 1
        assert 14 <= n_rows < 60
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        undisturbed = run(drawn, ApiModel("m", base_url=server.url), tmp_path / "undisturbed", limit=60)
    assert path.read_bytes() == undisturbed.read_bytes()
    sidecar = path.with_suffix(".json").read_text()
    assert json.loads(sidecar)["n_logged"] == 60
    assert KEY not in done.stdout + done.stderr + sidecar + path.read_text() and "log: " in done.stdout
    assert {request.key for request in server.requests[:20]} == {f"Bearer {KEY}"}


def test_ctrl_c_does_not_wait_for_the_server(drawn: Experiment, tmp_path: Path) -> None:
    """A command that is interrupted ends although the server has not answered, and the log has all earlier responses."""
    right = Recognizer.of(drawn.stimuli.stimuli)
    n_requests = iter(range(1000))

    def answer(request: Request) -> Reply:
        return Reply(right(request).body, seconds=0.0 if next(n_requests) < 11 else 60.0)

    path = tmp_path / "logs" / "drawn-cue-conflict" / "drawn-cue-conflict_m_session-1.csv"
    with serving(answer) as server:
        command = [
            sys.executable, ROOT / "cli.py", "run-experiment", "drawn-cue-conflict", "--observer", "api:m", "--limit", "60",
            "-o", f"base_url={server.url}", "-o", "concurrency=2", "--out", tmp_path / "logs", "--quiet",
        ]  # fmt: skip
        process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while lines_of(path) < 9 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert time.monotonic() - started < 20  # the server would take 60 seconds
    assert process.returncode != 0 and "Traceback" not in stderr and lines_of(path) >= 9
