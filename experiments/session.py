"""Present an experiment to an observer and write a trial log, in the same way for machines and people.

If the log already exists and belongs to the same session (the same experiment, stimuli, choices, seed and observer
options), the session is resumed after the last logged trial. If it belongs to another session, it is not changed, and
an error explains the difference.
"""

import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral
from pathlib import Path
from typing import Any

from core.errors import LogError, ObserverError, UserError
from core.progress import Progress
from experiments import log, log_rows
from experiments.deletion_records import refuse_forgotten_observer
from experiments.experiment import Experiment
from experiments.identity import describe_difference, identity_of, restore_revision_name
from observers.protocol import MAX_COUNT, HasProvenance, Observer, Response, Trial, measures_of
from observers.validation import check_name, iter_responses, validate_response

PACKAGES = ("observers", "numpy", "pillow", "torch", "transformers", "timm", "diffusers", "psychopy-lib")
# For each part of the identity of a session, the words with which an error message says that it differs.
_DIFFERENT = {
    "experiment": "a different experiment",
    "session": "a different session number",
    "seed": "a different seed",
    "n_trials": "a different number of trials",
    "n_blocks": "a different number of blocks",
    "choices": "different choices",
    "presentation": "different presentation settings",
    "stimuli": "different stimuli",
    "observer": "a different observer or different options",
}


def run(
    experiment: Experiment,
    observer: Observer,
    directory: Path | str,
    *,
    session: int = 1,
    seed: int = 0,
    limit: int | None = None,
    progress: Progress = lambda done, total: None,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Present an experiment to an observer, and write each response to a trial log (see `experiments.log`).

    If the log exists, only the trials that it does not contain are presented. Each response is on disk before the next
    trial, so a session that is interrupted, for example by KeyboardInterrupt, can be resumed by calling `run` again.

    Args:
        experiment: The experiment.
        observer: The observer.
        directory: Folder for the logs. The log is DIRECTORY/EXPERIMENT/EXPERIMENT_OBSERVER_session-N.csv.
        session: Number of the session; the first session is 1. Each session of an observer has a separate log.
        seed: Random seed of the order of the trials.
        limit: Stop after this number of trials of the experiment; None for all of them.
        progress: Function that is called with the number of finished trials and the total number of trials, at the start
            and after each trial.
        notify: Function that is called with a sentence if an incomplete last row was removed from the log.

    Returns:
        The path of the log.

    Raises:
        ObserverError: If the observer breaks the contract of `observers.protocol`, or cannot respond.
        StimulusError: If an image cannot be read.
        LogError: If the log belongs to another session, is damaged, is in use, or cannot be written, or if the session,
            the seed or the limit is not a whole number, or is too small.
        UserError: If the experiment or the observer is something else, such as its name.

    Example:
        >>> path = run(make_experiment("drawn-cue-conflict"), make_observer("ideal"), "logs", seed=1)
    """
    _check_classes(experiment, observer)
    directory = Path(directory)
    session, seed = _to_integer(session, "session"), _to_integer(seed, "seed")
    limit = None if limit is None else _to_integer(limit, "limit")
    if not 1 <= session < MAX_COUNT or (limit is not None and limit < 1):
        raise LogError(f"session and limit must be 1 or more, got session {session} and limit {limit}")
    if seed < 0:
        raise LogError(f"the seed must be 0 or more, got {seed}")
    check_name(experiment.name)
    check_name(observer.name)
    refuse_forgotten_observer(observer, directory)
    path = log.log_path(directory, experiment.name, observer.name, session)
    cues = experiment.stimuli.cue_names
    trials = experiment.trials(seed)
    writer = log.LogWriter(path)
    try:
        sidecar = _open_session(path, experiment, observer, session, seed, trials, notify)
        n_done = sidecar["n_logged"]
        remaining = trials[n_done : limit or len(trials)]
        if remaining:
            sidecar["status"] = "running"
            log.write_sidecar(path, sidecar)  # before the first row, because a log without a sidecar cannot be resumed
        if not path.exists():
            writer.write(log_rows.column_names(cues, experiment.choices, measures_of(observer)))
        try:
            progress(n_done, n_done + len(remaining))
            for trial, response in _answer(observer, remaining):
                # The provenance is known after the first response, and is checked before this run writes its first row.
                if sidecar["n_logged"] == n_done:
                    _record_provenance(path, sidecar, observer)
                writer.write(log_rows.format_row(experiment.name, observer, session, cues, trial, response))
                sidecar["n_logged"] += 1
                progress(sidecar["n_logged"], n_done + len(remaining))
        finally:
            writer.sync()
            sidecar["status"] = "complete" if sidecar["n_logged"] == len(trials) else "partial"
            if sidecar["n_logged"] > n_done:
                sidecar["finished"] = _now()
            log.write_sidecar(path, sidecar)
    finally:
        writer.close()
    return path


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


def _answer(observer: Observer, trials: list[Trial]) -> Iterator[tuple[Trial, Response]]:
    """Yield each trial with its validated response. If there are no trials, the observer is not called.

    Raises ObserverError if a response is invalid, or if the observer does not give exactly one response per trial.
    """
    if not trials:
        return
    n_responses = 0
    for response in iter_responses(observer, trials):
        if n_responses == len(trials):
            raise ObserverError(f"observer {observer.name} gave more responses than it got trials ({len(trials)})")
        yield trials[n_responses], validate_response(response, trials[n_responses], observer.name)
        n_responses += 1
    if n_responses < len(trials):
        raise ObserverError(f"observer {observer.name} stopped after {n_responses} of {len(trials)} trials")


def _record_provenance(path: Path, sidecar: dict[str, Any], observer: Observer) -> None:
    """Write the observer's provenance into the sidecar.

    Raises LogError if the provenance differs from that of the earlier trials in anything but device and batch size, and
    ObserverError if it is not a mapping.
    """
    new = observer.provenance() if isinstance(observer, HasProvenance) else {}
    if not isinstance(new, Mapping):
        raise ObserverError(f"observer {observer.name}: provenance() must return a mapping, got {type(new).__name__}")
    new = {str(key): str(value) for key, value in new.items()}
    old = sidecar["provenance"]
    for key in sorted((old.keys() | new.keys()) - {"device", "batch_size"}) if old else ():
        if old.get(key) != new.get(key):
            remedy = (
                f"resume it with -o revision={old.get(key)}" if key == "revision" else f"use the original {key} again"
            )
            raise LogError(
                f"{path} was started with a different {key} ({describe_difference(old.get(key), new.get(key))}): "
                f"{remedy}, or choose another --session or --out"
            )
    sidecar["provenance"] = new
    log.write_sidecar(path, sidecar)


def _open_session(
    path: Path,
    experiment: Experiment,
    observer: Observer,
    session: int,
    seed: int,
    trials: list[Trial],
    notify: Callable[[str], None],
) -> dict[str, Any]:
    """Return the sidecar of a new session, or that of the existing log if it belongs to the same session.

    Raises LogError if the log belongs to another session or is damaged.
    """
    identity = identity_of(experiment, observer, session, seed)
    sidecar = log.read_sidecar(path)
    if sidecar is None and path.exists():
        raise LogError(
            f"the sidecar of {path} is missing, so it is unknown what the log contains; move the log away or choose "
            f"another --session"
        )
    if sidecar is None or not log.has_rows(path):  # a session without responses may be restarted with other settings
        if path.exists():
            _remove_incomplete_row(path, notify)
            path.unlink()
        sidecar = {"format": log.VERSION, "status": "running", "started": _now(), "finished": None, "n_logged": 0}
        return sidecar | {"identity": identity, "environment": _environment(), "provenance": {}}
    restore_revision_name(identity["observer"]["options"], sidecar)
    for key, new in identity.items():
        old = sidecar.get("identity", {}).get(key)
        if old != new:
            rename = ", or give this observer a different name (-o name=…)" if key == "observer" else ""
            difference = describe_difference(old, new)
            raise LogError(
                f"{path} was made with {_DIFFERENT[key]} ({difference}): choose another --session or --out{rename}"
            )
    _remove_incomplete_row(path, notify)
    rows = log.read_rows(path)
    cues = experiment.stimuli.cue_names
    if rows[0] != log_rows.column_names(cues, experiment.choices, measures_of(observer)):
        raise LogError(f"{path} has other columns than this session writes; move it away or choose another --session")
    if len(rows) - 1 > len(trials):
        raise LogError(f"{path} has {len(rows) - 1} trials but the session has {len(trials)}; move it away")
    for cells, trial in zip(rows[1:], trials, strict=False):
        mismatch = log_rows.describe_mismatch(cells, experiment.name, observer, session, cues, trial)
        if mismatch:
            raise LogError(f"{path}, trial {trial.number}: {mismatch}; move log and sidecar away, or correct that row")
    return sidecar | {"n_logged": len(rows) - 1}


def _remove_incomplete_row(path: Path, notify: Callable[[str], None]) -> None:
    """Remove an incomplete last row of the log and report it."""
    n_bytes = log.remove_incomplete_row(path)
    if n_bytes:
        notify(f"{path}: removed an incomplete last row of {n_bytes} bytes; its trial will be repeated")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _environment() -> dict[str, Any]:
    """Return the versions of Python, the system, the packages and the project, without host or user name."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": packages,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """Return the commit of the project's Git checkout, with a + if files were changed; None outside of a checkout."""
    folder = Path(__file__).resolve().parent
    # This file must be tracked: the project may be installed inside the checkout of another project.
    tracked = ["git", "-C", str(folder), "ls-files", "--error-unmatch", Path(__file__).name]
    try:
        subprocess.run(tracked, capture_output=True, timeout=5, check=True)
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None
