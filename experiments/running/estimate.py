"""Estimate how many trials and model evaluations, and how much time and memory, a run needs on this machine.

The option `--dry-run` shows this estimate. No file is written.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from attrs import frozen

from core.progress import RecentRate
from core.trial_columns import MEASURED
from experiments import log
from experiments.experiment import Experiment
from experiments.running.session_log import Session
from experiments.running.shards import Shard
from observers.protocol import Cost, HasCost, Observer
from observers.validation import iter_responses, validate_response

PILOT_SECONDS = 20.0  # maximum time for answering pilot trials
MAX_PILOT_TRIALS = 65
_TOKENS = "_tokens"  # end of the names of columns that count tokens


@frozen
class Estimate:
    """An estimate of the cost of a run.

    Attributes:
        n_trials: Number of trials that are not in the log yet.
        n_pilot: Number of pilot trials, which were answered to measure the time; 0 if the time follows from `cost` alone.
        seconds: Seconds per trial. Without pilot trials, this is a lower bound.
        n_evaluations: Mean number of model evaluations per trial, or None if the observer does not count them.
        cost: Cost of a model evaluation, or None if the observer cannot measure it.
        tokens: Sentences about the tokens that earlier trials took, for observers that count tokens.
        includes_loading: Whether `seconds` includes the time for loading, because all pilot trials were in one pass.
    """

    n_trials: int
    n_pilot: int
    seconds: float = 0.0
    n_evaluations: float | None = None
    cost: Cost | None = None
    tokens: tuple[str, ...] = ()
    includes_loading: bool = False

    def sentences(self) -> Iterator[str]:
        """Yield the estimate as lines of text."""
        if not self.n_trials:
            yield "all trials are already answered"
            yield from self.tokens
            return
        if self.cost is not None and self.cost.requests:
            yield f"{self.n_trials:,} trials"
            yield from self.cost.requests
            yield from self.tokens or (
                "to estimate the number of tokens, run the first trials with --limit 10, and repeat --dry-run",
            )
            return
        if self.cost is not None:
            low, high = self.cost.n_evaluations
            shortest, longest = (_format_duration(n * self.cost.seconds) for n in (low, high))
            yield f"{1000 * self.cost.seconds:.3g} ms per evaluation, with {self.cost.batch_size} rows per forward pass"
            yield f"{low:,} to {high:,} evaluations per trial: {shortest} to {longest}"
        if self.n_pilot:
            evaluations = "" if self.n_evaluations is None else f" and {self.n_evaluations:,.0f} evaluations"
            loading = ", including loading" if self.includes_loading else ""
            yield f"measured on {self.n_pilot} trials{loading}: {_format_duration(self.seconds)}{evaluations} per trial"
            bound, total = "at most" if loading else "about", _format_duration(self.n_trials * self.seconds)
            yield f"{self.n_trials:,} trials: {bound} {total}"
        else:
            yield f"{self.n_trials:,} trials: at least {_format_duration(self.n_trials * self.seconds)}"
        if self.cost is not None and self.cost.n_bytes is not None:
            yield f"memory: {self.cost.n_bytes / 2**30:.1f} GiB on the device"


def estimate(
    experiment: Experiment,
    observer: Observer,
    directory: Path,
    *,
    session: int = 1,
    seed: int = 0,
    limit: int | None = None,
    shard: Shard | None = None,
) -> Estimate:
    """Estimate the cost of calling `session.run` with the same arguments.

    The observer's weights are loaded. The observer answers pilot trials for up to PILOT_SECONDS, unless its method `cost`
    shows that a single trial takes longer, or that the observer sends requests that may cost money. Raises the same errors
    as `session.run`.
    """
    chosen = Session(experiment, observer, directory, session, seed, limit, shard=shard)
    rows = log.read_rows(chosen.path) if log.has_rows(chosen.path) else []
    n_done = max(len(rows) - 1, 0)
    trials = chosen.trials()[n_done : limit or None]
    tokens = tuple(_describe_tokens(rows, len(trials)))
    if not trials:
        return Estimate(0, 0, tokens=tokens)
    cost = observer.cost(trials[0]) if isinstance(observer, HasCost) else None
    if cost is not None and cost.requests:
        return Estimate(len(trials), 0, cost=cost, tokens=tokens)
    if cost is not None and cost.seconds * cost.n_evaluations[0] > PILOT_SECONDS:
        return Estimate(len(trials), 0, cost.seconds * cost.n_evaluations[0], None, cost)
    start, rate = time.monotonic(), RecentRate()
    rate.update(0, start)
    n_pilot, n_evaluations, all_counted = 0, 0, True
    for trial, response in zip(islice(trials, MAX_PILOT_TRIALS), iter_responses(observer, trials), strict=False):
        n = validate_response(response, trial, observer.name).n_evaluations
        all_counted = all_counted and n is not None
        n_evaluations += n or 0
        n_pilot += 1
        now = time.monotonic()
        rate.update(n_pilot, now)
        # The first pass includes loading and warm-up, so at least one further pass has to be timed.
        if now - start > PILOT_SECONDS and rate.n_timed >= (2 if now - start < 3 * PILOT_SECONDS else 1):
            break
    mean_evaluations = n_evaluations / n_pilot if all_counted and n_pilot else None
    if cost is not None and mean_evaluations is not None:
        return Estimate(len(trials), n_pilot, mean_evaluations * cost.seconds, mean_evaluations, cost)
    per_second = rate.rate(min_passes=1)
    if per_second is not None:
        return Estimate(len(trials), n_pilot, 1 / per_second, mean_evaluations, cost)
    seconds = (time.monotonic() - start) / n_pilot
    return Estimate(len(trials), n_pilot, seconds, mean_evaluations, cost, includes_loading=True)


def _describe_tokens(rows: Sequence[Sequence[str]], n_remaining: int) -> Iterator[str]:
    """Yield a sentence for each column of a log that counts tokens, such as measured_prompt_tokens."""
    for index, column in enumerate(rows[0] if rows else ()):
        if not (column.startswith(MEASURED) and column.endswith(_TOKENS)):
            continue
        counts = [float(row[index]) for row in rows[1:] if row[index]]
        if counts:
            total, mean = sum(counts), sum(counts) / len(counts)
            remaining = f", the remaining trials about {n_remaining * mean:,.0f}" if n_remaining else ""
            name = column.removeprefix(MEASURED).removesuffix(_TOKENS)
            yield f"{name} tokens: {len(counts):,} logged trials took {total:,.0f} ({mean:,.1f} per trial){remaining}"


def _format_duration(seconds: float) -> str:
    """Format a duration in a suitable unit, such as "1.5 h"."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"
