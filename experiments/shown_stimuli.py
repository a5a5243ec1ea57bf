"""The images that the observers of some logs were shown, as far as they are on this machine."""

from collections.abc import Iterable, Sequence

from attrs import evolve

from experiments.illusions import is_available
from experiments.registry import EXPERIMENTS, make_experiment
from stimuli.datasets import ATTRIBUTIONS, DATASETS, find, scan_images
from stimuli.stimulus import StimulusSet


def find_shown_stimuli(datasets: Iterable[str], given: Sequence[str] = ()) -> list[StimulusSet]:
    """Sets named as those datasets: published ones in a data folder, our own drawn ones, and the experiments in `given`.

    What is not there is left out; of a published set as many images as there are. Raises StimulusError and UnknownName
    for what is given and is none.
    """
    sets = {found.name: evolve(found.stimuli, name=found.name) for found in map(make_experiment, given)}
    for name in datasets:
        if name in sets:
            continue
        if name in EXPERIMENTS and is_available(name):
            sets[name] = evolve(make_experiment(name).stimuli, name=name)
        elif name in DATASETS and (folder := find("stimuli", name)) is not None:
            table = DATASETS[name]
            sets[name] = StimulusSet(name, tuple(scan_images(table, folder)), ATTRIBUTIONS.get(table.license, ""))
    return list(sets.values())
