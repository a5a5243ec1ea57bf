"""A unit of work: consecutive trials of a session for one worker, serialized as JSON.

A unit contains the name and options of the observer, and the paths of the images, but neither weights nor pixels. The
worker checks that it has the same code, the same observer and the same images, so every worker gives the responses that
this process would give. Paths may differ on the worker: images may be in its own data folder or cache, and a FILE.py with
an observer, whose content is sent with the unit, may be written to a temporary folder.
"""

import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import attrs

from core.errors import StimulusError, UserError
from core.plugins import imported_files
from experiments.identity import observer_identity
from experiments.running.environment import code_digest
from experiments.running.session_log import Session
from observers.protocol import Trial
from observers.spec import ObserverSpec
from stimuli.published.datasets import cache_folder, data_folders

MAX_FILE_BYTES = 2**20  # largest size of a Python file that is sent with a unit


def pack_unit(session: Session, trials: Sequence[Trial], packed_observer: dict[str, Any]) -> bytes:
    """Return a unit of work as JSON.

    Args:
        session: The session.
        trials: The trials of the unit.
        packed_observer: The observer of the session, from `pack_observer`.

    Raises:
        StimulusError: If an image cannot be read.
    """
    unit = {
        "code": code_digest(),
        "folder": os.getcwd(),
        "data_folders": list(map(str, _data_folders())),
        "observer": packed_observer,
        "experiment": session.experiment.name,
        "session": session.number,
        "cues": list(session.cues),
        "choices": list(session.experiment.choices),
        "presentation": attrs.asdict(session.experiment.presentation),
        "instruction": session.experiment.instruction,
        "trials": [_pack_trial(trial) for trial in trials],
    }
    return json.dumps(unit).encode()


def pack_question() -> bytes:
    """Return the query for the hardware and packages of a worker, as JSON."""
    return json.dumps({"code": code_digest()}).encode()


def pack_observer(session: Session) -> dict[str, Any]:
    """Return the description of the observer of a session as JSON values.

    Raises:
        UserError: If the observer is an object without a description, or a person, who cannot respond on a worker.
    """
    spec = session.spec
    if spec is None:
        raise UserError(
            f"the observer {session.observer.name} is an object, which cannot be sent to workers: pass an ObserverSpec with "
            f"its name and options instead"
        )
    if session.observer.kind == "human" and not spec.name.startswith("recorded:"):
        raise UserError(f"{session.observer.name} is a person at this computer: run the session without workers")
    return {
        "name": spec.name,
        "options": {name: _to_json(value) for name, value in spec.options.items()},
        "files": [
            {"name": path.name, "sha256": hashlib.sha256(content).hexdigest(), "content": b64encode(content).decode()}
            for path, content in _python_files(spec)
        ],
        "identity": observer_identity(session.observer),
    }


def _to_json(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_to_json(part) for part in value]
    return str(value) if isinstance(value, PurePath) else value


def _python_files(spec: ObserverSpec) -> list[tuple[Path, bytes]]:
    """Return path and content of FILE.py in FILE.py:NAME, and of the other Python files in its folder that are imported."""
    module = spec.name.rpartition(":")[0]
    if not module.endswith(".py"):
        return []
    path = Path(module).expanduser().resolve()
    others = sorted({file.resolve() for file in imported_files(path.parent)} - {path})
    files = [(file, file.read_bytes()) for file in (path, *others)]
    for file, content in files:
        if len(content) > MAX_FILE_BYTES:
            raise UserError(
                f"{file} has {len(content):,} bytes; a file that is sent to workers may have at most {MAX_FILE_BYTES:,}"
            )
    return files


def _pack_trial(trial: Trial) -> dict[str, Any]:
    stimulus = trial.stimulus
    try:
        digest = hashlib.sha256(stimulus.path.read_bytes()).hexdigest()
    except OSError as error:
        raise StimulusError(f"the image {stimulus.path} cannot be read: {error.strerror}") from None
    return {
        "number": trial.number, "block": trial.block, "id": stimulus.id, "path": str(stimulus.path.absolute()),
        "sha256": digest, "category": stimulus.category, "condition": stimulus.condition, "cues": dict(stimulus.cues),
    }  # fmt: skip


def _data_folders() -> list[Path]:
    """Return the data folders and the cache of this machine, which may have different paths on a worker."""
    return [folder.absolute() for folder in dict.fromkeys([*data_folders(), cache_folder()])]
