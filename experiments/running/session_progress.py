"""The progress of a session that is run on workers: trials in the log, in finished units, and still to be computed."""

from collections.abc import Callable
from pathlib import Path

from attrs import define, field, frozen

from core.errors import LogError, UserError
from core.parallel.dispatch import Job
from experiments.running.finished_units import FinishedUnits, remove_old_units
from experiments.running.planning import is_near_end, unit_size
from experiments.running.session_log import Session, SessionLog
from experiments.running.units import pack_observer, pack_unit
from experiments.running.worker import UnitResult
from experiments.running.worker_kinds import WorkerKinds


@frozen
class SessionState:
    """The number of trials of a session that are done, or the error that stopped it.

    Attributes:
        path: The log.
        experiment: Name of the experiment.
        observer: Name of the observer.
        n_trials: Number of trials to present.
        n_done: Number of trials with saved responses, including those that wait for earlier trials.
        n_logged: Number of trials in the log.
        error: The error that stopped the session, if any.
    """

    path: Path
    experiment: str
    observer: str
    n_trials: int
    n_done: int
    n_logged: int
    error: UserError | None = None


@define(eq=False)
class SessionProgress:
    """A session that is being run on workers.

    Attributes:
        session: The session.
        packed_observer: The description of its observer that is sent to the workers.
        finished: The finished units that are not in the log yet.
        n_trials: Number of trials to present.
        gaps: The indices of the trials that are not in any unit yet.
        waiting: The indices of the finished units that are not in the log yet, by their first index.
        log: The log, which is open from the first unit to the last one; otherwise None.
        n_logged: Number of trials in the log.
        n_done: Number of trials with saved responses, in the log or in the finished units.
        n_computing: Number of units that are being computed.
        seconds: Time per trial of the last finished unit in seconds; None if no unit is finished.
        longest: The longest time per trial of a unit so far, in seconds.
        from_earlier_run: The first indices of the finished units of an earlier run.
        notify: Function that is called with a sentence if such a unit has to be computed again.
        devices: The devices and packages with which the session was computed.
        error: The error that stopped the session.
    """

    session: Session
    packed_observer: dict[str, object]
    finished: FinishedUnits
    n_trials: int
    gaps: list[range]
    n_logged: int
    n_done: int
    waiting: dict[int, range] = field(factory=dict)
    log: SessionLog | None = None
    n_computing: int = 0
    seconds: float | None = None
    longest: float = 0.0
    from_earlier_run: frozenset[int] = frozenset()
    notify: Callable[[str], None] = lambda sentence: None
    devices: WorkerKinds = field(factory=WorkerKinds)
    error: UserError | None = None

    @classmethod
    def begin(cls, session: Session, notify: Callable[[str], None]) -> "SessionProgress":
        """Return the progress of a session according to its log and its finished units."""
        packed, finished, is_resumed = pack_observer(session), FinishedUnits.of(session), session.path.exists()
        log = SessionLog.open(session, notify)
        try:
            remove_old_units(session.path, log.n_logged if is_resumed else None)
            units = [unit for unit in finished.find(notify) if log.n_logged < unit.stop <= len(log.trials)]
            gaps, position = [], log.n_logged
            for unit in [*units, range(len(log.trials), len(log.trials))]:
                if unit.start > position:
                    gaps.append(range(position, unit.start))
                position = max(position, unit.stop)
            n_done = len(log.trials) - sum(map(len, gaps))
            waiting = {unit.start: unit for unit in units}
            return cls(
                session, packed, finished, len(log.trials), gaps, log.n_logged, n_done, waiting,
                from_earlier_run=frozenset(waiting), notify=notify,
            )  # fmt: skip
        finally:
            log.close()

    @property
    def observer(self) -> object:
        """The description of the observer. It is equal for sessions that can use the same observer on a worker."""
        return self.packed_observer["identity"], self.packed_observer["options"]

    @property
    def first_index(self) -> int:
        """The index of the first trial of the shard in the session."""
        shard = self.session.shard
        return 0 if shard is None else shard.indices(len(self.session.experiment.stimuli)).start

    @property
    def n_batch(self) -> int:
        """The number of images in a batch of the observer, or 1 if it is unknown."""
        size = getattr(self.session.observer, "batch_size", 1)
        return size if isinstance(size, int) and self.session.observer.kind != "generative" else 1

    def is_near_end(self, n_workers: int) -> bool:
        """Return whether so few trials remain that a worker should get only one unit at a time."""
        return is_near_end(sum(map(len, self.gaps)), n_workers, self.seconds)

    def next_unit(self, n_workers: int) -> Job | None:
        """Return the next unit of work, or None if all trials are in units or the session was stopped."""
        if self.error is not None or not self.gaps:
            return None
        log = self.open()
        gap, n_remaining = self.gaps[0], sum(map(len, self.gaps))
        size = min(len(gap), unit_size(n_remaining, n_workers, self.seconds, self.n_batch))
        unit = range(gap.start, gap.start + size)
        self.gaps[:1] = [range(unit.stop, gap.stop)] if unit.stop < gap.stop else []
        self.n_computing += 1
        return Job((self, unit), pack_unit(self.session, log.trials[unit.start : unit.stop], self.packed_observer))

    def open(self) -> SessionLog:
        """Return the log. It is opened if necessary."""
        if self.log is None:
            self.log = SessionLog.open(self.session)
            self.log.start()
        return self.log

    def save(self, unit: range, result: UnitResult) -> None:
        """Save the responses to a unit: in the log if all earlier rows are in it, otherwise in a file.

        After an error, they are saved in a file, from which the next run continues.
        """
        log = self.open()
        for cells, trial in zip(result.rows, log.trials[unit.start : unit.stop], strict=True):
            if mismatch := self.session.describe_mismatch(cells, trial):
                raise LogError(
                    f"a worker returned a wrong row for trial {trial.number} of {self.session.path}: {mismatch}"
                )
        self.seconds = result.seconds / len(unit)
        self.longest = max(self.longest, self.seconds)
        self.n_done += len(unit)
        if self.error is not None:
            self.finished.write(unit, result)
            return
        if unit.start <= log.n_logged:
            log.record_provenance(result.provenance, result.device, result.packages)
            self._write(log, unit, result)
        else:
            self.finished.write(unit, result)
            self.waiting[unit.start] = unit
        self.write_waiting()

    def write_waiting(self) -> None:
        """Write the finished units that follow the last row into the log, and close the log if it is complete."""
        log = self.open()
        while ready := [unit for unit in self.waiting.values() if unit.start <= log.n_logged]:
            unit = ready[0]
            result = self.finished.read(unit) if unit.stop > log.n_logged else None
            if result is not None:
                try:
                    log.record_provenance(result.provenance, result.device, result.packages)
                except LogError:
                    if unit.start not in self.from_earlier_run:
                        raise
                    self._repeat(unit)
                    continue
                self._write(log, unit, result)
            elif unit.stop > log.n_logged:
                raise LogError(
                    f"a file in {self.finished.folder} was changed during the run: run the same command again"
                )
            del self.waiting[unit.start]
            self.finished.delete(unit)
        if log.n_logged == self.n_trials:
            self.close()

    def _repeat(self, unit: range) -> None:
        """Compute the trials of a finished unit of an earlier run again, because it was computed with other weights."""
        self.notify(
            f"trials {self.first_index + unit.start + 1} to {self.first_index + unit.stop} of {self.session.path} are "
            f"repeated: they were computed in an earlier run with other weights or settings than the log"
        )
        self.finished.delete(unit)
        del self.waiting[unit.start]
        missing = range(max(unit.start, self.n_logged), unit.stop)
        self.gaps = sorted([*self.gaps, missing], key=lambda gap: gap.start)
        self.n_done -= len(missing)

    def _write(self, log: SessionLog, unit: range, result: UnitResult) -> None:
        for cells in result.rows[log.n_logged - unit.start :]:
            log.write(cells)
        log.sync()
        self.n_logged = log.n_logged

    def close(self) -> None:
        """Close the log."""
        if self.log is not None:
            if self.error is not None:
                self.log.record_error(self.error)
            self.log.close()
            self.log = None

    def state(self) -> SessionState:
        """Return the state of the session."""
        s = self.session
        return SessionState(
            s.path, s.experiment.name, s.observer.name, self.n_trials, self.n_done, self.n_logged, self.error
        )
