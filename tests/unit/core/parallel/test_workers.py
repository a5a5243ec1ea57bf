"""Jobs on worker processes: results do not depend on the number of workers, and stopping early is silent."""

import multiprocessing
import os
import signal
import time

import pytest

from core.errors import StimulusError, UserError
from core.parallel.workers import map_jobs


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("chunk_size", [1, 3])
def test_results_are_in_the_order_of_the_jobs(n_workers, chunk_size):
    assert list(map_jobs(abs, range(-7, 0), n_workers, chunk_size)) == [7, 6, 5, 4, 3, 2, 1]


def test_closing_the_results_early_ends_the_workers(capfd):
    results = map_jobs(time.sleep, [0, *[0.2] * 50], 2)
    next(results)
    results.close()
    assert not multiprocessing.active_children()
    assert capfd.readouterr() == ("", "")


def die_once(path):
    """End this process with SIGKILL, unless the file exists."""
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


@pytest.mark.slow
def test_jobs_of_a_killed_process_are_computed_again(tmp_path):
    paths = [tmp_path / str(number) for number in range(6)]
    for path in paths[1:]:
        path.touch()
    assert list(map_jobs(die_once, paths, 2)) == list("012345")


def die(job):
    """End this process with SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_job_that_ends_two_processes_is_reported():
    with pytest.raises(StimulusError, match=r"was ended by SIGKILL, most likely because memory ran out; finished"):
        list(map_jobs(die, [1, 2, 3], 2))


def fail(job):
    """Raise a UserError for job 2, and another exception for job 3."""
    if job == 2:
        raise UserError("job 2 has a wrong option")
    if job == 3:
        raise ValueError("unexpected")
    return job


@pytest.mark.slow
def test_errors_of_the_function_are_raised():
    with pytest.raises(UserError, match="job 2 has a wrong option"):
        list(map_jobs(fail, [0, 1, 2], 2))
    with pytest.raises(
        StimulusError,
        match=r"a worker process raised ValueError: unexpected \(test_workers.py, line \d+\); finished work is kept",
    ):
        list(map_jobs(fail, [0, 1, 3], 2))


def test_workers_compute_on_one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert list(map_jobs(os.getenv, ["OMP_NUM_THREADS"] * 2, 2)) == ["1", "1"]
    assert "OMP_NUM_THREADS" not in os.environ
