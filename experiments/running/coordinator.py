"""Run sessions on the workers of an executor. The workers compute the responses, and only this process writes logs.

The rows of each log are in the order of the trials, as in a run without workers. Finished units that have to wait for
earlier ones are saved on disk (see `experiments.running.finished_units`). If this process ends, only the units that are
being computed are lost.
"""

from collections.abc import Callable, Sequence

from attrs import define, evolve, field, frozen

from core.errors import ObserverError, UserError
from core.parallel.dispatch import Dispatcher, Job, Outcome
from core.parallel.executor import Executor
from core.progress import Progress
from core.stopping import deferred_signals
from experiments.running.environment import worker_packages
from experiments.running.session_log import Session
from experiments.running.session_progress import SessionProgress, SessionState
from experiments.running.units import pack_question
from experiments.running.worker import OtherVersion, UnitResult, WorkerFacts, answer_unit
from experiments.running.worker_kinds import WorkerKinds, describe_differences

MIN_TIME_LIMIT = 1800.0  # seconds
TIME_LIMIT_FACTOR = 20  # times the longest time per trial of the session so far


class IncompleteRun(UserError):
    """Raised if trials failed on two workers. All other responses are saved, and another run repeats these trials."""


@frozen
class Report:
    """The state of all sessions after a run.

    Attributes:
        sessions: The state of each session.
        failures: A sentence for each unit of work that failed on two workers.
    """

    sessions: list[SessionState]
    failures: list[str] = field(factory=list)

    @property
    def errors(self) -> list[UserError]:
        """The errors that stopped sessions."""
        return [state.error for state in self.sessions if state.error is not None]

    def raise_errors(self) -> None:
        """Raise the first error that stopped a session, or IncompleteRun if trials failed on two workers."""
        for error in self.errors:
            raise error
        if self.failures:
            raise IncompleteRun("\n".join([*self.failures, "run the same command again to repeat these trials"]))


def run_on_workers(
    sessions: Sequence[Session],
    executor: Executor,
    *,
    time_limit: float | None = None,
    progress: Progress = lambda done, total: None,
    notify: Callable[[str], None] = lambda sentence: None,
    begin: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Run the remaining trials of several sessions, which share the workers.

    Args:
        sessions: The sessions, each with the description of its observer.
        executor: The workers. It is not closed.
        time_limit: Time limit for a unit of work in seconds. A worker that exceeds it is ended, and the unit is computed
            on another worker. By default, the limit is TIME_LIMIT_FACTOR times the expected time (the number of trials
            times the longest time per trial so far), and at least MIN_TIME_LIMIT.
        progress: Function that is called with the number of trials with saved responses and the number of all trials.
        notify: Function that is called with a sentence if a worker is lost or differs from the others, or if a log is
            repaired.
        begin: Function that is called with the state of all sessions before the first unit.

    Returns:
        The state of all sessions. If a UserError stops a session, its state contains this error, and the other sessions
        are completed.

    Raises:
        LogError: If a log belongs to another session, is damaged or is in use. In this case, no session is run.
        UserError: If a session has an observer that workers cannot make, or if all workers have failed.
    """
    states = [SessionProgress.begin(session, notify) for session in sessions]
    begin(Report([state.state() for state in states]))
    run = _Run(states, executor, time_limit, notify)
    with deferred_signals() as signals:  # so that each log and its sidecar agree
        try:
            for state in states:
                if state.waiting or not state.gaps:
                    try:
                        state.write_waiting()
                    except UserError as error:
                        state.error = error
            n_trials = sum(state.n_trials for state in states)
            progress(sum(state.n_done for state in states), n_trials)
            outcomes = run.dispatcher.outcomes()
            while True:
                with signals.allowed():
                    outcome = next(outcomes, None)
                if outcome is None:
                    break
                run.handle(outcome)
                progress(sum(state.n_done for state in states), n_trials)
        finally:
            for state in states:
                state.close()
    return Report([state.state() for state in states], run.failures)


@define(eq=False)
class _Run:
    """A run of several sessions on the same workers."""

    states: list[SessionProgress]
    executor: Executor
    time_limit: float | None
    notify: Callable[[str], None]
    failures: list[str] = field(factory=list)
    observers: dict[str, object] = field(factory=dict)  # worker -> the observer that it has loaded
    questioned: set[str] = field(factory=set)  # workers to which the query for hardware and packages was sent
    kinds: WorkerKinds = field(factory=WorkerKinds)
    dispatcher: Dispatcher = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.executor, answer_unit, self.next_job, self.limit, self.notify)

    def next_job(self, worker: str) -> Job | None:
        """Return the next unit for a worker, preferably for an observer that the worker has loaded."""
        waiting = [state for state in self.states if state.gaps and state.error is None]
        if worker and waiting and worker not in self.questioned:
            self.questioned.add(worker)
            return Job(None, pack_question())
        n_workers = max(1, len(self.executor.workers()))
        if self.dispatcher.n_queued(worker) > 0 and all(state.is_near_end(n_workers) for state in waiting):
            return None
        same = [state for state in waiting if state.observer == self.observers.get(worker)]
        for state in sorted(same or waiting, key=lambda state: state.n_computing):
            try:
                job = state.next_unit(n_workers)
            except UserError as error:
                state.error = error
                continue
            self.observers[worker] = state.observer
            return job
        return None

    def limit(self, job: Job) -> float | None:
        """Return the time limit of a unit in seconds."""
        if job.key is None:
            return self.time_limit or MIN_TIME_LIMIT
        state, unit = job.key
        if self.time_limit is not None or not state.longest:
            return self.time_limit
        return max(MIN_TIME_LIMIT, TIME_LIMIT_FACTOR * float(state.longest) * len(unit))

    def handle(self, outcome: Outcome) -> None:
        """Save the responses to a unit, or record the reason why they are missing."""
        if isinstance(outcome.result, OtherVersion):
            self.dispatcher.exclude(outcome.worker, outcome.result.sentence)
            if outcome.job.key is not None:
                self.dispatcher.repeat(outcome.job)
            return
        if outcome.job.key is None:
            if isinstance(outcome.result, WorkerFacts):
                self.compare(outcome.worker, outcome.result)
            return
        state: SessionProgress = outcome.job.key[0]
        unit: range = outcome.job.key[1]
        state.n_computing -= 1
        if outcome.given_up:
            first = unit.start + state.first_index
            reasons = "; ".join(f"{worker} {reason}" for worker, reason in outcome.job.failures)
            self.failures.append(
                f"trials {first + 1} to {first + len(unit)} of {state.session.path} failed twice: {reasons}"
            )
            self.notify(self.failures[-1])
            return
        try:
            if outcome.error is not None:
                raise outcome.error
            result: UnitResult = outcome.result
            sentence = state.devices.add(outcome.worker, result.device, result.packages)
            if sentence and len(self.kinds.first) <= 1:  # otherwise the user has been told
                self.notify(sentence)
            state.save(range(unit.start, unit.start + len(result.rows)), evolve(result, error=""))
            if result.error:
                raise ObserverError(result.error)
        except UserError as error:
            state.error = state.error or error

    def compare(self, worker: str, facts: WorkerFacts) -> None:
        """Tell the user if a worker differs from the ones before, or the first one from this process."""
        if sentence := self.kinds.add(worker, facts.hardware, facts.packages):
            self.notify(sentence)
        elif list(self.kinds.first) == [worker] and facts.packages != worker_packages():
            own, theirs = describe_differences(worker_packages(), facts.packages)
            self.notify(f"{worker} has {theirs}, and this process has {own}; the sidecar lists the packages of both")
