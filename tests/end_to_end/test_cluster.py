"""A dask scheduler and workers in processes of their own: the same logs, whichever of them ends, hangs or differs."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.errors import ObserverError, UserError
from core.parallel.executor import Finished, Lost
from experiments.executors.dask_cluster import OUT_OF_MEMORY, DaskExecutor
from experiments.running.session import run
from observers.spec import ObserverSpec

ROOT = Path(__file__).parents[2]
SLOW_OBSERVER = """
import hashlib, time
from attrs import frozen
from observers.protocol import Response

@frozen
class Slow:
    seconds: float = 0.0
    name: str = "slow"
    kind: str = "simulated"
    def observe(self, trials):
        for trial in trials:
            time.sleep(self.seconds)
            evidence = list(hashlib.sha256(trial.stimulus.id.encode()).digest()[: len(trial.choices)])
            yield Response(trial.choices[evidence.index(max(evidence))], evidence=evidence)
"""
# Python imports this file at its start. It hides a package of this project.
SITE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "experiments":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
"""


class Cluster:
    """A scheduler and workers on this machine."""

    def __init__(self, folder):
        self.folder, self.file, self.processes = folder, folder / "scheduler.json", []
        self.start_scheduler()

    def start(self, *words, root=ROOT, module="cli", path=""):
        """Start `observers WORDS…` of the code in a folder."""
        variables = os.environ | {"PYTHONPATH": os.pathsep.join([*filter(None, [path]), str(root)])}
        command = [sys.executable, "-m", module, *map(str, words)]
        with (self.folder / f"process-{len(self.processes)}.txt").open("w") as log:
            self.processes.append(subprocess.Popen(command, cwd=root, env=variables, stdout=log, stderr=log))
        return self.processes[-1]

    def start_scheduler(self):
        """Start a scheduler and wait until it has written its file."""
        self.file.unlink(missing_ok=True)  # of an earlier scheduler
        self.scheduler = self.start("scheduler", "--scheduler-file", self.file)
        wait_until(lambda: self.file.exists() and self.file.read_text().endswith("}"))

    def start_worker(self, *options, **settings):
        """Start a worker."""
        return self.start("worker", "--scheduler", self.file, *options, **settings)

    def close(self):
        """End all processes."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(condition, seconds=90):
    """Wait until a condition is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.05)


def computing_process(worker):
    """Return the process that computes; the one that was started only restarts it."""
    children = psutil.Process(worker.pid).children()
    (child,) = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    return child


@pytest.fixture
def cluster(tmp_path):
    """Return a scheduler without workers."""
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


@pytest.fixture
def slow(tmp_path):
    """Return the name of an observer in a file."""
    (tmp_path / "mine.py").write_text(SLOW_OBSERVER)
    return f"{tmp_path}/mine.py:Slow"


def once(n, act):
    """Return a progress function that calls `act` once, when n trials are done."""
    waiting = [act]

    def progress(done, total):
        if done >= n and waiting:
            waiting.pop()()

    return progress


def test_three_workers_give_the_log_of_one_process(cluster, slow, drawn, tmp_path):
    for _ in range(3):
        cluster.start_worker()
    with DaskExecutor(str(cluster.file)) as executor:
        wait_until(lambda: len(executor.workers()) == 3)
        for name, limit in (("ideal", None), (slow, None), ("microcosm-cnn", 64)):
            alone = run(drawn, ObserverSpec(name), tmp_path / "alone", limit=limit)
            together = run(drawn, ObserverSpec(name), tmp_path / "together", limit=limit, executor=executor)
            assert together.read_bytes() == alone.read_bytes()
            assert not together.with_suffix(".units").exists()


def test_workers_are_killed_and_added(cluster, slow, drawn, tmp_path):
    first, second = cluster.start_worker(), cluster.start_worker()
    notes = []

    def disturb():
        computing_process(first).kill()
        second.terminate()
        cluster.start_worker()

    spec = ObserverSpec(slow, {"seconds": 0.03})
    with DaskExecutor(str(cluster.file)) as executor:
        wait_until(lambda: len(executor.workers()) == 2)
        log = run(
            drawn, spec, tmp_path / "together", executor=executor, progress=once(32, disturb), notify=notes.append
        )
    assert log.read_bytes() == run(drawn, spec, tmp_path / "alone").read_bytes()
    lost = [note for note in notes if note.endswith("has ended or lost its connection; its trials are repeated")]
    assert len(lost) == 2 and all(note.startswith("worker ") for note in lost)


def test_scheduler_is_killed(cluster, slow, drawn, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("experiments.running.planning.TARGET_SECONDS", 1.0)
    cluster.start_worker()
    spec = ObserverSpec(slow, {"seconds": 0.03})
    message = (
        "the scheduler at tcp://.* has ended or cannot be reached; the responses of all finished units are saved: "
    )
    with DaskExecutor(str(cluster.file)) as executor, pytest.raises(UserError, match=message):
        run(drawn, spec, tmp_path / "together", executor=executor, progress=once(32, cluster.scheduler.kill))
    cluster.processes[1].wait(60)  # a worker without a scheduler ends
    cluster.start_scheduler()
    cluster.start_worker()
    with DaskExecutor(str(cluster.file)) as executor:
        log = run(drawn, spec, tmp_path / "together", executor=executor)
    assert log.read_bytes() == run(drawn, spec, tmp_path / "alone").read_bytes()
    assert capfd.readouterr().err == ""


def test_worker_with_another_version(cluster, slow, drawn, tmp_path):
    for package in ("core", "stimuli", "observers", "experiments", "commands", "analysis"):
        shutil.copytree(
            ROOT / package, tmp_path / "old" / package, ignore=shutil.ignore_patterns("weights", "__pycache__")
        )
    shutil.copy(ROOT / "cli.py", tmp_path / "old")
    with (tmp_path / "old" / "observers" / "protocol.py").open("a") as file:
        file.write("\n# changed\n")
    cluster.start_worker(root=tmp_path / "old")
    cluster.start_worker()
    check_that_one_worker_computes(cluster, slow, drawn, tmp_path, "a different version of this project")


def test_worker_without_the_project(cluster, slow, drawn, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    options = ["--scheduler-file", cluster.file, "--nthreads", "1", "--no-dashboard"]
    cluster.start(*options, module="distributed.cli.dask_worker", path=str(tmp_path / "site"))
    cluster.start_worker()
    check_that_one_worker_computes(cluster, slow, drawn, tmp_path, r"it cannot load this project \(ModuleNotFoundError")


def check_that_one_worker_computes(cluster, observer, experiment, folder, reason):
    """Check that the other worker gets no trials for a reason, and that the log is the same."""
    notes = []
    with DaskExecutor(str(cluster.file)) as executor:
        wait_until(lambda: len(executor.workers()) == 2)
        log = run(experiment, ObserverSpec(observer), folder / "together", executor=executor, notify=notes.append)
    assert log.read_bytes() == run(experiment, ObserverSpec(observer), folder / "alone").read_bytes()
    assert [note for note in notes if "gets no further trials" in note], notes
    (note,) = [note for note in notes if "gets no further trials" in note]
    assert re.search(reason, note) and "install the same version" in note


def test_missing_weights_are_one_sentence(cluster, drawn, tmp_path):
    cluster.start_worker()
    with (
        DaskExecutor(str(cluster.file)) as executor,
        pytest.raises(ObserverError, match=r"the repository CompVis/.*cannot"),
    ):
        run(drawn, ObserverSpec("sd14"), tmp_path / "logs", executor=executor, limit=8)


def test_worker_that_hangs_is_restarted(cluster):
    worker = cluster.start_worker()
    with DaskExecutor(str(cluster.file)) as executor:
        wait_until(lambda: executor.workers())
        (name,) = executor.workers()
        computing_process(worker).send_signal(signal.SIGSTOP)
        executor.submit(name, 1, os.getpgid, 0)
        assert executor.wait(1) == []
        executor.discard(name, "did not respond")
        assert list(executor.wait(20)) == [Lost(name, "did not respond")]
        wait_until(lambda: executor.workers())
        (other,) = executor.workers()
        assert other != name
        executor.submit(other, 2, os.getpgid, 0)
        (event,) = executor.wait(60)
        assert isinstance(event, Finished) and event.worker == other and event.job == 2


def test_worker_without_a_nanny_that_hangs_gets_no_further_jobs(cluster):
    cluster.start_worker("--", "--no-nanny")
    with DaskExecutor(str(cluster.file)) as executor:
        wait_until(lambda: executor.workers())
        (name,) = executor.workers()
        executor.submit(name, 1, time.sleep, 20)
        executor.discard(name, "did not respond")
        assert list(executor.wait(20)) == [Lost(name, "did not respond")]
        assert executor.workers() == []


def test_worker_that_exceeds_its_memory_is_restarted(cluster):
    cluster.start_worker("--memory-limit", "500MB")
    with DaskExecutor(str(cluster.file)) as executor:
        wait_until(lambda: executor.workers())
        (name,) = executor.workers()
        executor.submit(name, 1, os.urandom, 1_200_000_000)
        assert list(executor.wait(60)) == [Lost(name, OUT_OF_MEMORY)]
        wait_until(lambda: executor.workers())


def test_scheduler_needs_only_dask(cluster, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    file = tmp_path / "other.json"
    options = ["--scheduler-file", file, "--port", "0", "--no-dashboard"]
    cluster.start(*options, module="distributed.cli.dask_scheduler", path=str(tmp_path / "site"))
    wait_until(lambda: file.exists() and file.read_text().endswith("}"))
    file.chmod(0o600)
    cluster.start("worker", "--scheduler", file)
    with DaskExecutor(str(file)) as executor:
        wait_until(lambda: executor.workers())
        executor.submit(executor.workers()[0], 1, os.getpgid, 0)
        assert isinstance(executor.wait(60)[0], Finished)
