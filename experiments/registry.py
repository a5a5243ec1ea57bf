"""Names to experiments: the published datasets, built-in names, plugins, `mine.py:experiment`, or a folder of images."""

from pathlib import Path

from experiments.experiment import Experiment
from experiments.folder import from_folder
from experiments.published import published_experiment
from stimuli.datasets import DATASETS
from stimuli.errors import StimulusError
from stimuli.names import plugins, resolve

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
    "drawn-cue-conflict": "experiments.drawn:cue_conflict",
    **{name: f"experiments.microcosm:{name.replace('-', '_')}" for name in _MICROCOSM.split()},
    **{name: f"experiments.illusions:{name.replace('-', '_')}" for name in _ILLUSIONS.split()},
}


def make_experiment(name: str) -> Experiment:
    """The experiment of that name. Raises UnknownName, StimulusError."""
    if name in DATASETS:
        return published_experiment(name)
    if name and Path(name).is_dir() and name not in EXPERIMENTS | plugins("experiments"):
        return from_folder(Path(name))
    table = EXPERIMENTS | dict.fromkeys(DATASETS, "experiments.published:published_experiment")
    found = resolve(name, table, "experiments", "experiment")
    experiment = found() if callable(found) else found
    if not isinstance(experiment, Experiment):
        raise StimulusError(f"{name} is no experiment but {type(experiment).__name__}")
    return experiment
