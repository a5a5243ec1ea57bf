"""One trial of a log again: what was shown, what was answered, and what the observer makes of the image under each choice.

The experiment is drawn or found anew by its name, in the order of the log's seed; what is shown must be what was shown then.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from attrs import frozen

from experiments.identity import difference, options
from experiments.log import EVIDENCE, read_rows, read_sidecar
from experiments.registry import make_experiment
from observers.protocol import Observer, Reconstruction, Reconstructor, Restoration
from stimuli.attribution import read_credits
from stimuli.errors import LogError, ObserverError
from stimuli.stimulus import Stimulus


@frozen(eq=False)
class Explained:
    observer: str
    kind: str
    stimulus: Stimulus
    attribution: str  # whom to name under the image; "" nobody
    choices: tuple[str, ...]
    response: str  # "" no answer
    evidence: np.ndarray | None  # (K,)
    found: Reconstruction | None  # None of an observer that restores nothing


def explain(log: Path, number: int, make: Callable[[str], Observer], how: Restoration) -> Explained:
    """The trial of that number. `make` makes the observer by its name, with the options that it had.

    Raises LogError for a log that has no such trial, or was made on other images; ObserverError for an observer with other
    options, and for one that restores nothing and left no evidence.
    """
    sidecar = read_sidecar(log)
    if sidecar is None:
        raise LogError(f"{log} has no .json beside it, which says how it was made: give a trial log of run-experiment")
    head, *rows = read_rows(log)
    row = next(
        (dict(zip(head, cells, strict=True)) for cells in rows if cells[head.index("trial")] == str(number)), None
    )
    if row is None:
        raise LogError(f"{log} has no trial {number}: it has {len(rows)}, from 1 on")
    identity = sidecar["identity"]
    experiment = make_experiment(row["experiment"])
    trials = experiment.trials(int(identity["seed"]))
    if experiment.stimuli.digest() != identity["stimuli"] or trials[number - 1].stimulus.id != row["stimulus"]:
        raise LogError(f"{log} was made on other images than {row['experiment']} has here: they cannot be shown")
    trial = trials[number - 1]
    evidence = [row.get(f"{EVIDENCE}{choice}", "") for choice in trial.choices]
    given = np.array([float(x) for x in evidence]) if all(evidence) else None
    credit = read_credits(trial.stimulus.path.parent).get(trial.stimulus.id)
    found = _reconstruction(make, row["observer"], identity["observer"], trial.stimulus, trial.choices, how)
    if found is None and given is None:
        raise ObserverError(f"{row['observer']} restores no images and left no evidence: there is nothing to draw")
    return Explained(
        row["observer"], row["kind"], trial.stimulus, credit.said() if credit else experiment.stimuli.attribution,
        trial.choices, row["response"], given, found,
    )  # fmt: skip


def _reconstruction(
    make: Callable[[str], Observer], name: str, identity: dict[str, object], stimulus: Stimulus, choices: tuple[str, ...],
    how: Restoration,
) -> Reconstruction | None:  # fmt: skip
    if identity["kind"] != "generative":
        return None
    one = make(name)
    if not isinstance(one, Reconstructor) or not one.restores:
        return None
    if options(one) != identity["options"]:
        raise ObserverError(
            f"the {name} of the log had other options ({difference(identity['options'], options(one))}): give them with -o"
        )
    return one.reconstruct(stimulus, one.texts(choices), how)
