"""Workers, a dask cluster and merged shards give the log of one process, byte for byte."""

import shutil
import subprocess
from pathlib import Path

import pytest

from experiments import make_experiment
from tests.end_to_end.test_cluster import SLOW_OBSERVER, Cluster
from tests.end_to_end.test_shards import CLI, ROOT, without_times

N_TRIALS = 40  # three units of work
OPTIONS = {"microcosm-latent": ["-o", "draws=6"]}  # takes minutes otherwise
OBSERVERS = ["ideal", "efficientnet-lite0", "microcosm-cnn", "microcosm-latent", "FILE.py:Slow"]


def facts(path):
    """Return the sidecar without times and devices: the processes may have different numbers of threads."""
    return {key: value for key, value in without_times(path).items() if key != "devices"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Return a folder of drawn images, one subfolder per category."""
    folder = tmp_path_factory.mktemp("images") / "few"
    for stimulus in make_experiment("drawn-cue-conflict").stimuli.stimuli[:N_TRIALS]:
        (folder / stimulus.category).mkdir(parents=True, exist_ok=True)
        shutil.copy(stimulus.path, folder / stimulus.category / stimulus.path.name)
    return folder


@pytest.fixture(scope="module")
def three_workers(tmp_path_factory):
    """Return a scheduler with three workers."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    for _ in range(3):
        cluster.start_worker()
    yield cluster
    cluster.close()


@pytest.mark.parametrize("observer", OBSERVERS)
def test_logs_are_equal_byte_for_byte(images, three_workers, tmp_path, observer):
    if observer not in ("ideal", "FILE.py:Slow"):
        pytest.importorskip("efficientnet_lite_pytorch")
    (tmp_path / "FILE.py").write_text(SLOW_OBSERVER)
    name = f"{tmp_path}/{observer}" if ".py" in observer else observer

    def run(out, *words):
        command = [*CLI, "run-experiment", images, "--observer", name, "--quiet", "--out", tmp_path / out, *words]
        command += OPTIONS.get(observer, [])
        subprocess.run([str(word) for word in command], check=True, cwd=ROOT, capture_output=True)
        logs = list((tmp_path / out).rglob("*.csv"))
        assert len(logs) == 1
        return logs[0]

    whole = run("whole")
    assert whole.read_bytes().count(b"\n") == N_TRIALS + 1
    others = [
        run("two", "--workers", 2),
        run("five", "--workers", 5),
        run("dask", "--scheduler", three_workers.file),
    ]
    for index in (3, 1, 4, 2):
        run(f"shard-{index}", "--shard", f"{index}/4")
    for index in (1, 2, 3, 4):  # as if each shard had been run on a machine of its own
        shutil.copytree(tmp_path / f"shard-{index}", tmp_path / "shards", dirs_exist_ok=True)
    done = subprocess.run([*CLI, "merge", tmp_path / "shards"], check=True, cwd=ROOT, capture_output=True, text=True)
    others.append(Path(done.stdout.strip().removeprefix("log: ")))
    for other in others:
        assert other.read_bytes() == whole.read_bytes(), other
        assert facts(other) == facts(whole), other
