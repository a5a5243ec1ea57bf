"""The log and sidecar of one session or shard, opened for writing. An unfinished log is resumed."""

import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from core.errors import LogError
from core.paths import check_unicode
from experiments import log, log_rows
from experiments.deletion_records import refuse_forgotten_observer
from experiments.experiment import Experiment
from experiments.identity import (
    add_imported,
    add_missing_options,
    added_options,
    comparable_provenance,
    describe_difference,
    identity_of,
    observer_options,
    restore_revision_name,
)
from experiments.running.environment import describe_environment, worker_packages
from experiments.running.session_records import add_session_records
from experiments.running.shards import Shard, check_folder, check_part, file_digest
from observers.protocol import MAX_COUNT, Observer, Trial, measures_of, texts_of
from observers.spec import ObserverSpec
from observers.validation import check_columns, check_name

SIDECAR_SECONDS = 10.0  # longest time after which the sidecar gets the number and the hash of the rows
# Descriptions for error messages of a difference in each part of the identity of a session.
_DIFFERENT = {
    "experiment": "a different experiment",
    "session": "a different session number",
    "seed": "a different seed",
    "n_trials": "a different number of trials",
    "n_blocks": "a different number of blocks",
    "choices": "different choices",
    "presentation": "different presentation settings",
    "instruction": "a different instruction",
    "stimuli": "different stimuli",
    "observer": "a different observer or different options",
}


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
            sidecar = _open_sidecar(session, trials, notify)
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
            self.sidecar["status"] = "running"
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
        if time.monotonic() - self._sidecar_time > SIDECAR_SECONDS:
            self._write_sidecar()

    def _write_sidecar(self) -> None:
        """Write the sidecar, with the number and hash of the rows that are on disk."""
        self._writer.sync()
        if self.path.exists():
            self.sidecar["hashed"] = {"n_rows": self.n_logged, "sha256": self._writer.sha256}
        log.write_sidecar(self.path, self.sidecar)
        self._sidecar_time = time.monotonic()

    def sync(self) -> None:
        """Sync all rows to disk."""
        self._writer.sync()

    def close(self) -> None:
        """Sync the log to disk, complete the sidecar, and allow other processes to open the log."""
        try:
            self._writer.sync()
            if self._is_started:
                self.sidecar["status"] = "complete" if self.n_logged == self._n_total else "partial"
                is_killed_at_the_end = self.sidecar["status"] == "complete" and self.sidecar["finished"] is None
                if self.n_logged > self._n_before or is_killed_at_the_end:
                    self.sidecar["finished"] = _now()
                if "shard" in self.sidecar and self.sidecar["status"] == "complete":
                    self.sidecar["shard"]["sha256"] = file_digest(self.path)
                self._write_sidecar()
        finally:
            self._writer.close()


def _open_sidecar(session: Session, trials: list[Trial], notify: Callable[[str], None]) -> dict[str, Any]:
    """Return the sidecar of a new session, or that of the existing log if it belongs to the same session.

    Raises LogError if the log belongs to another session or is damaged.
    """
    path = session.path
    identity = identity_of(
        session.experiment, session.observer, session.number, session.seed, stimuli_digest=session.stimuli_digest
    )
    sidecar = log.read_sidecar(path)
    if sidecar is None and path.exists() and not log.sidecar_path(path).exists():
        raise LogError(
            f"the sidecar of {path} is missing, so it is unknown what the log contains; move the log away or choose "
            f"another --session"
        )
    if sidecar is None or not log.has_rows(path):  # a session without responses may be restarted with other settings
        if path.exists():
            _remove_incomplete_row(path, notify)
            path.unlink()
        sidecar = {"format": log.VERSION, "status": "running", "started": _now(), "finished": None, "n_logged": 0}
        sidecar |= {} if session.shard is None else {"shard": session.shard.describe(identity["n_trials"])}
        options = added_options(session.observer)  # for a merge with shards that an earlier version recorded
        sidecar |= {"added_options": options} if options else {}
        sidecar |= {"identity": identity, "environment": describe_environment(), "provenance": {}, "devices": []}
        notes = session.experiment.stimuli.notes
        sidecar |= {"stimuli_notes": list(notes)} if notes else {}
        return sidecar | ({} if session.spec is None else {"spec": session.spec.to_json()})
    restore_revision_name(identity["observer"]["options"], sidecar)
    logged = deepcopy(sidecar["identity"])
    add_imported(logged, identity)
    added = _add_missing_options(logged, session.observer)
    for key, new in identity.items():
        old = logged.get(key)
        if old != new:
            can_rename = key == "observer" and "name" in new["options"]
            rename = ", or give this observer a different name (-o name=…)" if can_rename else ""
            rename += added if key == "observer" else ""
            difference = describe_difference(old, new)
            raise LogError(
                f"{path} was made with {_DIFFERENT[key]} ({difference}): choose another --session or --out{rename}"
            )
    _remove_incomplete_row(path, notify)
    if session.shard is not None:
        check_part(path, sidecar, session.shard, identity["n_trials"])
    rows = log.read_rows(path)
    if rows[0] != session.columns():
        raise LogError(f"{path} has other columns than this session writes; move it away or choose another --session")
    if len(rows) - 1 > len(trials):
        raise LogError(f"{path} has {len(rows) - 1} trials but the session has {len(trials)}; move it away")
    for cells, trial in zip(rows[1:], trials, strict=False):
        if mismatch := session.describe_mismatch(cells, trial):
            raise LogError(f"{path}, trial {trial.number}: {mismatch}; move log and sidecar away, or correct that row")
    return sidecar | {"n_logged": len(rows) - 1}


def _add_missing_options(identity: dict[str, Any], observer: Observer) -> str:
    """Add options to an identity that was recorded before they existed, and compare the observers.

    Returns the end of an error message, which names the options that must be set for the session to continue as it
    began; "" if the observers agree in these options.
    """
    logged = identity.get("observer")
    options = logged.get("options") if isinstance(logged, dict) else None
    if not isinstance(options, dict):
        return ""
    added, current = add_missing_options(options, added_options(observer)), observer_options(observer)
    different = [f"-o {name}={options[name]}" for name in added if options.get(name) != current.get(name)]
    return f"; to continue as the session began, add {' '.join(different)}" if different else ""


def _remove_incomplete_row(path: Path, notify: Callable[[str], None]) -> None:
    """Remove an incomplete last row of the log and report it."""
    n_bytes = log.remove_incomplete_row(path)
    if n_bytes:
        notify(f"{path}: removed an incomplete last row of {n_bytes} bytes; its trial will be repeated")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
