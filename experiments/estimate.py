"""What a run would take: trials left, evaluations, time and memory, measured on this machine without writing anything."""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from attrs import frozen

from experiments import log
from experiments.experiment import Experiment
from observers.protocol import Cost, HasCost, Observer, iter_responses, validate_response

PATIENCE = 20.0  # seconds for which trials are answered, to see how long they take
N_PILOT = 65  # trials at most


@frozen
class Estimate:
    n_trials: int  # still to be answered
    n_pilot: int  # that were answered to see what they take
    seconds: float = 0.0  # a trial
    n_evaluations: float | None = None  # a trial
    cost: Cost | None = None

    def sentences(self) -> Iterator[str]:
        if not self.n_trials:
            yield "nothing is left to be answered"
            return
        if self.cost is not None:
            low, high = self.cost.n_evaluations
            shortest, longest = (_span(n * self.cost.seconds) for n in (low, high))
            yield f"{1000 * self.cost.seconds:.3g} ms an evaluation, {self.cost.batch_size} in a forward pass"
            yield f"{low:,} to {high:,} evaluations a trial: {shortest} to {longest}"
        if self.n_pilot:
            spent = "" if self.n_evaluations is None else f" and {self.n_evaluations:,.0f} evaluations"
            yield f"{_span(self.seconds)}{spent} a trial, by {self.n_pilot} trials"
            yield f"{self.n_trials:,} trials: about {_span(self.n_trials * self.seconds)}"
        else:
            yield f"{self.n_trials:,} trials: {_span(self.n_trials * self.seconds)} at least"
        if self.cost is not None and self.cost.n_bytes is not None:
            yield f"memory: {self.cost.n_bytes / 2**30:.1f} GiB of the device"


def estimate(
    experiment: Experiment,
    observer: Observer,
    directory: Path,
    *,
    session: int = 1,
    seed: int = 0,
    limit: int | None = None,
) -> Estimate:
    """What `session.run` would take with the same arguments. Loads weights and answers some trials; keeps nothing."""
    path = log.log_path(directory, experiment.name, observer.name, session)
    n_done = len(log.read_rows(path)) - 1 if log.has_rows(path) else 0
    trials = experiment.trials(seed)[n_done : limit or None]
    if not trials:
        return Estimate(0, 0)
    cost = observer.cost(trials[0]) if isinstance(observer, HasCost) else None
    if cost is not None and cost.seconds * cost.n_evaluations[0] > PATIENCE:
        return Estimate(len(trials), 0, cost.seconds * cost.n_evaluations[0], None, cost)
    begun = first = time.monotonic()
    n_pilot, n_evaluations, counted = 0, 0, True
    for trial, response in zip(islice(trials, N_PILOT), iter_responses(observer, trials), strict=False):
        spent = validate_response(response, trial, observer.name).n_evaluations
        counted = counted and spent is not None
        n_evaluations += spent or 0
        n_pilot += 1
        if n_pilot == 1:
            first = time.monotonic()  # loading, warming up and the first batch lie behind
        if time.monotonic() - begun > PATIENCE:
            break
    mean = n_evaluations / n_pilot if counted and n_pilot else None
    if cost is not None and mean is not None:
        return Estimate(len(trials), n_pilot, mean * cost.seconds, mean, cost)
    since, n = (first, n_pilot - 1) if n_pilot > 1 else (begun, 1)
    return Estimate(len(trials), n_pilot, (time.monotonic() - since) / n, mean, cost)


def _span(seconds: float) -> str:
    """A time as people say it."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"
