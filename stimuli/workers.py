"""Work shared out to processes, with results that do not depend on how many there are."""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from typing import TypeVar

from stimuli.errors import StimulusError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Job = TypeVar("Job")
Result = TypeVar("Result")


def each(function: Callable[[Job], Result], jobs: Sequence[Job], workers: int, at_once: int = 1) -> Iterator[Result]:
    """`function` of each of `jobs`, in their order; a worker is given `at_once` at a time.

    With more than one worker `function` and jobs are pickled. Raises StimulusError if a worker is ended from outside.
    """
    workers = min(workers, -(-len(jobs) // at_once))
    if workers <= 1:
        yield from map(function, jobs)
        return
    # spawn: what a fork would inherit, such as threads of other libraries, differs from machine to machine.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with_parent)
    others = set(multiprocessing.active_children())
    try:
        # Not the executor's map: left early it cancels what waits, and the executor's thread fails on what is cancelled if
        # it sees that a worker is gone before it is told to stop.
        with _one_thread_each():
            chunks = deque(
                pool.submit(_of_each, function, jobs[start : start + at_once]) for start in range(0, len(jobs), at_once)
            )
        while chunks:
            yield from chunks.popleft().result()
    except (KeyboardInterrupt, GeneratorExit):
        for worker in set(multiprocessing.active_children()) - others:
            worker.terminate()  # what it was given would take it a while
        raise
    except BrokenProcessPool:
        raise StimulusError(
            "a worker was ended from outside, most often for want of memory; what is made is kept: run it again with fewer "
            "workers"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _of_each(function: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    return [function(job) for job in jobs]


def _end_with_parent() -> None:
    """A worker waits for work for ever; it must not outlive a parent that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are started meanwhile compute on one thread, unless the user said how many: workers share the cores."""
    added = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
