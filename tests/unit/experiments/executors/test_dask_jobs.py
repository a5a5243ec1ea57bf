"""What a dask worker does with a job, and what becomes of a worker that cannot load this project."""

import math
import pickle

import pytest

from core.errors import UserError
from core.parallel.dispatch import Dispatcher, Job
from core.parallel.executor import Finished, Unusable
from experiments.executors.dask_cluster import DaskExecutor, compute_call


def call(function, argument):
    """Compute a pickled function as a worker does."""
    return pickle.loads(compute_call(pickle.dumps((function, argument))))


def test_result_and_errors_of_a_function():
    assert call(math.sqrt, 9) == ("finished", 3)
    assert call(math.sqrt, -1)[0] == "failed" and call(math.sqrt, -1)[1].startswith("raised ValueError: ")


def test_result_that_cannot_be_pickled():
    status, reason = call(memoryview, b"x")
    assert status == "failed" and reason.startswith("returned a result that cannot be pickled: ")


def test_function_that_this_version_lacks():
    status, reason = pickle.loads(compute_call(b"cexperiments.running.worker\nanswer_unit_of_tomorrow\n."))
    assert status == "unusable"
    assert reason.startswith("it cannot load this project (AttributeError: ") and "install the same version" in reason


@pytest.mark.parametrize(("address", "reason"), [("tcp://127.0.0.1:9", "OSError"), ("tls://127.0.0.1:9", "Error")])
def test_scheduler_that_cannot_be_reached(address, reason, capfd):
    with pytest.raises(
        UserError, match=rf"^cannot connect to the scheduler at {address} \(\w*{reason}.*\): check that"
    ):
        DaskExecutor(address, seconds=0.5)
    assert capfd.readouterr() == ("", "")


class Workers:
    """An executor in which the worker "old" cannot compute any job."""

    def __init__(self, names, adds_workers):
        self.names, self.adds_workers, self.events = names, adds_workers, []

    def workers(self):
        """Return all names, since the worker stays connected."""
        return self.names

    def submit(self, worker, job, function, argument):
        """Compute the job at once."""
        event = Unusable(worker, "it is old") if worker == "old" else Finished(worker, job, function(argument))
        self.events.append(event)

    def wait(self, seconds):
        """Return the events so far."""
        events, self.events = self.events, []
        return events


def test_jobs_of_an_unusable_worker_are_repeated_without_a_failure():
    jobs, notes = [Job(n, n) for n in range(6)], []
    dispatcher = Dispatcher(
        Workers(["old", "new"], True), math.sqrt, lambda worker: jobs.pop() if jobs else None, notify=notes.append
    )
    outcomes = list(dispatcher.outcomes())
    assert {outcome.job.key: outcome.result for outcome in outcomes} == {n: math.sqrt(n) for n in range(6)}
    assert not any(outcome.job.failures for outcome in outcomes)
    assert notes == ["old gets no further trials: it is old"]


@pytest.mark.parametrize("adds_workers", [True, False])
def test_only_unusable_workers(adds_workers):
    jobs = [Job(n, n) for n in range(6)]
    dispatcher = Dispatcher(Workers(["old"], adds_workers), math.sqrt, lambda worker: jobs.pop() if jobs else None)
    with pytest.raises(UserError, match="no worker is left: it is old"):
        list(dispatcher.outcomes())
