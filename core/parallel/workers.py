"""Map a function over jobs in worker processes of this machine, with results that do not depend on the number of workers."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from core.errors import StimulusError
from core.parallel.dispatch import Dispatcher, Job
from core.parallel.processes import THREAD_VARIABLES, ProcessExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_jobs(
    function: Callable[[Item], Result], jobs: Sequence[Item], n_workers: int, chunk_size: int = 1
) -> Iterator[Result]:
    """Yield `function(job)` for every job, in the order of the jobs.

    With more than one worker, `function` and the jobs are pickled. If a worker process ends, its jobs are computed again.
    Closing the generator early ends the workers. Each worker uses one thread, because the workers share the CPU cores.

    Args:
        function: The function to call. It must be importable if `n_workers` > 1.
        jobs: The arguments, one for each call.
        n_workers: Number of processes. With 1, everything runs in the calling process.
        chunk_size: Number of jobs that are sent to a worker at a time.

    Raises:
        StimulusError: If two worker processes ended while they computed the same jobs, or if the function raised an
            exception other than a UserError.
        UserError: If the function raised it.
    """
    n_workers = min(n_workers, -(-len(jobs) // chunk_size))
    if n_workers <= 1:
        yield from map(function, jobs)
        return
    starts = iter(range(0, len(jobs), chunk_size))
    finished: dict[int, list[Result]] = {}  # chunks that wait until all earlier chunks have been yielded
    next_start = 0

    def next_job(worker: str) -> Job | None:
        start = next(starts, None)
        return None if start is None else Job(start, jobs[start : start + chunk_size])

    one_thread = {name: "1" for name in THREAD_VARIABLES if name not in os.environ}
    with ProcessExecutor(n_workers, [one_thread] * n_workers) as executor:
        for outcome in Dispatcher(executor, partial(_run_chunk, function), next_job).outcomes():
            if outcome.error is not None:
                raise outcome.error
            if outcome.given_up:
                raise StimulusError(
                    f"a worker process {outcome.job.failures[-1][1]}; finished work is kept: run the same command again, "
                    f"with fewer workers if memory ran out"
                )
            finished[outcome.job.key] = outcome.result
            while next_start in finished:
                yield from finished.pop(next_start)
                next_start += chunk_size


def _run_chunk(function: Callable[[Item], Result], jobs: Sequence[Item]) -> list[Result]:
    return [function(job) for job in jobs]
