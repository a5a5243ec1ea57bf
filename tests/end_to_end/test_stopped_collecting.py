"""A session of a person that is killed again and again loses no response."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stimuli.categories import CATEGORIES
from tests.unit.experiments.logs import rows

ROOT = Path(__file__).parents[2]
SLOW_OBSERVER = """
import time
from observers.simulated import Biased
class Sleepy:
    name, kind = "sleepy", "simulated"
    def observe(self, trials):
        for trial in trials:
            time.sleep(0.004)
            yield next(Biased(seed=3).observe([trial]))
"""


@pytest.mark.parametrize("n_kills", [2, 20])
def test_session_survives_being_killed_at_random_times(n_kills, tmp_path):
    """After SIGKILL every response is on disk, the session resumes with the next trial, and no trial is repeated."""
    (tmp_path / "sleepy.py").write_text(SLOW_OBSERVER)
    words = ["collect", "drawn-cue-conflict", "--participant", "S01", "--simulate", f"{tmp_path}/sleepy.py:Sleepy"]
    words += ["--out", str(tmp_path / "logs")]
    code = "import sys, cli; sys.argv[0] = 'observers'; cli.main()"
    path = tmp_path / "logs" / "drawn-cue-conflict" / "drawn-cue-conflict_S01_session-1.csv"
    rng, previous = random.Random(n_kills), []
    for _ in range(n_kills):
        resume = ["--resume"] if previous else []
        process = subprocess.Popen([sys.executable, "-c", code, *words, *resume], cwd=ROOT, stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)  # fmt: skip
        initial_size = path.stat().st_size if path.exists() else 0
        while process.poll() is None and (not path.exists() or path.stat().st_size == initial_size):
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.06))
        process.kill()
        process.wait()
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        assert lines[: len(previous)] == previous
        previous = lines if path.read_bytes().endswith(b"\n") else lines[:-1]
        if rng.random() < 0.3:  # lose the last bytes, as after a power failure
            path.write_bytes(path.read_bytes()[: -rng.randint(1, 40)])
            previous = path.read_text().splitlines()[1:]
            previous = previous if path.read_bytes().endswith(b"\n") else previous[:-1]
    result = subprocess.run([sys.executable, "-c", code, *words, *(["--resume"] if previous else [])], cwd=ROOT,
                            check=False, capture_output=True, text=True, env=os.environ)  # fmt: skip
    assert result.returncode == 0, result.stderr
    logged = rows(path)
    assert [row["trial"] for row in logged] == [str(n) for n in range(1, 257)]
    assert len({row["stimulus"] for row in logged}) == 256
    out = tmp_path / "uninterrupted"
    subprocess.run([sys.executable, "-c", code, *words[:-1], str(out)], cwd=ROOT, check=True, capture_output=True)
    uninterrupted = rows(out / path.relative_to(tmp_path / "logs"))
    for column in ("stimulus", "response", "block"):
        assert [row[column] for row in logged] == [row[column] for row in uninterrupted]
    assert set(CATEGORIES) >= {row["response"] for row in logged} - {""}
