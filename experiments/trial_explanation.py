"""One trial of a log again: what was shown, what was answered, and what the observer makes of the image under each choice.

The experiment is drawn or found anew by its name, in the order of the log's seed; what is shown must be what was shown then.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import frozen

from experiments.identity import describe_difference, observer_options
from experiments.log import COLUMNS, EVIDENCE, read_rows, read_sidecar
from experiments.registry import make_experiment
from observers.protocol import Observer, Reconstruction, Reconstructor, Restoration
from stimuli.attribution import read_credits
from stimuli.errors import LogError, ObserverError
from stimuli.stimulus import Stimulus


@frozen(eq=False)
class TrialExplanation:
    observer: str
    kind: str
    stimulus: Stimulus
    attribution: str  # whom to name under the image; "" nobody
    choices: tuple[str, ...]
    response: str  # "" no answer
    evidence: np.ndarray | None  # (K,)
    found: Reconstruction | None  # None of an observer that restores nothing


def explain(
    log: Path, number: int, make: Callable[[str], Observer], how: Restoration, *, experiment: str | None = None,
    observer: str | None = None,
) -> TrialExplanation:  # fmt: skip
    """The trial of that number. `make` makes the observer by its name, with the options that it had.

    `experiment` and `observer` are named as the log names them, or as given here. Raises LogError for a log that has no such
    trial, was made on other images, or names what only a user may; ObserverError for an observer with other options, and
    for one that restores nothing and left no evidence.
    """
    row = _row(log, number)
    seed, digest, kind, had = _begun(log)
    shown = make_experiment(experiment or _harmless(log, row["experiment"], "experiment"))
    trials = shown.trials(seed)
    trial = trials[number - 1] if number <= len(trials) else None
    if trial is None or shown.stimuli.digest() != digest or trial.stimulus.id != row["stimulus"]:
        raise LogError(f"{log} was made on other images than {shown.name} has here: they cannot be shown")
    found = None
    if kind == "generative":
        one = make(observer or _harmless(log, row["observer"], "observer"))
        found = _reconstruction(one, had, trial.stimulus, trial.choices, how)
    given = _evidence(log, row, trial.choices)
    credit = read_credits(trial.stimulus.path.parent).get(trial.stimulus.id)
    if found is None and given is None:
        raise ObserverError(f"{row['observer']} restores no images and left no evidence: there is nothing to draw")
    return TrialExplanation(
        row["observer"], row["kind"], trial.stimulus, credit.said() if credit else shown.stimuli.attribution,
        trial.choices, row["response"], given, found,
    )  # fmt: skip


def _row(log: Path, number: int) -> dict[str, str]:
    head, *rows = read_rows(log)
    missing = [name for name in COLUMNS if name not in head]
    if missing:
        raise LogError(f"{log} is no trial log of run-experiment: it has no column {missing[0]}")
    for cells in rows:
        row = dict(zip(head, cells, strict=True))
        if row["trial"] == str(number):
            return row
    raise LogError(f"{log} has no trial {number}: it has {len(rows)}, from 1 on")


def _begun(log: Path) -> tuple[int, str, str, dict[str, object]]:
    """Seed, digest of the stimuli, kind and options of the observer, as the sidecar has them."""
    sidecar = read_sidecar(log)
    if sidecar is None:
        raise LogError(f"{log} has no .json beside it, which says how it was made: give a trial log of run-experiment")
    try:
        seed, digest, maker = (sidecar["identity"][name] for name in ("seed", "stimuli", "observer"))
        kind, had = maker["kind"], dict(maker["options"])
        if not (isinstance(seed, int) and seed >= 0):
            raise ValueError(seed)
    except (KeyError, TypeError, ValueError):
        raise LogError(
            f"the sidecar of {log} is damaged: expected seed, stimuli, and kind and options of the observer; put the "
            f"original back"
        ) from None
    return seed, digest, kind, had


def _harmless(log: Path, name: str, what: str) -> str:
    """A name that a log gives, which may be anyone's: one that stands for code or a place is not followed."""
    if name in (".", "..") or set(name) & set(":/\\"):
        raise LogError(f"{log} names the {what} {name}, where code or files lie: if you trust it, give --{what} {name}")
    return name


def _evidence(log: Path, row: dict[str, str], choices: tuple[str, ...]) -> np.ndarray | None:
    """(K,), None where the observer left none."""
    cells = {name: row.get(name, "") for name in (f"{EVIDENCE}{choice}" for choice in choices)}
    if not all(cells.values()):
        return None
    numbers = []
    for name, cell in cells.items():
        try:
            numbers.append(float(cell))
        except ValueError:
            raise LogError(f"{log}, trial {row['trial']}: {name} is {cell!r}, expected a number") from None
    return np.array(numbers)


def _reconstruction(
    one: Observer, had: dict[str, object], stimulus: Stimulus, choices: tuple[str, ...], how: Restoration
) -> Reconstruction | None:
    if not isinstance(one, Reconstructor) or not one.restores:
        return None
    options = observer_options(one)
    if options != had:
        raise ObserverError(
            f"the {one.name} of the log had other options ({describe_difference(had, options)}): give them with -o"
        )
    return one.reconstruct(stimulus, one.prompts(choices), how)
