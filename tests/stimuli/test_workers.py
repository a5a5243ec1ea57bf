"""Work shared out to processes: the same results however many there are, and an end that says nothing of its own."""

import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from stimuli.workers import each


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("at_once", [1, 3])
def test_results_are_in_the_order_of_the_jobs(workers, at_once):
    assert list(each(abs, range(-7, 0), workers, at_once)) == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("delay", [0, 0.5])
def test_left_early_no_worker_and_no_thread_complains(delay, monkeypatch):
    """Also where the executor sees that its workers are gone before it is told to stop, as happens on a busy machine."""
    raised = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    shutdown = ProcessPoolExecutor.shutdown
    monkeypatch.setattr(ProcessPoolExecutor, "shutdown", lambda self, **how: (time.sleep(delay), shutdown(self, **how)))
    results = each(time.sleep, [0, *[0.2] * 50], 2)
    next(results)
    results.close()
    assert not raised
    assert not multiprocessing.active_children()
