"""The table of experiments, and the function that makes an experiment from its name."""

from pathlib import Path

from core.errors import StimulusError
from core.plugins import plugins, resolve
from experiments.experiment import Experiment
from experiments.sets.folder import from_folder
from experiments.sets.published import published_experiment
from stimuli.published.datasets import DATASETS

_MICROCOSM = (
    "microcosm microcosm-cue-conflict microcosm-silhouette microcosm-edge microcosm-colour microcosm-contrast "
    "microcosm-uniform-noise microcosm-low-pass microcosm-high-pass microcosm-phase-scrambling microcosm-power-equalisation "
    "microcosm-false-colour microcosm-rotation microcosm-eidolonI microcosm-eidolonII microcosm-eidolonIII"
)
_ILLUSIONS = (
    "duck-rabbit vase-faces necker-cube pareidolia muller-lyer ponzo ebbinghaus delboeuf vertical-horizontal "
    "microcosm-ambiguous paper-duck-rabbit paper-rock-face paper-vegetable-face paper-woman"
)
EXPERIMENTS: dict[str, str] = {
    "drawn-cue-conflict": "experiments.sets.drawn:cue_conflict",
    **{name: f"experiments.sets.microcosm:{name.replace('-', '_')}" for name in _MICROCOSM.split()},
    **{name: f"experiments.sets.illusions:{name.replace('-', '_')}" for name in _ILLUSIONS.split()},
}


def make_experiment(name: str) -> Experiment:
    """Make an experiment by name.

    Args:
        name: A published dataset ("cue-conflict"), a built-in experiment ("drawn-cue-conflict"), the name of a plugin, a
            folder of images, "module:attribute", or "FILE.py:NAME" of an Experiment or a function that returns one.

    Returns:
        The experiment. Drawn stimuli are drawn into the cache when they are used for the first time.

    Raises:
        UnknownName: If the experiment does not exist.
        StimulusError: If the images are missing or damaged, or if the name does not refer to an experiment.
        UserError: If the module or file cannot be imported.

    Example:
        >>> experiment = make_experiment("drawn-cue-conflict")
        >>> len(experiment.stimuli), len(experiment.choices)
        (256, 16)
    """
    if name in DATASETS:
        return published_experiment(name)
    if name and Path(name).is_dir() and name not in EXPERIMENTS | plugins("experiments"):
        return from_folder(Path(name))
    table = EXPERIMENTS | dict.fromkeys(DATASETS, "experiments.sets.published:published_experiment")
    target = resolve(name, table, "experiments", "experiment")
    experiment = target() if callable(target) else target
    if not isinstance(experiment, Experiment):
        raise StimulusError(f"{name} is not an Experiment but {type(experiment).__name__}")
    return experiment
