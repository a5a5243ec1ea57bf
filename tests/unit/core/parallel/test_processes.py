"""Worker processes of this machine: their environment, their replacement, and their end."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import UserError
from core.parallel.executor import Failed, Finished, Lost
from core.parallel.gpus import choose_gpus, gpu_environments, visible_gpus
from core.parallel.processes import ProcessExecutor, n_cores, thread_variables

ROOT = Path(__file__).parents[4]


def wait(executor, n_events=1):
    """Return the next events, at least `n_events` of them, within a minute."""
    events, end = [], time.monotonic() + 60
    while len(events) < n_events and time.monotonic() < end:
        events += executor.wait(1)
    return events


def test_each_process_has_its_environment():
    with ProcessExecutor(2, [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "3"}]) as executor:
        names = executor.workers()
        for number, worker in enumerate(names):
            executor.submit(worker, number, os.getenv, "CUDA_VISIBLE_DEVICES")
        events = sorted(wait(executor, 2), key=lambda event: event.job)
    assert events == [Finished(names[0], 0, "0"), Finished(names[1], 1, "3")]
    assert "CUDA_VISIBLE_DEVICES" not in os.environ or os.environ["CUDA_VISIBLE_DEVICES"] != "3"


@pytest.mark.slow
def test_a_killed_process_is_replaced():
    with ProcessExecutor(1) as executor:
        (worker,) = executor.workers()
        executor.submit(worker, 0, math.sqrt, "text")
        (event,) = wait(executor)
        assert isinstance(event, Failed) and event.error.startswith("raised TypeError")
        executor.submit(worker, 1, kill_this_process, signal.SIGTERM)
        assert wait(executor) == [Lost(worker, "was ended by SIGTERM")]
        (other,) = executor.workers()
        assert other == "process 1 of 1 (start 2)"
        executor.submit(other, 3, abs, -1)
        assert wait(executor) == [Finished(other, 3, 1)]


def kill_this_process(number):
    """End this process with a signal."""
    os.kill(os.getpid(), number)
    time.sleep(60)


def exit_this_process(code):
    """End this process with an exit code."""
    os._exit(code)


@pytest.mark.slow
def test_a_process_that_ends_by_itself_or_by_a_signal_without_a_name():
    with ProcessExecutor(1) as executor:
        executor.submit(executor.workers()[0], 0, exit_this_process, 7)
        assert [event.reason for event in wait(executor)] == ["ended with the exit code 7"]
        executor.submit(executor.workers()[0], 1, kill_this_process, 37)  # a real-time signal
        assert [event.reason for event in wait(executor)] == ["was ended by signal 37"]


def test_a_stopped_process_does_not_block_this_one():
    """Jobs that are larger than the buffer of a pipe are sent by a thread."""
    with ProcessExecutor(1) as executor:
        (worker,) = executor.workers()
        executor.submit(worker, 0, kill_this_process, signal.SIGSTOP)
        start = time.monotonic()
        for number in (1, 2):
            executor.submit(worker, number, len, b"x" * 2**20)
        assert time.monotonic() - start < 10
        executor.discard(worker, "did not respond")
        assert wait(executor) == [Lost(worker, "did not respond")]


def test_a_process_that_does_not_respond_is_ended():
    with ProcessExecutor(1) as executor:
        (worker,) = executor.workers()
        executor.submit(worker, 0, time.sleep, 600)
        executor.discard(worker, "did not respond")
        assert wait(executor) == [Lost(worker, "did not respond")]
        executor.discard(worker, "again")  # of a worker that is gone


def test_results_that_cannot_be_pickled():
    with ProcessExecutor(1) as executor:
        executor.submit(executor.workers()[0], 0, open_this_file, None)
        (event,) = wait(executor)
        assert isinstance(event, Failed) and "cannot be pickled" in event.error


def open_this_file(_):
    """Return an object that cannot be pickled."""
    return open(__file__)


def test_processes_end_with_the_process_that_started_them(tmp_path):
    code = (
        "import os, sys, time\n"
        "from core.parallel.processes import ProcessExecutor\n"
        "if __name__ == '__main__':\n"
        "    executor = ProcessExecutor(2)\n"
        "    [executor.submit(w, i, abs, i) for i, w in enumerate(executor.workers())]\n"
        "    time.sleep(0.1); executor.wait(30)\n"
        "    print(*[p.process.pid for p in executor._processes.values()], flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=60)
    pids = list(map(int, done.stdout.split()))
    assert len(pids) == 2, done.stderr
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_workers_divide_the_cores(monkeypatch):
    monkeypatch.setattr("core.parallel.processes.n_cores", lambda: 16)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    assert thread_variables(3) == {"OMP_NUM_THREADS": "5", "OPENBLAS_NUM_THREADS": "5"}
    assert thread_variables(40)["OMP_NUM_THREADS"] == "1"
    assert n_cores() >= 1


def test_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 5,GPU-1f")
    assert choose_gpus("all") == ["4", "5", "GPU-1f"] and choose_gpus("5,4") == ["5", "4"]
    for text in ("0", "4,4", "", "all,4"):
        with pytest.raises(UserError, match=r"--gpus must be all, or some of 4,5,GPU-1f"):
            choose_gpus(text)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    environments = gpu_environments(["4", "5"], 3)
    assert [e["CUDA_VISIBLE_DEVICES"] for e in environments] == ["4", "5", "4"]
    assert all("CUDA_DEVICE_ORDER" not in e for e in environments)
    monkeypatch.delenv("CUDA_DEVICE_ORDER")
    assert gpu_environments(["4"], 1)[0]["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    with pytest.raises(UserError, match="PyTorch cannot use any GPU on this machine"):
        choose_gpus("all")


def test_gpus_are_counted_in_another_process(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("core.parallel.gpus._COUNT", "print(2)")
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setattr("core.parallel.gpus._COUNT", "import a_missing_module")
    assert visible_gpus() == []
