"""Distribute jobs over worker processes, with results that do not depend on the number of workers."""

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

from core.errors import StimulusError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Job = TypeVar("Job")
Result = TypeVar("Result")


def map_jobs(
    function: Callable[[Job], Result], jobs: Sequence[Job], n_workers: int, chunk_size: int = 1
) -> Iterator[Result]:
    """Yield `function(job)` for every job, in the order of the jobs.

    With more than one worker, `function` and the jobs are pickled. Closing the generator early terminates the workers.

    Args:
        function: The function to call. It must be importable if `n_workers` > 1.
        jobs: The arguments, one for each call.
        n_workers: Number of processes. With 1, everything runs in the calling process.
        chunk_size: Number of jobs that are sent to a worker at a time.

    Raises:
        StimulusError: If the system has killed a worker.
    """
    n_workers = min(n_workers, -(-len(jobs) // chunk_size))
    if n_workers <= 1:
        yield from map(function, jobs)
        return
    # Workers are spawned because a forked process would inherit state that differs between machines, such as threads of
    # libraries.
    pool = ProcessPoolExecutor(n_workers, multiprocessing.get_context("spawn"), _exit_with_parent)
    other_processes = set(multiprocessing.active_children())
    try:
        # Executor.map is not used because it cancels the pending jobs when it is closed early. If the executor's thread
        # then notices that a worker has exited before the thread is told to stop, the thread raises an exception for a
        # cancelled job.
        with _single_threaded_children():
            chunks = deque(
                pool.submit(_run_chunk, function, jobs[start : start + chunk_size])
                for start in range(0, len(jobs), chunk_size)
            )
        while chunks:
            yield from chunks.popleft().result()
    except (KeyboardInterrupt, GeneratorExit):
        for worker in set(multiprocessing.active_children()) - other_processes:
            worker.terminate()  # otherwise the shutdown below would wait for the jobs that are running
        raise
    except BrokenProcessPool:
        raise StimulusError(
            "the system ended a worker process, most likely because memory ran out; finished work is kept: run the same "
            "command again with fewer workers"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _run_chunk(function: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    return [function(job) for job in jobs]


def _exit_with_parent() -> None:
    """Make this worker exit when its parent dies; otherwise it would wait for jobs forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Let processes that are started in this context compute on one thread, because the workers share the cores.

    A variable that the user has set is left unchanged.
    """
    added = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
