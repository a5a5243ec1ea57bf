"""Distribute jobs to the workers of an executor, and compute a job on another worker if its worker was lost.

Workers may be lost or added at any time. A job that fails on two workers is given up, and the other jobs continue. A
worker on which several jobs in a row fail, while other workers finish theirs, gets no further jobs.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field, frozen

from core.errors import UserError
from core.parallel.executor import Event, Executor, Finished, Lost, Unusable

MAX_FAILURES = 2  # failures of a job, after which it is given up
MAX_FAILURES_OF_WORKER = 3  # consecutive failures of jobs on a worker, after which it may be excluded
MAX_LOST = 5  # consecutive losses per worker, after which the run ends if workers cannot be added
MIN_LOST = 10  # smallest number of consecutive losses, after which the run ends
MAX_QUEUED = 2  # jobs per worker, so that it can begin the next job while the result of the previous one is saved
POLL_SECONDS = 0.5  # longest wait for an event before time limits are checked
WAITING_SECONDS = 30.0  # time without workers after which the user is notified


@define(eq=False)
class Job:
    """A job and what has happened to it.

    Attributes:
        key: A value with which the caller identifies the job; None for a query that does not count as work.
        argument: The argument of the function.
        failures: The workers on which the job failed, each with the reason.
    """

    key: Any
    argument: Any
    failures: list[tuple[str, str]] = field(factory=list)


@frozen(eq=False)
class Outcome:
    """The outcome of a job.

    Attributes:
        job: The job.
        worker: The worker that computed it last.
        result: What the function returned; None if it failed.
        error: The UserError that the function raised, if it raised one.
        given_up: Whether the job failed on two workers (see `job.failures`).
    """

    job: Job
    worker: str
    result: Any = None
    error: UserError | None = None
    given_up: bool = False


@define(eq=False)
class Dispatcher:
    """Distributes jobs to workers until no job remains.

    Attributes:
        executor: The executor. It is not closed.
        function: The function that computes a job from `Job.argument`. It must be importable on the workers.
        next_job: Function that takes the name of a worker and returns the next job for it, or None if the worker should not
            get a job now.
        time_limit: Function that takes a job and returns its time limit in seconds, or None for no limit. A worker that
            exceeds the limit is ended, and the job is computed on another worker.
        notify: Function that is called with a sentence when a worker is lost or excluded, or while none is connected.

    Example:
        >>> dispatcher = Dispatcher(executor, math.sqrt, lambda worker: jobs.pop() if jobs else None)
        >>> results = {outcome.job.key: outcome.result for outcome in dispatcher.outcomes()}
    """

    executor: Executor
    function: Callable[[Any], Any]
    next_job: Callable[[str], Job | None]
    time_limit: Callable[[Job], float | None] = lambda job: None
    notify: Callable[[str], None] = lambda sentence: None
    _queued: dict[str, deque[tuple[int, Job]]] = field(factory=dict, init=False)  # the first job is being computed
    _started: dict[str, float] = field(factory=dict, init=False)  # time at which a worker began its first job
    _retries: deque[Job] = field(factory=deque, init=False)
    _n_failures: dict[str, int] = field(factory=dict, init=False)  # consecutive failures of jobs on a worker
    _n_finished: int = field(default=0, init=False)  # finished jobs of all workers
    _n_finished_before: dict[str, int] = field(factory=dict, init=False)  # the same before a worker's first failure
    _n_lost: int = field(default=0, init=False)  # lost workers since the last finished job
    _excluded: dict[str, str] = field(factory=dict, init=False)  # workers that get no further jobs, with the reason
    _numbers: Iterator[int] = field(factory=itertools.count, init=False)
    _last_worker: float = field(factory=time.monotonic, init=False)  # when a worker was last available

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each job, in the order in which the jobs are finished.

        The iterator ends when `next_job` returns None for every worker while no job is being computed.

        Raises:
            UserError: If jobs remain that no worker can compute, and no worker can be added.
        """
        while self._submit():
            for event in self.executor.wait(POLL_SECONDS):
                yield from self._handle(event)
            self._discard_slow_workers()

    def n_queued(self, worker: str) -> int:
        """Return the number of jobs that a worker has, including the one that it is computing."""
        return len(self._queued.get(worker, ()))

    def exclude(self, worker: str, reason: str) -> None:
        """Give no further jobs to a worker. `reason` is a sentence for the user."""
        if worker not in self._excluded:
            self._excluded[worker] = reason
            self.notify(f"{worker} gets no further trials: {reason}")

    def repeat(self, job: Job) -> None:
        """Compute a job again, on any worker."""
        self._retries.append(job)

    def _submit(self) -> bool:
        """Give jobs to the workers that have fewer than MAX_QUEUED, and return whether any job is unfinished."""
        workers = [worker for worker in self.executor.workers() if worker not in self._excluded]
        for n_queued in range(MAX_QUEUED):  # first one job for each worker, then a second one
            for worker in workers:
                if self.n_queued(worker) == n_queued and (job := self._take(worker, workers)):
                    number = next(self._numbers)
                    self._queued.setdefault(worker, deque()).append((number, job))
                    if n_queued == 0:
                        self._started[worker] = time.monotonic()
                    self.executor.submit(worker, number, self.function, job.argument)
        if any(self._queued.values()):
            self._last_worker = time.monotonic()
            return True
        if workers:
            return bool(self._retries)
        return self._wait_for_workers()

    def _take(self, worker: str, workers: list[str]) -> Job | None:
        """Return the next job for a worker: first a job that has to be repeated and has not failed on this worker."""
        for job in self._retries:
            failed_on = {name for name, _ in job.failures}
            if worker not in failed_on or failed_on.issuperset(workers):
                self._retries.remove(job)
                return job
        return self.next_job(worker)

    def _handle(self, event: Event) -> Iterator[Outcome]:
        """Update the queues after an event, and yield the outcome of the job if the event is final for it."""
        queue = self._queued.get(event.worker, deque())
        if isinstance(event, Lost):
            self._queued.pop(event.worker, None)
            if queue:
                self.notify(f"{event.worker} {event.reason}; its trials are repeated")
                _, first = queue.popleft()  # only the job that was being computed can be the cause
                yield from self._fail(first, event.worker, event.reason)
                self._count_lost(event.reason)
            self._retries.extend(other for _, other in queue)
            return
        if isinstance(event, Unusable):
            self._queued.pop(event.worker, None)
            self._retries.extend(job for _, job in queue)
            self.exclude(event.worker, event.reason)
            return
        job = next((queued for number, queued in queue if number == event.job), None)
        if job is None:
            return  # the worker was declared lost before this result arrived
        self._queued[event.worker] = deque((number, other) for number, other in queue if other is not job)
        self._started[event.worker] = time.monotonic()
        if isinstance(event, Finished):
            self._n_failures[event.worker] = 0
            if job.key is not None:
                self._n_finished += 1
                self._n_lost = 0
            yield Outcome(job, event.worker, event.result)
        elif isinstance(event.error, UserError):
            yield Outcome(job, event.worker, error=event.error)
        else:
            if self._n_failures.get(event.worker, 0) == 0:
                self._n_finished_before[event.worker] = self._n_finished
            self._n_failures[event.worker] = self._n_failures.get(event.worker, 0) + 1
            others_finish = self._n_finished > self._n_finished_before[event.worker]
            if self._n_failures[event.worker] >= MAX_FAILURES_OF_WORKER and others_finish:
                self.exclude(
                    event.worker, f"{MAX_FAILURES_OF_WORKER} units in a row failed, the last because it {event.error}"
                )
            yield from self._fail(job, event.worker, event.error)

    def _count_lost(self, reason: str) -> None:
        """Raise UserError if many workers in a row were lost before any of them finished a job."""
        self._n_lost += 1
        if not self.executor.adds_workers and self._n_lost >= max(MIN_LOST, MAX_LOST * len(self.executor.workers())):
            raise UserError(
                f"{self._n_lost} worker processes in a row ended before they finished a unit; the last one {reason}: fix "
                f"this, or use fewer workers if memory is short, and run the same command again"
            )

    def _fail(self, job: Job, worker: str, reason: str) -> Iterator[Outcome]:
        """Schedule a failed job again, or give it up if it has failed MAX_FAILURES times."""
        job.failures.append((worker, reason))
        if len(job.failures) < MAX_FAILURES:
            self._retries.append(job)
        else:
            yield Outcome(job, worker, given_up=True)

    def _discard_slow_workers(self) -> None:
        """End the workers whose first job has exceeded its time limit."""
        for worker, queue in self._queued.items():
            limit = self.time_limit(queue[0][1]) if queue else None
            if limit is not None and time.monotonic() - self._started[worker] > limit:
                self._started[worker] = time.monotonic()
                self.executor.discard(worker, f"did not respond within {limit / 60:,.3g} minutes")

    def _wait_for_workers(self) -> bool:
        """Return whether jobs remain for workers that may still be added.

        Raises UserError if no worker can be added, or if all workers are excluded.
        """
        waiting = self._retries.popleft() if self._retries else self.next_job("")
        if waiting is None:
            return False
        self._retries.appendleft(waiting)
        if self._excluded and (self.executor.workers() or not self.executor.adds_workers):
            raise UserError(f"no worker is left: {'; '.join(dict.fromkeys(self._excluded.values()))}")
        if not self.executor.adds_workers:
            reason = waiting.failures[-1][1] if waiting.failures else "could not be started"
            raise UserError(f"no worker is left: the last one {reason}")
        now = time.monotonic()
        if now - self._last_worker > WAITING_SECONDS:
            self.notify("waiting for workers: none is connected at the moment")
            self._last_worker = now + 9 * WAITING_SECONDS
        return True
