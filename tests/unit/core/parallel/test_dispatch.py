"""Which worker gets which job, and what happens after failures, on workers that a test controls."""

import pytest
from attrs import define, field

from core.errors import UserError
from core.parallel.dispatch import Dispatcher, Job
from core.parallel.executor import Event, Failed, Finished, Lost


@define
class Workers:
    """An executor of which each worker answers at the next `wait` according to a script: (worker, argument) -> event."""

    names: list[str]
    script: dict[tuple[str, object], str] = field(factory=dict)
    adds_workers: bool = False
    later: list[str] = field(factory=list)  # workers that are added when there is nothing else to report
    others: list[str] = field(factory=list)  # workers that take the places of ended ones
    submitted: list[tuple[str, object]] = field(factory=list)
    queues: dict[str, list[tuple[int, object]]] = field(factory=dict)
    events: list[Event] = field(factory=list)

    def workers(self):
        return list(self.names)

    def submit(self, worker, job, function, argument):
        self.submitted.append((worker, argument))
        self.queues.setdefault(worker, []).append((job, argument))

    def wait(self, seconds):
        events, self.events = self.events, []
        for worker in list(self.names):
            if not self.queues.get(worker):
                continue
            job, argument = self.queues[worker][0]
            outcome = self.script.get((worker, argument), "finish")
            if outcome == "hang":
                continue
            if outcome == "die":
                self.names.remove(worker)
                del self.queues[worker]
                events.append(Lost(worker, "was ended by SIGKILL"))
                self.names += [self.others.pop(0)] if self.others else []
            else:
                self.queues[worker].pop(0)
                error = UserError("a wrong option") if outcome == "refuse" else "raised ValueError: no"
                events.append(Finished(worker, job, argument) if outcome == "finish" else Failed(worker, job, error))
        if not events and self.later:
            self.names.append(self.later.pop(0))
        return events

    def discard(self, worker, reason):
        self.names.remove(worker)
        del self.queues[worker]
        self.events.append(Lost(worker, reason))

    def close(self):
        pass


def dispatch(workers, n_jobs, **options):
    """Return the dispatcher, its outcomes by job, and the sentences for the user."""
    jobs, sentences = [Job(number, number) for number in range(n_jobs)], []
    dispatcher = Dispatcher(
        workers, print, lambda worker: jobs.pop(0) if jobs else None, notify=sentences.append, **options
    )
    return dispatcher, {outcome.job.key: outcome for outcome in dispatcher.outcomes()}, sentences


def test_all_workers_get_a_job_before_any_gets_a_second():
    workers = Workers(["a", "b"])
    _, outcomes, sentences = dispatch(workers, 7)
    assert workers.submitted[:4] == [("a", 0), ("b", 1), ("a", 2), ("b", 3)]
    assert sorted(outcomes) == list(range(7)) and not sentences
    assert all(outcome.result == key and not outcome.given_up for key, outcome in outcomes.items())


def test_only_the_job_that_was_computed_is_blamed_for_a_lost_worker():
    workers = Workers(["a", "b"], {("a", 0): "die"})
    _, outcomes, sentences = dispatch(workers, 4)
    assert outcomes[0].job.failures == [("a", "was ended by SIGKILL")] and outcomes[0].worker == "b"
    assert outcomes[2].job.failures == [] and outcomes[2].worker == "b"
    assert sentences == ["a was ended by SIGKILL; its trials are repeated"]


def test_a_job_that_failed_is_repeated_on_another_worker():
    workers = Workers(["a", "b"], {("a", 0): "fail"})
    _, outcomes, _ = dispatch(workers, 6)
    assert outcomes[0].worker == "b" and outcomes[0].result == 0


def test_a_job_that_fails_on_two_workers_is_given_up_and_the_others_go_on():
    workers = Workers(["a", "b", "c"], {(worker, 1): "fail" for worker in "abc"})
    _, outcomes, _ = dispatch(workers, 8)
    assert [key for key, outcome in outcomes.items() if outcome.given_up] == [1]
    assert len({worker for worker, _ in outcomes[1].job.failures}) == 2 and len(outcomes) == 8


def test_a_single_worker_repeats_its_own_failures():
    workers = Workers(["a"], {("a", 1): "fail"})
    _, outcomes, _ = dispatch(workers, 3)
    assert outcomes[1].given_up and outcomes[1].job.failures == [("a", "raised ValueError: no")] * 2
    assert outcomes[2].result == 2


def test_a_user_error_is_not_repeated():
    workers = Workers(["a", "b"], {("a", 0): "refuse"})
    _, outcomes, _ = dispatch(workers, 3)
    assert str(outcomes[0].error) == "a wrong option" and [a for _, a in workers.submitted].count(0) == 1


def test_a_worker_on_which_everything_fails_gets_no_further_jobs():
    workers = Workers(["a", "b"], {("a", number): "fail" for number in range(20)})
    _, outcomes, sentences = dispatch(workers, 20)
    assert all(outcome.result == key for key, outcome in outcomes.items()) and len(outcomes) == 20
    assert [argument for worker, argument in workers.submitted if worker == "a"].__len__() <= 5
    assert "a gets no further trials: 3 units in a row failed, the last because it raised ValueError: no" in sentences


def test_jobs_that_fail_everywhere_exclude_no_worker():
    script = {(worker, number): "fail" for worker in "ab" for number in range(12)}
    _, outcomes, sentences = dispatch(Workers(["a", "b"], script), 20)
    assert sorted(key for key, outcome in outcomes.items() if outcome.given_up) == list(range(12))
    assert all(outcomes[key].result == key for key in range(12, 20)) and sentences == []


def test_workers_that_end_again_and_again_end_the_run():
    """Each worker is replaced by another one, as the processes of this machine are."""
    workers = Workers(["a"], {(name, number): "die" for name in ["a", *map(str, range(40))] for number in range(40)})
    workers.others = list(map(str, range(40)))
    with pytest.raises(
        UserError, match=r"^10 worker processes in a row ended before they finished a unit; the last one was"
    ):
        dispatch(workers, 40)
    assert len(workers.others) == 30


def test_all_workers_ended():
    workers = Workers(["a"], {("a", 0): "die"})
    with pytest.raises(UserError, match="no worker is left: the last one was ended by SIGKILL"):
        dispatch(workers, 2)
    assert dispatch(Workers([]), 0)[1] == {}  # without jobs, no worker is needed


def test_a_worker_that_exceeds_the_time_limit_is_ended():
    workers = Workers(["a", "b"], {("a", 0): "hang"})
    _, outcomes, sentences = dispatch(
        workers, 3, time_limit=lambda job: 1e-9 if job.key == 0 and not job.failures else None
    )
    assert outcomes[0].worker == "b" and "a" not in workers.names
    assert sentences == ["a did not respond within 1.67e-11 minutes; its trials are repeated"]


def test_workers_may_be_added_later(monkeypatch):
    monkeypatch.setattr("core.parallel.dispatch.WAITING_SECONDS", -1.0)
    workers = Workers([], adds_workers=True, later=["a"])
    _, outcomes, sentences = dispatch(workers, 2)
    assert sorted(outcomes) == [0, 1] and sentences == ["waiting for workers: none is connected at the moment"]


def test_an_excluded_worker_keeps_nothing_from_the_others():
    workers, jobs, sentences = Workers(["a", "b"]), [Job(number, number) for number in range(6)], []
    dispatcher = Dispatcher(workers, print, lambda worker: jobs.pop(0) if jobs else None, notify=sentences.append)
    done = []
    for outcome in dispatcher.outcomes():
        if outcome.worker == "a":
            dispatcher.exclude("a", "it has another version")
            dispatcher.exclude("a", "it has another version")
            dispatcher.repeat(outcome.job)
        else:
            done.append(outcome.job.key)
    assert sorted(done) == list(range(6)) and sentences == ["a gets no further trials: it has another version"]
