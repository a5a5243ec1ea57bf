"""An executor that computes in this process, and observers in files, for the tests of sessions on workers."""

import pytest
from attrs import define, field

from core.parallel.executor import Event, Failed, Finished, Lost, compute
from experiments.running.session import run
from observers.spec import ObserverSpec

BIASED = ObserverSpec("biased", {"shape_bias": 0.7})
MINE = """
import attrs, numpy as np
from observers.protocol import Response
from beside import SCALE

@attrs.frozen
class Mine:
    name: str = "mine"
    kind: str = "discriminative"
    fail: str = ""

    def observe(self, trials):
        for trial in trials:
            if trial.stimulus.id == self.fail:
                raise ValueError(f"cannot see {trial.stimulus.id}")
            evidence = np.cos(np.arange(len(trial.choices)) * trial.stimulus.pixels().mean() * SCALE)
            yield Response(trial.choices[int(evidence.argmax())], evidence=evidence)
"""

FAILING = """
import attrs
from core.errors import ObserverError
from observers.protocol import Response

class OwnError(ObserverError):
    def __init__(self, number, text):
        super().__init__(f"{text} {number}")

@attrs.frozen
class Failing:
    name: str = "failing"
    kind: str = "simulated"
    n_calls: int = 0

    def observe(self, trials):
        for trial in trials:
            if trial.number == 8:
                raise OwnError(8, "the service refused trial")
            yield Response(trial.choices[0])
"""


@define
class Workers:
    """An executor whose workers compute in this process, in an order that the test chooses."""

    names: list[str] = field(factory=lambda: ["a", "b"])
    last_first: bool = False
    edit: dict[str, object] = field(factory=dict)  # worker -> its event instead of a result
    adds_workers: bool = False
    queue: list[tuple[str, int, object, object]] = field(factory=list)
    n_computed: int = 0

    def workers(self):
        return list(self.names)

    def submit(self, worker, job, function, argument):
        self.queue.append((worker, job, function, argument))

    def wait(self, seconds) -> list[Event]:
        if not self.queue:
            return []
        worker, job, function, argument = self.queue.pop(-1 if self.last_first else 0)
        self.n_computed += b'"trials"' in argument  # otherwise it is the question at the start
        if worker in self.edit:
            replaced = self.edit[worker]
            if isinstance(replaced, Lost):
                self.names.remove(worker)
                self.queue = [item for item in self.queue if item[0] != worker]
                return [replaced]
            return [Finished(worker, job, replaced)]
        status, value = compute(function, argument)
        return [Finished(worker, job, value) if status == "finished" else Failed(worker, job, value)]

    def discard(self, worker, reason):
        raise AssertionError(reason)

    def close(self):
        pass


def interrupted_run(experiment, folder, n_units=5):
    """Run BIASED until this number of units is finished, from the last of six to the first; return the path of the log."""
    workers = Workers(list("abcdef"), last_first=True)

    def stop(done, total):
        if workers.n_computed == n_units:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(experiment, BIASED, folder, executor=workers, progress=stop)
    return folder / "small/small_biased-0.7_session-1.csv"
