"""The scripts in docs/cluster.md: shellcheck accepts them, and that of a coordinator runs with a stand-in for srun."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.programs_on_path import put_on_path

pytest.importorskip("distributed")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cluster.md").read_text("utf-8")
SCRIPTS = [text for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if text.startswith("#!") or "$(" in text]
SCRIPT = PAGE.split("## A coordinator with workers")[1].split("```sh\n")[1].split("```")[0]
RUNS = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]

# Starts the command as many times as the job has tasks, with a GPU number of its own, and ends them when it is ended.
SRUN = r"""#!{python}
import os, signal, subprocess, sys

tasks = []
signal.signal(signal.SIGTERM, lambda *_: [task.terminate() for task in tasks])
for number in range(int(os.environ["SLURM_NTASKS"])):
    variables = {{"SLURM_PROCID": str(number), "CUDA_VISIBLE_DEVICES": ""}}
    tasks.append(subprocess.Popen(sys.argv[1:], env=os.environ | variables))
sys.exit(max(task.wait() for task in tasks))
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_accepts_the_scripts(script, tmp_path):
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("shellcheck is not installed")
    path = tmp_path / "script.sh"
    path.write_text(script)
    done = subprocess.run([program, "--shell=bash", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_coordinator_script(tmp_path, cache, monkeypatch):
    put_on_path(monkeypatch, tmp_path / "bin", srun=SRUN.format(python=sys.executable))
    assert "#SBATCH --ntasks=8" in SCRIPT
    (tmp_path / "coordinator.sh").write_text(SCRIPT)
    runs = RUNS.replace('["cue-conflict", "sketch", "edge"]', '["drawn-cue-conflict"]').replace(
        "draws = 250", "shape_bias = 0.3"
    )
    runs = runs.replace('["sd14", "if", "clip"]', '["ideal", "biased"]').replace(
        '["cue-conflict"]', '["drawn-cue-conflict"]'
    )
    (tmp_path / "runs.toml").write_text(runs.replace("mine.py:Mine", "chance"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    done = subprocess.run(["bash", "coordinator.sh"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run(
        ["observers", "run-experiment", "--runs", "runs.toml", "--out", "alone", "--quiet"],
        check=True,
        capture_output=True,
    )
    logs = sorted(path.relative_to(tmp_path / "alone") for path in (tmp_path / "alone").rglob("*.csv"))
    assert len(logs) == 3
    for log in logs:
        assert (tmp_path / "logs" / log).read_bytes() == (tmp_path / "alone" / log).read_bytes()
