"""run(): one observer through one experiment into one trial log. The only loop, for machines and people alike.

A log that is there already is taken up where it stops, if it is of the same session: the same experiment, stimuli,
choices, seed and observer options. Otherwise it is refused, in words, and left as it is.
"""

import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments import log
from experiments.experiment import Experiment
from experiments.forgetting import refuse_forgotten
from experiments.identity import describe_difference, identity_of, restore_revision_name
from observers.people.participant import PILOT
from observers.protocol import (
    MAX_COUNT,
    HasProvenance,
    Observer,
    Trial,
    check_name,
    iter_responses,
    measures_of,
    validate_response,
)
from stimuli.errors import LogError, ObserverError
from stimuli.progress import Progress

PACKAGES = ("observers", "numpy", "pillow", "torch", "transformers", "timm", "diffusers", "psychopy-lib")


def run(
    experiment: Experiment,
    observer: Observer,
    directory: Path,
    *,
    session: int = 1,
    seed: int = 0,
    limit: int | None = None,
    progress: Progress = lambda done, total: None,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Let `observer` answer the trials of `experiment` that its log lacks, up to the first `limit`; the log's path.

    `notify` gets a sentence when something was found and put right. Raises ObserverError for a broken contract, LogError
    for a log that belongs to another session or is in use. Whatever was answered is on disk, also on KeyboardInterrupt.
    """
    if not 1 <= session < MAX_COUNT or (limit is not None and limit < 1):
        raise LogError(f"session and limit count from 1, got session {session} and limit {limit}")
    check_name(experiment.name)
    check_name(observer.name)
    if observer.kind == "human":
        refuse_forgotten(observer.name.removesuffix(PILOT), directory)
    path = log.log_path(directory, experiment.name, observer.name, session)
    cues = experiment.stimuli.cue_names
    trials = experiment.trials(seed)
    writer = log.LogWriter(path)
    try:
        sidecar = _open_session(path, experiment, observer, session, seed, trials, notify)
        n_done = sidecar["n_logged"]
        todo = trials[n_done : limit or len(trials)]
        if todo:
            sidecar["status"] = "running"
            log.write_sidecar(path, sidecar)  # before the first row: a log without a sidecar could not be resumed
        if not path.exists():
            writer.write(log.column_names(cues, experiment.choices, measures_of(observer)))
        try:
            progress(n_done, n_done + len(todo))
            for trial, response in _answers(observer, todo):
                # Its weights are there now, and nothing of this run is in the log yet.
                if sidecar["n_logged"] == n_done:
                    _note_provenance(path, sidecar, observer)
                writer.write(log.format_row(experiment.name, observer, session, cues, trial, response))
                sidecar["n_logged"] += 1
                progress(sidecar["n_logged"], n_done + len(todo))
        finally:
            writer.sync()
            sidecar["status"] = "complete" if sidecar["n_logged"] == len(trials) else "partial"
            if sidecar["n_logged"] > n_done:
                sidecar["finished"] = _now()
            log.write_sidecar(path, sidecar)
    finally:
        writer.close()
    return path


def _answers(observer: Observer, trials: list[Trial]) -> Iterator[tuple[Trial, Any]]:
    """Trials with their responses, checked to be one each. Where nothing is left to ask, no weights are loaded."""
    if not trials:
        return
    n_given = 0
    for response in iter_responses(observer, trials):
        if n_given == len(trials):
            raise ObserverError(f"observer {observer.name} gave more responses than the {len(trials)} trials it got")
        yield trials[n_given], validate_response(response, trials[n_given], observer.name)
        n_given += 1
    if n_given < len(trials):
        raise ObserverError(f"observer {observer.name} stopped after {n_given} of {len(trials)} trials")


def _note_provenance(path: Path, sidecar: dict[str, Any], observer: Observer) -> None:
    """Put into the sidecar which weights answer; refuse to go on with others than those that began.

    Raises LogError. How they are computed (device, batch size) may change.
    """
    new = observer.provenance() if isinstance(observer, HasProvenance) else {}
    if not isinstance(new, Mapping):
        raise ObserverError(f"observer {observer.name}: provenance() must give a mapping, got {type(new).__name__}")
    new = {str(what): str(value) for what, value in new.items()}
    old = sidecar["provenance"]
    for what in sorted((old.keys() | new.keys()) - {"device", "batch_size"}) if old else ():
        if old.get(what) != new.get(what):
            hint = f"-o revision={old.get(what)}" if what == "revision" else "with what it was begun with"
            raise LogError(
                f"{path} was begun with another {what} ({describe_difference(old.get(what), new.get(what))}): "
                f"go on {hint}, or take another --session or --out"
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
    """The sidecar to go on with: a new one, or that of the log that is there, after it was found to be of this session."""
    identity = identity_of(experiment, observer, session, seed)
    sidecar = log.read_sidecar(path)
    if sidecar is None and path.exists():
        raise LogError(f"{path} has no sidecar, so what it holds is unknown; move it away or take another --session")
    if sidecar is None or not log.has_rows(path):  # a session that failed before its first answer binds nobody
        if path.exists():
            _repair(path, notify)
            path.unlink()
        sidecar = {"format": log.VERSION, "status": "running", "started": _now(), "finished": None, "n_logged": 0}
        return sidecar | {"identity": identity, "environment": _environment(), "provenance": {}}
    restore_revision_name(identity["observer"]["options"], sidecar)
    for what, new in identity.items():
        old = sidecar.get("identity", {}).get(what)
        if old != new:
            own = ", or give this observer a name of its own (-o name=…)" if what == "observer" else ""
            raise LogError(
                f"{path} was made with different {what} ({describe_difference(old, new)}): take another --session or --out{own}"
            )
    _repair(path, notify)
    rows = log.read_rows(path)
    cues = experiment.stimuli.cue_names
    if rows[0] != log.column_names(cues, experiment.choices, measures_of(observer)):
        raise LogError(f"{path} has other columns than this session writes; move it away or take another --session")
    if len(rows) - 1 > len(trials):
        raise LogError(f"{path} holds {len(rows) - 1} trials and the session has {len(trials)}; move it away")
    for cells, trial in zip(rows[1:], trials, strict=False):
        wrong = log.describe_mismatch(cells, experiment.name, observer, session, cues, trial)
        if wrong:
            raise LogError(f"{path}, trial {trial.number}: {wrong}; move log and sidecar away, or mend that row")
    return sidecar | {"n_logged": len(rows) - 1}


def _repair(path: Path, notify: Callable[[str], None]) -> None:
    torn = log.remove_incomplete_row(path)
    if torn:
        notify(f"{path}: cut off a torn last line of {torn} bytes; its trial is asked again")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _environment() -> dict[str, Any]:
    """Versions and the project's commit; no host or user name."""
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
    """The commit of the project's checkout, with a + where files differ from it; None where it is no checkout."""
    here = Path(__file__).resolve().parent
    tracked = ["git", "-C", str(here), "ls-files", "--error-unmatch", Path(__file__).name]
    try:
        subprocess.run(tracked, capture_output=True, timeout=5, check=True)  # not installed inside somebody's checkout
        said = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip() or None
