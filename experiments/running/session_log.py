"""The log and sidecar of one session or shard, opened for writing. An unfinished log is resumed."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from core.errors import LogError, UserError
from core.paths import check_unicode, to_unicode, without_folders
from experiments import log, log_rows
from experiments.deletion_records import refuse_forgotten_observer
from experiments.exclusion_rules import ExclusionRules
from experiments.experiment import Experiment
from experiments.identity import comparable_provenance, describe_difference
from experiments.running.environment import worker_packages
from experiments.running.opened_sidecar import now, open_sidecar
from experiments.running.run_times import RunTimes
from experiments.running.session_records import add_session_records
from experiments.running.shards import Shard, check_folder, file_digest
from observers.protocol import MAX_COUNT, Observer, Trial, measures_of, texts_of
from observers.spec import ObserverSpec
from observers.validation import check_columns, check_name

MAX_ERROR = 500  # characters of a message in the sidecar
SIDECAR_SECONDS = 10.0  # longest time after which the sidecar gets the number and the hash of the rows


@frozen(eq=False)
class Session:
    """An experiment, the observer to which it is presented, and the settings of the session.

    Attributes:
        experiment: The experiment.
        observer: The observer.
        directory: Folder for the logs.
        number: Number of the session; the first session is 1.
        seed: Random seed of the order of the trials.
        limit: Number of trials after which the session stops; None for all of them.
        spec: The description from which the observer was made, if it is known.
        stimuli_digest: `experiment.stimuli.digest()` if it is known; computing it reads all images.
        shard: The part of the session to run; None for the whole session.
        exclusions: Exclusion rules that are declared before a new session; None for none.
    """

    experiment: Experiment
    observer: Observer
    directory: Path
    number: int = 1
    seed: int = 0
    limit: int | None = None
    spec: ObserverSpec | None = None
    stimuli_digest: str | None = None
    shard: Shard | None = None
    exclusions: ExclusionRules | None = None

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.number < MAX_COUNT or (self.limit is not None and self.limit < 1):
            raise LogError(
                f"session and limit must be 1 or more, and session at most {MAX_COUNT - 1}, got session {self.number} and "
                f"limit {self.limit}"
            )
        check_unicode(self.directory)
        if self.seed < 0:
            raise LogError(f"the seed must be 0 or more, got {self.seed}")
        if self.shard is not None and self.limit is not None:
            raise LogError(
                f"got the limit {self.limit} and the shard {self.shard}, expected one of them: omit the limit"
            )
        if self.shard is not None and self.observer.kind == "human":
            raise LogError(
                f"{self.observer.name} is a person, whose session cannot be divided into shards: omit the shard {self.shard}"
            )
        check_name(self.experiment.name)
        check_name(self.observer.name)
        check_columns(self.observer)
        refuse_forgotten_observer(self.observer, self.directory)

    @property
    def path(self) -> Path:
        """The path of the log, or of the part log of the shard."""
        path = log.log_path(self.directory, self.experiment.name, self.observer.name, self.number)
        return path if self.shard is None else self.shard.path(path)

    @property
    def cues(self) -> tuple[str, ...]:
        """The names of the cues of the stimulus set."""
        return self.experiment.stimuli.cue_names

    def trials(self) -> list[Trial]:
        """Return the trials of the session, or those of its shard."""
        trials = self.experiment.trials(self.seed)
        if self.shard is None:
            return trials
        indices = self.shard.indices(len(trials))
        return trials[indices.start : indices.stop]

    def columns(self) -> list[str]:
        """Return the columns of the log."""
        observer = self.observer
        return log_rows.column_names(self.cues, self.experiment.choices, measures_of(observer), texts_of(observer))

    def describe_mismatch(self, cells: list[str], trial: Trial) -> str:
        """Describe why a row cannot be the row of this trial, or return "" if it can be."""
        if len(cells) != len(self.columns()):
            return f"it has {len(cells)} cells, expected {len(self.columns())}"
        return log_rows.describe_mismatch(cells, self.experiment.name, self.observer, self.number, self.cues, trial)


@define(eq=False)
class SessionLog:
    """The log of a session, opened for writing. It must be closed.

    Attributes:
        session: The session.
        trials: All trials of the session or shard that are to be presented, up to the limit.
        sidecar: The contents of the sidecar.
        n_logged: Number of trials in the log.
    """

    session: Session
    trials: list[Trial]
    sidecar: dict[str, Any]
    path: Path
    _writer: log.LogWriter
    _n_total: int
    _n_before: int
    _is_started: bool = False
    _times: RunTimes | None = None
    _sidecar_time: float = field(factory=time.monotonic)

    @classmethod
    def open(cls, session: Session, notify: Callable[[str], None] = lambda sentence: None) -> "SessionLog":
        """Open the log of a session for writing.

        Args:
            session: The session.
            notify: Function that is called with a sentence if an incomplete last row was removed from the log.

        Raises:
            LogError: If the log belongs to another session, is damaged or is in use.
            StimulusError: If an image cannot be read.
        """
        trials = session.trials()
        if session.shard is not None:
            check_folder(session.path, session.shard)
        writer = log.LogWriter(session.path)
        try:
            # The data may have been deleted since the session was planned; `forget` needs the lock of the log to delete it.
            refuse_forgotten_observer(session.observer, session.directory)
            sidecar = open_sidecar(session, trials, notify)
            if session.path.exists():
                writer.continue_from(log.check_hashed_rows(session.path, sidecar))
            return cls(
                session, trials[: session.limit], sidecar, session.path, writer, len(trials), sidecar["n_logged"]
            )
        except BaseException:
            writer.close()
            raise

    @property
    def n_logged(self) -> int:
        """The number of trials in the log."""
        return int(self.sidecar["n_logged"])

    def start(self) -> None:
        """Write the sidecar and the header, before the first row; a log without a sidecar cannot be resumed."""
        if self._is_started:
            return
        self._is_started = True
        if self.n_logged < len(self.trials) or not self.path.exists():
            self._times = RunTimes(self.n_logged)
            self.sidecar["status"] = "running"
            self.sidecar.pop("error", None)
            self.sidecar["runs"] = [*self.sidecar.get("runs", []), {}]
            self._write_sidecar()
        if not self.path.exists():
            self._writer.write(self.session.columns())

    def record_provenance(
        self, provenance: Mapping[str, str], device: str, packages: Mapping[str, str] | None = None
    ) -> None:
        """Write the observer's provenance and the model of its device into the sidecar.

        `packages` are those of a worker, which are also written if they differ from those of this process.

        Raises LogError if the provenance differs from that of the earlier trials (see `comparable_provenance`).
        """
        new, old = dict(provenance), self.sidecar["provenance"]
        before, now = comparable_provenance(old, new)
        for key in sorted(before.keys() | now.keys()) if old else ():
            if before.get(key) != now.get(key):
                remedy = (
                    f"resume it with -o revision={old.get(key)}"
                    if key == "revision"
                    else f"use the original {key} again"
                )
                raise LogError(
                    f"{self.path} was started with a different {key} "
                    f"({describe_difference(old.get(key), new.get(key))}): {remedy}, or choose another --session or --out"
                )
        other = None if packages is None or packages == worker_packages() else dict(packages)
        others = self.sidecar.get("other_environments", [])
        if other is not None and {"packages": other} not in others:
            self.sidecar["other_environments"] = [*others, {"packages": other}]
            self._write_sidecar()
        if add_session_records(self.sidecar, self.session.observer):
            self._write_sidecar()
        devices = self.sidecar.setdefault("devices", [])
        if not old.keys() >= new.keys() or device not in devices:  # a new key, or the first response on a device
            self.sidecar["provenance"] = new
            devices += [device] if device not in devices else []
            self._write_sidecar()

    def write(self, cells: list[str]) -> None:
        """Write the row of the next trial. The sidecar is updated from time to time."""
        self._writer.write(cells)
        self.sidecar["n_logged"] += 1
        if self._times is not None:
            self._times.add(self.n_logged)
        if time.monotonic() - self._sidecar_time > SIDECAR_SECONDS:
            self._write_sidecar()

    def _write_sidecar(self) -> None:
        """Write the sidecar, with the number and hash of the rows that are on disk."""
        self._writer.sync()
        if self.path.exists():
            self.sidecar["hashed"] = {"n_rows": self.n_logged, "sha256": self._writer.sha256}
        if self._times is not None:
            self.sidecar["runs"][-1] = self._times.describe(self.n_logged)
        log.write_sidecar(self.path, self.sidecar)
        self._sidecar_time = time.monotonic()

    def record_error(self, error: Exception) -> None:
        """Set the error that stopped the session, for the sidecar. Folders are removed from its message."""
        message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        self.sidecar["error"] = without_folders(to_unicode(message).partition("\n")[0])[:MAX_ERROR]

    def sync(self) -> None:
        """Sync all rows to disk."""
        self._writer.sync()

    def close(self) -> None:
        """Sync the log to disk, complete the sidecar, and allow other processes to open the log."""
        try:
            self._writer.sync()
            if self._is_started:
                self.sidecar["status"] = "complete" if self.n_logged == self._n_total else "partial"
                lacks_time = "finished" in self.sidecar and self.sidecar["finished"] is None  # recordings omit the key
                is_killed_at_the_end = self.sidecar["status"] == "complete" and lacks_time
                if self.n_logged > self._n_before or is_killed_at_the_end:
                    self.sidecar["finished"] = now()
                if self._times is not None and self.n_logged == self._n_before:
                    self._times = None
                    del self.sidecar["runs"][-1]
                if "shard" in self.sidecar and self.sidecar["status"] == "complete":
                    self.sidecar["shard"]["sha256"] = file_digest(self.path)
                self._write_sidecar()
        finally:
            self._writer.close()
