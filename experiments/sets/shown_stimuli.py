"""Find the images that were shown in experiments, if they are on this machine."""

from collections.abc import Iterable, Sequence

from attrs import evolve

from experiments.sets.catalog import EXPERIMENTS, images_on_disk
from experiments.sets.registry import make_experiment
from stimuli.published.datasets import ATTRIBUTIONS, DATASETS, scan_images
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
        row = EXPERIMENTS.get(name)
        if row is None:
            continue
        folder = images_on_disk(row)
        if folder is None and row.download:
            continue
        if folder is not None and name in DATASETS:  # images that lack others of their dataset can be shown as well
            dataset = DATASETS[name]
            sets[name] = StimulusSet(name, tuple(scan_images(dataset, folder)), ATTRIBUTIONS.get(dataset.license, ""))
        else:
            sets[name] = evolve(make_experiment(name).stimuli, name=name)
    return list(sets.values())
