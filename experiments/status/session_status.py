"""The status of the sessions in a folder of trial logs.

Only sidecars, locks, the names of files, and the number of rows of logs that are not complete are read; nothing is changed.
"""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from attrs import evolve, frozen

from core.errors import LogError
from core.participants import is_pilot_name, is_practice_name
from experiments import log
from experiments.running.finished_units import folder_of_units
from experiments.running.shards import PART_NAME, array_expression
from experiments.status.locks import is_locked
from experiments.status.resume_command import resume_command

State = Literal["complete", "running", "stopped", "failed", "killed", "unmerged", "damaged"]
STATES: dict[State, str] = {
    "complete": "all trials are in the log",
    "running": "a process is writing the log",
    "stopped": "ended by Ctrl-C, Escape or --limit",
    "failed": "ended by an error",
    "killed": "ended unexpectedly, for example by a crash, a kill signal or a power failure",
    "unmerged": "all shards are complete; observers merge combines them into the log",
    "damaged": "the sidecar cannot be read",
}
_LOG_NAME = re.compile(r".*_session-[0-9]+\.json")
_UNIT_NAME = re.compile(r"trials-([0-9]+)-([0-9]+)\.json")


@frozen(kw_only=True)
class SessionStatus:
    """The status of one session.

    Attributes:
        path: The log.
        experiment: Name of the experiment.
        observer: Name of the observer; for people it is the participant code.
        kind: Kind of observer.
        session: Number of the session.
        state: One of STATES.
        n_trials: Number of trials of the session.
        n_logged: Number of trials in the log, or in the part logs of shards.
        n_waiting: Number of trials that workers have finished but that are not in the log yet.
        started: Date and time of the start (UTC, ISO 8601), or None.
        finished: Date and time at which the last run ended, or None.
        seconds: Time for which the session was running, added over its runs, in seconds; for a log of an earlier version the
            time from start to end. None if it is unknown.
        rate: Trials per second over the last minutes of the last run, or None.
        devices: The models of the devices that computed the responses.
        shards: For a session that is run in shards, the number of shards (`count`), how many are complete, and which are
            running and missing, in the syntax of `sbatch --array`; otherwise None.
        is_pilot: Whether it is a pilot session.
        is_practice: Whether it has practice trials.
        error: The error that ended the session, or "".
        command: The command that continues the session, or None if nothing remains or the sidecar does not tell it.
    """

    path: Path
    experiment: str = ""
    observer: str = ""
    kind: str = ""
    session: int | None = None
    state: State
    n_trials: int | None = None
    n_logged: int = 0
    n_waiting: int = 0
    started: str | None = None
    finished: str | None = None
    seconds: float | None = None
    rate: float | None = None
    devices: tuple[str, ...] = ()
    shards: Mapping[str, Any] | None = None
    is_pilot: bool = False
    is_practice: bool = False
    error: str = ""
    command: str | None = None

    @property
    def seconds_left(self) -> float | None:
        """The time in seconds that the remaining trials need at the recent rate, or None if it is unknown."""
        if not self.rate or self.n_trials is None or self.state in ("complete", "unmerged"):
            return None
        return (self.n_trials - self.n_logged - self.n_waiting) / self.rate


def read_status(logs: Iterable[Path | str]) -> list[SessionStatus]:
    """Return the status of all sessions in folders of trial logs.

    Args:
        logs: Trial logs, and folders that are searched for the sidecars of trial logs recursively.

    Returns:
        The status of each session, sorted by experiment, observer and session.

    Raises:
        LogError: If a path does not exist, or if they do not contain any sessions.

    Example:
        >>> [(s.observer, s.n_logged, s.n_trials) for s in read_status(["logs"])]
    """
    paths = [Path(path) for path in logs]
    sessions: list[SessionStatus] = []
    for path in paths:
        if not path.exists():
            raise LogError(
                f"the folder or trial log {path} does not exist: give the folder of the logs (--out of run-experiment)"
            )
        if path.is_dir():
            sessions += _in_folder(path)
        elif (status := _read_session(log.sidecar_path(path))) is not None:
            sessions.append(status)
    if not sessions:
        places = ", ".join(map(str, paths)) or "an empty list"
        raise LogError(
            f"{places} does not contain any sessions: give the folder of the logs (--out of run-experiment, collect or "
            "serve)"
        )
    unique = {status.path: status for status in sessions}
    return sorted(unique.values(), key=lambda s: (s.experiment, s.observer, s.session or 0, str(s.path)))


def _in_folder(top: Path) -> Iterator[SessionStatus]:
    """Yield the sessions below a folder."""
    for name, folders, files in os.walk(top):
        folder = Path(name)
        for part in [part for part in folders if part.endswith(log.SHARDS)]:
            folders.remove(part)
            status = None if f"{Path(part).stem}.csv" in files else _read_shards(folder / part)
            if status is not None:
                yield status
        folders[:] = [part for part in folders if not part.endswith(".units") and not part.startswith(".")]
        if folder.suffix == log.SHARDS:
            status = _read_shards(folder)
            if status is not None:
                yield status
            continue
        for file in files:
            if _LOG_NAME.fullmatch(file) and not file.startswith("."):
                status = _read_session(folder / file)
                if status is not None:
                    yield status


def _read_session(sidecar_file: Path) -> SessionStatus | None:
    """Return the status of the session with this sidecar, or None if the file belongs to something else."""
    path = sidecar_file.with_suffix(".csv")
    try:
        sidecar = log.read_sidecar(path)
    except LogError as error:
        return SessionStatus(path=path, state="damaged", error=str(error)) if path.exists() else None
    if sidecar is None:
        return None
    identity, is_complete = sidecar["identity"], sidecar.get("status") == "complete"
    observer = identity.get("observer")
    observer = observer if isinstance(observer, dict) else {}
    name, options = str(observer.get("name", "")), observer.get("options")
    n_trials, n_logged = identity.get("n_trials"), sidecar.get("n_logged") or 0
    if not is_complete and path.exists():
        n_logged = max(log.count_rows(path), 0)
    state = _state(path, sidecar)
    status = SessionStatus(
        path=path, experiment=str(identity.get("experiment", "")), observer=name, kind=str(observer.get("kind", "")),
        session=identity.get("session") if isinstance(identity.get("session"), int) else None, state=state,
        n_trials=n_trials, n_logged=n_logged, n_waiting=0 if is_complete else _count_waiting(path, n_logged),
        started=_text(sidecar.get("started")), finished=_text(sidecar.get("finished")),
        devices=tuple(map(str, sidecar.get("devices") or ())),
        is_pilot=is_pilot_name(name) or (isinstance(options, dict) and options.get("pilot") is True),
        is_practice=is_practice_name(str(identity.get("experiment", ""))), error=str(sidecar.get("error", "")),
    )  # fmt: skip
    seconds, rate = _times(sidecar)
    status = evolve(status, seconds=seconds, rate=rate)
    return status if state in ("complete", "running") else evolve(status, command=resume_command(path, sidecar))


def _state(path: Path, sidecar: Mapping[str, Any]) -> State:
    """Return the state of a session that is not divided into shards."""
    if sidecar.get("status") == "complete":
        return "complete"
    if is_locked(log.lock_path(path)):
        return "running"
    if sidecar.get("error"):
        return "failed"
    return "killed" if sidecar.get("status") == "running" else "stopped"


def _times(sidecar: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return the time for which a session was running, and its recent rate."""
    runs = [
        run
        for run in sidecar.get("runs") or ()
        if isinstance(run, dict) and isinstance(run.get("seconds"), int | float)
    ]
    if runs:
        rates = [run.get("recent_rate") for run in runs if isinstance(run.get("recent_rate"), int | float)]
        return sum(run["seconds"] for run in runs), rates[-1] if rates else None
    try:
        started, finished = (datetime.fromisoformat(str(sidecar.get(key))) for key in ("started", "finished"))
        return (finished - started).total_seconds(), None
    except (ValueError, TypeError):  # a date that is missing or not in ISO 8601, or only one with a time zone
        return None, None


def _count_waiting(path: Path, n_logged: int) -> int:
    """Return the number of trials in finished units that are not in the log yet, according to the names of the files."""
    names = (_UNIT_NAME.fullmatch(file.name) for file in folder_of_units(path).glob("trials-*.json"))
    return sum(max(0, int(name[2]) - max(n_logged, int(name[1]) - 1)) for name in names if name)


def _read_shards(folder: Path) -> SessionStatus | None:
    """Return the status of a session that is run in shards, or None if the folder does not have any part logs."""
    parts, count, damaged = {}, 0, []
    for file in sorted(folder.glob("*-of-*.json")):
        match = PART_NAME.fullmatch(file.name)
        part = _read_session(file) if match else None
        if match is not None and part is not None:
            count = max(count, int(match[2]))
            parts[int(match[1])] = part
            damaged += [part] if part.state == "damaged" else []
    if not parts:
        return None
    known = next((part for part in parts.values() if part.n_trials), next(iter(parts.values())))
    n_trials = known.n_trials or 0
    needed = [i for i in range(1, count + 1) if i * n_trials // count > (i - 1) * n_trials // count]
    states = {index: part.state for index, part in parts.items()}
    done = [index for index in needed if states.get(index) == "complete"]
    running = [index for index in needed if states.get(index) == "running"]
    missing = [index for index in needed if index not in (*done, *running)]
    errors = list(dict.fromkeys(part.error for part in parts.values() if part.error))
    path, out = folder.with_suffix(".csv"), folder.parent.parent
    command: str | None = None
    if missing:
        first = next((parts[index].command for index in missing if index in parts and parts[index].command), None)
        first = first or known.command or resume_command(known.path, log.read_sidecar(known.path) or {})
        command = first and re.sub(
            r"--shard \d+/\d+", f"--shard {'I' if len(missing) > 1 else missing[0]}/{count}", first
        )
    elif not running:
        command = shlex.join(["observers", "merge", str(out)])
    state: State = "running" if running else "unmerged" if not missing else "failed" if errors else "stopped"
    if damaged or any(states.get(index) == "killed" for index in missing):
        state = "damaged" if damaged else "killed" if state == "stopped" else state
    rates = [part.rate for part in parts.values() if part.rate and part.state == "running"]
    return evolve(
        known, path=path, state=state, n_logged=sum(part.n_logged for part in parts.values()), n_waiting=0,
        started=min((part.started for part in parts.values() if part.started), default=None),
        finished=max((part.finished for part in parts.values() if part.finished), default=None) if not running else None,
        seconds=sum(part.seconds or 0 for part in parts.values()), rate=sum(rates) if rates else None,
        devices=tuple(dict.fromkeys(device for part in parts.values() for device in part.devices)),
        shards={"count": len(needed), "complete": len(done), "running": array_expression(running),
                "missing": array_expression(missing)},
        error="; ".join(errors[:3]), command=command,
    )  # fmt: skip


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
