"""Requests to run observers on experiments, from a command line or a file runs.toml, and the sessions that result.

A file runs.toml contains one or more tables [[runs]]. Values above the first table apply to all of them:

    seed = 0

    [[runs]]
    experiments = ["cue-conflict", "sketch"]
    observers = ["sd14", "efficientnet-lite0"]
    options = { draws = 100 }     # each observer gets only the options that it has, as with -o
    limit = 40                    # further keys: session, seed, instruction

Paths in names and options are relative to the folder in which the command runs.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from core.errors import UserError
from core.files import read_text
from core.options import describe_type
from experiments.experiment import Experiment
from experiments.running.session_log import Session
from experiments.running.shards import Shard
from experiments.sets.registry import folder_note, make_experiment
from observers.instructions import parse_instruction
from observers.registry import make_observer, make_specs


@frozen
class RunRequest:
    """A request to run each of its observers on each of its experiments.

    Attributes:
        experiments: Names as for `make_experiment`.
        observers: Names as for `make_observer`.
        options: Options of the observers by name. Each observer gets only the options that it has.
        session: Number of the session.
        seed: Random seed of the order of the trials.
        limit: Number of trials after which each session stops; None for all.
        instruction: Question about each image, or the name of one, as for `observers.instructions.parse_instruction`. None
            for the question of each experiment.
    """

    experiments: tuple[str, ...]
    observers: tuple[str, ...]
    options: Mapping[str, Any] = field(factory=dict)
    session: int = 1
    seed: int = 0
    limit: int | None = None
    instruction: str | None = None


_TYPES: dict[str, type] = {
    "experiments": list, "observers": list, "options": dict, "session": int, "seed": int, "limit": int,
    "instruction": str,
}  # fmt: skip
_SMALLEST = {"session": 1, "seed": 0, "limit": 1}


def read_runs(path: Path) -> list[RunRequest]:
    """Read a file runs.toml.

    Raises:
        UserError: If the file cannot be read, or if a key is unknown, missing or has a value of the wrong type.
    """
    try:
        content = tomllib.loads(read_text(path, "utf-8-sig"))  # some editors write a byte order mark
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except RecursionError:
        raise UserError(f"{path} is not a file of runs: its values are nested too deeply") from None
    except ValueError as error:  # also a whole number with more digits than Python converts
        raise UserError(f"{path} is not a TOML file: {error}") from None
    tables = content.pop("runs", None)
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise UserError(
            f"{path} does not contain a table [[runs]]: expected one with experiments = [...] and observers = [...]"
        )
    requests = []
    for number, table in enumerate(tables, start=1):
        values = content | table
        where = f"{path}, table [[runs]] number {number}"
        for key, value in values.items():
            if key not in _TYPES:
                raise UserError(f"{where}: unknown key {key!r}; the keys are {', '.join(_TYPES)}")
            if not isinstance(value, _TYPES[key]) or isinstance(value, bool):
                raise UserError(f"{where}: {key} must be {describe_type(_TYPES[key])}, got {value!r}")
            if isinstance(value, int) and value < _SMALLEST.get(key, value):
                raise UserError(f"{where}: {key} must be {_SMALLEST[key]} or more, got {value}")
        for key in ("experiments", "observers"):
            names = values.get(key)
            if names is None:
                raise UserError(f"{where}: {key} is missing; it is a list of one or more names")
            if not names or not all(isinstance(name, str) for name in names):
                raise UserError(f"{where}: {key} must be a list of one or more names, got {names!r}")
        values |= {key: tuple(values[key]) for key in ("experiments", "observers")}
        requests.append(RunRequest(**values))
    return requests


def plan_sessions(
    requests: Iterable[RunRequest],
    directory: Path,
    *,
    shard: Shard | None = None,
    notify: Callable[[str], None] = lambda sentence: None,
) -> list[Session]:
    """Return the sessions of the requests: one for each observer and experiment of a request.

    Args:
        requests: The requests.
        directory: Folder for the logs.
        shard: The part of each session to run; None for whole sessions.
        notify: Function that is called with a sentence for each option that only some of the observers have, and with the
            notes about the stimulus sets.

    Raises:
        UserError: If an experiment or observer cannot be made, or if two sessions would write the same log.
    """
    experiments: dict[str, tuple[Experiment, str]] = {}
    sessions: dict[Path, Session] = {}
    for request in requests:
        specs = make_specs(request.observers, request.options, notify=notify)
        observers = [make_observer(spec) for spec in specs]
        for name in request.experiments:
            if name not in experiments:
                if note := folder_note(name):
                    notify(f"note: {note}")
                experiment = make_experiment(name)
                for note in experiment.stimuli.notes:
                    notify(f"note: {note}")
                experiments[name] = experiment, experiment.stimuli.digest()
            experiment, digest = experiments[name]
            if request.instruction is not None:
                experiment = evolve(experiment, instruction=parse_instruction(request.instruction))
            for spec, observer in zip(specs, observers, strict=True):
                session = Session(
                    experiment, observer, directory, request.session, request.seed, request.limit, spec, digest, shard
                )
                if session.path in sessions:
                    raise UserError(
                        f"two runs would write the log {session.path}: give one of the observers another name "
                        f"(-o name=…), or use another session"
                    )
                sessions[session.path] = session
    return list(sessions.values())
