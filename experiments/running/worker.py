"""Compute a unit of work on a worker: make the observer, find the images, and return the rows of the log.

A worker keeps the observer of the last unit in memory, so it does not load the weights again for each unit.
`experiments.running.units` describes a unit.
"""

import gc
import hashlib
import importlib
import json
import os
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from core.atomic import write_atomically
from core.errors import ObserverError, StimulusError, UserError
from experiments import log_rows
from experiments.identity import describe_difference, observer_identity
from experiments.running.answers import iter_answers, provenance_of
from experiments.running.environment import code_digest, describe_device, describe_hardware, worker_packages
from experiments.sets.catalog import EXPERIMENTS
from experiments.sets.registry import make_experiment
from observers.protocol import Observer, Presentation, Trial
from observers.registry import make_observer
from stimuli.published.datasets import cache_folder, data_folders
from stimuli.stimulus import Stimulus

code_digest()  # the digest of the code that this process has imported, before anybody changes a file
_kept: dict[str, Observer] = {}  # the observer of the last unit, by its description as JSON
_user_files: dict[str, str] = {}  # name -> SHA-256 of the users' Python files that this process has imported
_user_folders: set[Path] = set()  # the folders of these files
_folders: list[tempfile.TemporaryDirectory[str]] = []  # of files that were sent with units, until this process ends


@frozen
class OtherVersion:
    """The result of a unit on a worker whose code differs from that of the process that sent the unit."""

    sentence: str = (
        "it has a different version of this project, or modified files; install the same version there, and start the "
        "worker again"
    )


@frozen
class WorkerFacts:
    """The hardware and packages of a worker, which it returns before it gets trials.

    Attributes:
        hardware: Models of its GPUs, or the model of its processor.
        packages: Versions of Python and of the packages.
    """

    hardware: str
    packages: dict[str, str]


@frozen
class UnitResult:
    """The responses to a unit of work.

    Attributes:
        rows: The cells of the log for each trial.
        provenance: The provenance of the observer.
        device: Model of the device.
        seconds: Time for the responses in seconds, without the time for making the observer.
        packages: Versions of Python and of the packages on the worker.
        error: Message of the UserError after the last of these rows; empty if the unit is complete.
    """

    rows: list[list[str]]
    provenance: dict[str, str]
    device: str
    seconds: float
    packages: dict[str, str]
    error: str = ""


def answer_unit(content: bytes) -> UnitResult | WorkerFacts | OtherVersion:
    """Return the responses to a unit of work.

    Args:
        content: The unit from `experiments.running.units.pack_unit`, or the query from `pack_question`.

    Returns:
        The responses to a unit, or the facts about this worker for a query; `OtherVersion` if the code of this worker
        differs from that of the process that sent the content.

    Raises:
        ObserverError: If the observer cannot be made, differs from the description in the unit, or cannot respond.
        StimulusError: If an image is missing or differs.
    """
    unit = json.loads(content)
    if unit["code"] != code_digest():
        return OtherVersion()
    packages = worker_packages()
    if "trials" not in unit:
        return WorkerFacts(describe_hardware(), packages)
    observer = _make_observer(unit["observer"], unit["folder"])
    trials = _make_trials(unit)
    start, rows, message = time.perf_counter(), [], ""
    try:
        for trial, response in iter_answers(observer, trials):
            rows.append(
                log_rows.format_row(unit["experiment"], observer, unit["session"], unit["cues"], trial, response)
            )
    except UserError as error:
        if not rows:
            raise
        message = str(error)  # the responses before the error are kept
    seconds, provenance = time.perf_counter() - start, provenance_of(observer)
    return UnitResult(rows, provenance, describe_device(provenance), seconds, packages, message)


def _make_observer(packed: Mapping[str, Any], folder: str) -> Observer:
    """Return the observer of a unit, and keep it in memory for the next units."""
    versions = [file["sha256"] for file in packed["files"]]
    key = json.dumps([packed["name"], packed["options"], packed["identity"], versions, folder])
    if key not in _kept:
        _kept.clear()
        gc.collect()  # frees the memory of the last observer before the next one is loaded
        if "torch" in sys.modules:
            sys.modules["torch"].cuda.empty_cache()
        with suppress(OSError):
            os.chdir(folder)  # relative paths in options have the same meaning as in the process that sent the unit
        _forget_other_versions(packed["files"])
        observer = make_observer(_local_name(packed), packed["options"])
        identity = json.loads(json.dumps(observer_identity(observer)))
        if identity != packed["identity"]:
            difference = describe_difference(packed["identity"], identity)
            raise ObserverError(
                f"the observer {packed['name']} on this worker differs from that of the command: {difference}"
            )
        _kept[key] = observer
    return _kept[key]


def _forget_other_versions(files: Sequence[Mapping[str, str]]) -> None:
    """Remove users' files from the imported modules if this process has imported other versions of them."""
    versions = {file["name"]: file["sha256"] for file in files}
    if any(_user_files.get(name, sha256) != sha256 for name, sha256 in versions.items()):
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if isinstance(path, str) and Path(path).parent in _user_folders:
                del sys.modules[name]
        sys.path[:] = [entry for entry in sys.path if Path(entry) not in _user_folders]
        importlib.invalidate_caches()
        _user_files.clear()
    _user_files.update(versions)


def _local_name(packed: Mapping[str, Any]) -> str:
    """Return the name of the observer on this machine. For FILE.py:NAME, the files have the content in the unit."""
    name = str(packed["name"])
    if not packed["files"]:
        return name
    original = Path(name.rpartition(":")[0]).expanduser()
    with suppress(OSError):
        local = [(original.parent / Path(file["name"]).name).read_bytes() for file in packed["files"]]
        if [hashlib.sha256(content).hexdigest() for content in local] == [f["sha256"] for f in packed["files"]]:
            _user_folders.add(original.resolve().parent)
            return name
    _folders.append(tempfile.TemporaryDirectory(prefix="observers-"))
    folder = Path(_folders[-1].name).resolve()
    _user_folders.add(folder)
    for file in packed["files"]:
        content = b64decode(file["content"])
        if hashlib.sha256(content).hexdigest() != file["sha256"]:
            raise ObserverError(f"{file['name']} was damaged on the way to the worker: its SHA-256 differs")
        write_atomically(folder / Path(file["name"]).name, content)
    return f"{folder / original.name}:{name.rpartition(':')[2]}"


def _make_trials(unit: Mapping[str, Any]) -> list[Trial]:
    """Return the trials of a unit, with the paths of the images on this machine."""
    presentation, choices = Presentation(**unit["presentation"]), tuple(unit["choices"])
    return [
        Trial(
            t["number"], t["block"],
            Stimulus(t["id"], _find_image(t, unit), t["category"], t["condition"], t["cues"]), choices, presentation,
            unit["instruction"],
        )
        for t in unit["trials"]
    ]  # fmt: skip


def _find_image(trial: Mapping[str, Any], unit: Mapping[str, Any]) -> Path:
    """Return the path of the image of a trial on this machine."""
    path = Path(trial["path"])
    candidates = [path]
    for folder in map(Path, unit["data_folders"]):
        if path.is_relative_to(folder):
            candidates += [own / path.relative_to(folder) for own in (*data_folders(), cache_folder())]
    if not any(map(os.path.isfile, candidates)) and unit["experiment"] in EXPERIMENTS:
        with suppress(StimulusError):
            make_experiment(unit["experiment"])  # draws the stimuli of a drawn experiment into the cache
    for candidate in candidates:
        with suppress(OSError):
            if hashlib.sha256(candidate.read_bytes()).hexdigest() == trial["sha256"]:
                return candidate
    exists = any(map(os.path.isfile, candidates))
    raise StimulusError(
        f"the image {path} {'has different content' if exists else 'is missing'} on a worker (folders searched: "
        f"{', '.join(sorted({str(c.parent) for c in candidates}))}): put the stimuli into a folder that all machines share, "
        f"or set OBSERVERS_DATA on the worker"
    )
