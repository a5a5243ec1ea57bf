"""Present an experiment to an observer and write a trial log, in the same way for machines and people.

If the log already exists and belongs to the same session (the same experiment, stimuli, choices, seed and observer
options), the session is resumed after the last logged trial. If it belongs to another session, it is not changed, and
an error explains the difference.
"""

from collections.abc import Callable
from numbers import Integral
from pathlib import Path

from core.errors import LogError, UserError
from core.parallel.executor import Executor
from core.progress import Progress
from core.stopping import deferred_signals
from experiments import log_rows
from experiments.exclusion_rules import ExclusionRules
from experiments.experiment import Experiment
from experiments.running.answers import iter_answers, provenance_of
from experiments.running.coordinator import run_on_workers
from experiments.running.environment import describe_device
from experiments.running.finished_units import remove_old_units
from experiments.running.session_log import Session, SessionLog
from experiments.running.shards import Shard
from observers.protocol import Observer
from observers.registry import make_observer
from observers.spec import ObserverSpec


def run(
    experiment: Experiment,
    observer: Observer | ObserverSpec,
    directory: Path | str,
    *,
    session: int = 1,
    seed: int = 0,
    limit: int | None = None,
    shard: tuple[int, int] | None = None,
    exclusions: ExclusionRules | None = None,
    executor: Executor | None = None,
    progress: Progress = lambda done, total: None,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Present an experiment to an observer, and write each response to a trial log (see `experiments.log`).

    If the log exists, only the trials that it does not contain are presented. Each response is on disk before the next
    trial, so a session that is interrupted, for example by KeyboardInterrupt, can be resumed by calling `run` again.

    Args:
        experiment: The experiment.
        observer: The observer, or its name and options as an `ObserverSpec`, from which other processes can make it.
        directory: Folder for the logs. The log is DIRECTORY/EXPERIMENT/EXPERIMENT_OBSERVER_session-N.csv.
        session: Number of the session; the first session is 1. Each session of an observer has a separate log.
        seed: Random seed of the order of the trials.
        limit: Stop after this number of trials of the experiment; None for all of them.
        shard: Number of the shard and number of shards, such as (3, 100), to run only this part of the session, without a
            limit; `merge_shards` merges the part logs. None for the whole session.
        exclusions: Exclusion rules that are declared before data collection; the sidecar of a new session records them.
            They do not change the session itself.
        executor: The executor whose workers compute the responses (see `core.parallel.executor`); None for this process. The
            log is the same. With an executor, the observer must be an `ObserverSpec`. The executor is not closed.
        progress: Function that is called with the number of finished trials and the total number of trials, at the start
            and after each trial.
        notify: Function that is called with a sentence if an incomplete last row was removed from the log, or if a worker
            was lost.

    Returns:
        The path of the log. For a shard it is the path of its part log, in a folder next to the log (see
        `experiments.running.shards`).

    Raises:
        ObserverError: If the observer breaks the contract of `observers.protocol`, or cannot respond.
        StimulusError: If an image cannot be read.
        LogError: If the log belongs to another session, is damaged, is in use, or cannot be written, or if the session,
            the seed or the limit is not a whole number, or is too small.
        UserError: If the experiment or the observer is something else, such as its name, if the shard does not exist, or
            if trials failed on two workers.

    Example:
        >>> path = run(make_experiment("drawn-cue-conflict"), make_observer("ideal"), "logs", seed=1)
    """
    spec = observer if isinstance(observer, ObserverSpec) else None
    observer = make_observer(observer) if isinstance(observer, ObserverSpec) else observer
    _check_classes(experiment, observer)
    chosen = Session(
        experiment, observer, Path(directory), _to_integer(session, "session"), _to_integer(seed, "seed"),
        None if limit is None else _to_integer(limit, "limit"), spec,
        shard=None if shard is None else _to_shard(shard), exclusions=exclusions,
    )  # fmt: skip
    if executor is None:
        run_here(chosen, progress, notify)
    else:
        run_on_workers([chosen], executor, progress=progress, notify=notify).raise_errors()
    return chosen.path


def run_here(session: Session, progress: Progress, notify: Callable[[str], None]) -> None:
    """Present the remaining trials of a session in this process."""
    session_log = SessionLog.open(session, notify)
    with deferred_signals() as signals:  # so that the log and its sidecar agree
        try:
            session_log.start()
            n_done, observer = session_log.n_logged, session.observer
            remaining = session_log.trials[n_done:]
            answers = iter_answers(observer, remaining)
            progress(n_done, n_done + len(remaining))
            while True:
                with signals.allowed():
                    answer = next(answers, None)
                if answer is None:
                    break
                # The provenance is known after the first response, and is checked before this run writes its first row.
                if session_log.n_logged == n_done:
                    provenance = provenance_of(observer)
                    session_log.record_provenance(provenance, describe_device(provenance))
                session_log.write(
                    log_rows.format_row(session.experiment.name, observer, session.number, session.cues, *answer)
                )
                progress(session_log.n_logged, n_done + len(remaining))
        except Exception as error:
            session_log.record_error(error)
            raise
        finally:
            session_log.close()
            remove_old_units(session.path, session_log.n_logged)  # of earlier runs with workers


def _check_classes(experiment: object, observer: object) -> None:
    """Raise UserError if `run` got something else, such as a name, instead of an experiment or an observer."""
    if not isinstance(experiment, Experiment):
        raise UserError(f"expected an Experiment, got {experiment!r:.80}: make_experiment(NAME) makes it from its name")
    if isinstance(observer, type) or not isinstance(observer, Observer):
        raise UserError(f"expected an observer, got {observer!r:.80}: make_observer(NAME) makes it from its name")


def _to_integer(value: object, name: str) -> int:
    """Return a whole number, which may be one of numpy, as an int, which can be written into the sidecar."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise LogError(f"the {name} must be a whole number, got {value!r}")
    return int(value)


def _to_shard(value: object) -> Shard:
    if not isinstance(value, tuple) or len(value) != 2:
        raise LogError(
            f"the shard must be two numbers, such as (3, 100) for the third of 100 shards, got {value!r:.80}"
        )
    return Shard(_to_integer(value[0], "shard"), _to_integer(value[1], "shard"))
