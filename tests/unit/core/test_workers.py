"""Jobs on worker processes: results do not depend on the number of workers, and stopping early is silent."""

import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from core.workers import map_jobs


@pytest.mark.parametrize("n_workers", [1, 2])
@pytest.mark.parametrize("chunk_size", [1, 3])
def test_results_are_in_the_order_of_the_jobs(n_workers, chunk_size):
    assert list(map_jobs(abs, range(-7, 0), n_workers, chunk_size)) == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("delay", [0, 0.5])
def test_closing_the_results_early_ends_the_workers_without_an_exception(delay, monkeypatch):
    """With a delay, the executor notices that its workers have ended before it is told to stop, as on a busy machine."""
    raised = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    shutdown = ProcessPoolExecutor.shutdown
    monkeypatch.setattr(
        ProcessPoolExecutor, "shutdown", lambda self, **options: (time.sleep(delay), shutdown(self, **options))
    )
    results = map_jobs(time.sleep, [0, *[0.2] * 50], 2)
    next(results)
    results.close()
    assert not raised
    assert not multiprocessing.active_children()
