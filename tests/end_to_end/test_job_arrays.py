"""The job scripts in docs/cluster.md, run with a stand-in for sbatch."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.programs_on_path import put_on_path

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "cluster.md").read_text("utf-8").split("## Job arrays")[1].split("\n## ")[0]
ARRAY, SUBMIT = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)

# Runs the tasks of an array one after the other, without those in OUTAGE, and prints the number of the job.
SBATCH = r"""#!{python}
import os, re, subprocess, sys
from pathlib import Path

options = dict(word[2:].partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
scripts = [word for word in sys.argv[1:] if not word.startswith("--")]
if "wrap" in options:
    assert options["dependency"] == "afterany:17"
    done = subprocess.run(options["wrap"], shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    Path(options["output"]).write_bytes(done.stdout)
    Path("merge.code").write_text(str(done.returncode))
    sys.exit()
text = Path(scripts[0]).read_text()
array = options.get("array") or re.search("^#SBATCH --array=(.*)", text, re.M)[1]
tasks = []
for part in array.partition("%")[0].split(","):
    first, _, last = part.partition("-")
    tasks += range(int(first), int(last or first) + 1)
for task in tasks:
    if str(task) not in os.environ.get("OUTAGE", "").split(","):
        numbers = {{"TASK_ID": task, "TASK_MIN": min(tasks), "TASK_MAX": max(tasks), "TASK_COUNT": len(tasks), "JOB_ID": 17}}
        variables = {{f"SLURM_ARRAY_{{name}}": str(number) for name, number in numbers.items()}}
        variables["SLURM_CPUS_PER_TASK"] = "1"
        subprocess.run(["bash", scripts[0]], env=os.environ | variables, check=True, stdout=subprocess.DEVNULL)
print(17)
"""


@pytest.fixture
def cluster(tmp_path, cache, monkeypatch):
    """Put `sbatch` and `observers` on the path, and the scripts into the current folder, for a small experiment."""
    put_on_path(monkeypatch, tmp_path / "bin", sbatch=SBATCH.format(python=sys.executable))
    script = ARRAY.replace("cue-conflict --observer sd14", "drawn-cue-conflict --observer ideal --observer chance")
    (tmp_path / "array.sh").write_text(script.replace("100", "5"))
    (tmp_path / "submit.sh").write_text(SUBMIT)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SLURM_") or name in ("RANK", "WORLD_SIZE")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_the_scripts_of_the_documentation(cluster, monkeypatch):
    monkeypatch.setenv("OUTAGE", "1,2,4")
    subprocess.run(["bash", "-eu", "submit.sh"], check=True)
    message = (cluster / "merge.out").read_text()
    assert (cluster / "merge.code").read_text() == "3"
    expression = re.search(r"sbatch --array=(\S+) SCRIPT", message)[1]
    assert expression == "1-2,4"
    monkeypatch.delenv("OUTAGE")
    subprocess.run(["sbatch", f"--array={expression}", "array.sh"], check=True)
    subprocess.run(["observers", "merge", "logs"], check=True)
    logs = sorted((cluster / "logs" / "drawn-cue-conflict").glob("*.csv"))
    assert len(logs) == 2
    command = ["observers", "run-experiment", "drawn-cue-conflict", "--observer", "ideal", "--observer", "chance"]
    subprocess.run([*command, "--out", "whole", "--quiet"], check=True)
    for path in logs:
        assert path.read_bytes() == (cluster / "whole" / path.relative_to(cluster / "logs")).read_bytes()
