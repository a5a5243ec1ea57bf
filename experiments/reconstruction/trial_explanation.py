"""Explain one trial of a log: show the image, the response, and the evidence or the restored image for each choice.

The experiment is made from its name, with the trials in the order of the log's seed. Its images must be the same as those of
the logged session.
"""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
from attrs import frozen

from core.errors import LogError, ObserverError
from core.trial_columns import EVIDENCE, TRIAL_COLUMNS
from experiments.identity import add_missing_options, added_options, describe_difference, observer_options
from experiments.log import read_rows, read_sidecar
from experiments.sets.registry import make_experiment
from observers.protocol import Observer, Reconstruction, Reconstructor, Restoration
from stimuli.published.attribution import read_credits
from stimuli.stimulus import Stimulus


@frozen(eq=False)
class TrialExplanation:
    """One trial with its response, and the evidence and reconstructions behind the response.

    Attributes:
        observer: Name of the observer.
        kind: Kind of the observer.
        stimulus: The stimulus of the trial.
        attribution: Credit line to print below the image; "" if the image needs no credit.
        choices: The choices of the trial.
        response: The choice that the observer gave; "" if the observer did not choose.
        evidence: Evidence of each choice, of shape (n_choices,), or None if the log has no evidence.
        reconstruction: Images restored under each choice, or None if the observer cannot restore images.
    """

    observer: str
    kind: str
    stimulus: Stimulus
    attribution: str
    choices: tuple[str, ...]
    response: str
    evidence: np.ndarray | None
    reconstruction: Reconstruction | None


def explain(
    log: Path, number: int, make: Callable[[str], Observer], restoration: Restoration, *,
    experiment: str | None = None, observer: str | None = None,
) -> TrialExplanation:  # fmt: skip
    """Return the explanation of one trial of a log.

    A log may come from an untrusted source. If its experiment or observer has a name that refers to code or files, the name
    is refused, and the caller has to pass it as `experiment` or `observer`.

    Args:
        log: The trial log, with its sidecar next to it.
        number: Number of the trial; the first trial is 1.
        make: Function that makes an observer from its name, with the same options as in the log.
        restoration: Strength, steps, guidance and draw with which the image is restored.
        experiment: Name of the experiment; by default, the name in the log.
        observer: Name of the observer; by default, the name in the log.

    Raises:
        LogError: If the log lacks the trial or its sidecar, is damaged, was made with other images, or has a name that
            refers to code or files.
        ObserverError: If the observer's options differ from those in the log, or if the observer cannot restore images and
            the log has no evidence.
    """
    row = _read_row(log, number)
    seed, digest, kind, logged_options = _read_identity(log)
    rerun = make_experiment(experiment or _require_plain_name(log, row["experiment"], "experiment"))
    trials = rerun.trials(seed)
    trial = trials[number - 1] if number <= len(trials) else None
    if trial is None or rerun.stimuli.digest() != digest or trial.stimulus.id != row["stimulus"]:
        raise LogError(
            f"{log} was made with other images than {rerun.name} has on this computer, so the trial cannot be shown"
        )
    reconstruction = None
    if kind == "generative":
        model = make(observer or _require_plain_name(log, row["observer"], "observer"))
        reconstruction = _reconstruct(model, logged_options, trial.stimulus, trial.choices, restoration)
    evidence = _read_evidence(log, row, trial.choices)
    credit = read_credits(trial.stimulus.path.parent).get(trial.stimulus.id)
    if reconstruction is None and evidence is None:
        raise ObserverError(
            f"{row['observer']} cannot restore images and its log has no evidence, so there is nothing to draw"
        )
    return TrialExplanation(
        row["observer"], row["kind"], trial.stimulus, credit.caption() if credit else rerun.stimuli.attribution,
        trial.choices, row["response"], evidence, reconstruction,
    )  # fmt: skip


def _read_row(log: Path, number: int) -> dict[str, str]:
    """Return the row of one trial as a mapping from columns to cells."""
    header, *rows = read_rows(log)
    missing = [column.name for column in TRIAL_COLUMNS if column.required and column.name not in header]
    if missing:
        raise LogError(f"{log} is not a trial log of `observers run-experiment`: the column {missing[0]} is missing")
    for cells in rows:
        row = dict(zip(header, cells, strict=True))
        if row["trial"] == str(number):
            return row
    raise LogError(f"{log} has no trial {number}: it has {len(rows)} trials, numbered from 1")


def _read_identity(log: Path) -> tuple[int, str, str, dict[str, object]]:
    """Return the seed, the digest of the stimuli, and the kind and options of the observer from the sidecar."""
    sidecar = read_sidecar(log)
    if sidecar is None:
        raise LogError(
            f"{log} has no sidecar (the .json file of the same name): give a trial log of `observers run-experiment` "
            f"together with its sidecar"
        )
    try:
        seed, digest, logged_observer = (sidecar["identity"][name] for name in ("seed", "stimuli", "observer"))
        kind, logged_options = logged_observer["kind"], dict(logged_observer["options"])
        if not (isinstance(seed, int) and seed >= 0):
            raise ValueError(seed)
    except (KeyError, TypeError, ValueError):
        raise LogError(
            f"the sidecar of {log} is damaged: expected the seed, the digest of the stimuli, and the kind and options of "
            f"the observer; restore the original file"
        ) from None
    return seed, digest, kind, logged_options


def _require_plain_name(log: Path, name: str, option: str) -> str:
    """Return a name from a log, which may be untrusted. Raises LogError if the name refers to code or files."""
    if name in (".", "..") or set(name) & set(":/\\"):
        raise LogError(
            f"{log} names the {option} {name}, which refers to code or files: if you trust it, give --{option} {name}"
        )
    return name


def _read_evidence(log: Path, row: dict[str, str], choices: tuple[str, ...]) -> np.ndarray | None:
    """Return the evidence of each choice, of shape (n_choices,), or None if the log has no evidence."""
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


def _reconstruct(
    observer: Observer,
    logged_options: dict[str, object],
    stimulus: Stimulus,
    choices: tuple[str, ...],
    restoration: Restoration,
) -> Reconstruction | None:
    """Restore the image under each choice; return None if the observer cannot restore images.

    Raises ObserverError if the options of the observer differ from those in the log.
    """
    if not isinstance(observer, Reconstructor) or not observer.restores:
        return None
    options, logged_options = observer_options(observer), deepcopy(logged_options)
    add_missing_options(logged_options, added_options(observer))
    if options != logged_options:
        raise ObserverError(
            f"the log was recorded with other options of {observer.name} than the current ones "
            f"({describe_difference(logged_options, options)}): give the options of the log with -o"
        )
    return observer.reconstruct(stimulus, observer.prompts(choices), restoration)
