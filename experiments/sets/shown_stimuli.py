"""Find the images that were shown in experiments, if they are on this machine."""

from collections.abc import Iterable, Sequence

from attrs import evolve

from experiments.sets.illusions import is_available
from experiments.sets.registry import EXPERIMENTS, make_experiment
from stimuli.published.datasets import ATTRIBUTIONS, DATASETS, find, scan_images
from stimuli.stimulus import StimulusSet


def find_shown_stimuli(datasets: Iterable[str], experiments: Sequence[str] = ()) -> list[StimulusSet]:
    """Return the stimulus sets of datasets and experiments.

    Args:
        datasets: Names of drawn stimulus sets, and of published datasets, whose images are read from a data folder.
            Sets that are not on this machine are skipped.
        experiments: Names of further experiments whose stimuli are returned, as for `make_experiment`.

    Raises:
        StimulusError: If the stimuli of one of the `experiments` cannot be read.
        UnknownName: If one of the `experiments` does not exist.
    """
    named = [make_experiment(name) for name in experiments]
    sets = {experiment.name: evolve(experiment.stimuli, name=experiment.name) for experiment in named}
    for name in datasets:
        if name in sets:
            continue
        if name in EXPERIMENTS and is_available(name):
            sets[name] = evolve(make_experiment(name).stimuli, name=name)
        elif name in DATASETS and (folder := find("stimuli", name)) is not None:
            dataset = DATASETS[name]
            sets[name] = StimulusSet(name, tuple(scan_images(dataset, folder)), ATTRIBUTIONS.get(dataset.license, ""))
    return list(sets.values())
