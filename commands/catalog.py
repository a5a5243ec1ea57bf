"""The output of `observers list`, which lists observers, experiments, models of Jaini et al. (2024) and distortions."""

from collections.abc import Callable, Iterator

from core.plugins import plugins
from experiments.sets.catalog import EXPERIMENTS
from observers.catalog import OBSERVERS
from observers.paper_models import PAPER_MODELS
from stimuli.published.datasets import DATASETS, find


def list_observers() -> Iterator[str]:
    """Yield a heading and one line per observer."""
    yield "Observers (observers run-experiment EXPERIMENT --observer NAME; your own: mine.py:Name)"
    for row in OBSERVERS.values():
        yield f"  {row.example if ':' in row.name else row.name:<42} {row.reference}"
    for name, reference in plugins("observers").items():
        yield f"  {name:<42} {reference}"


def list_experiments() -> Iterator[str]:
    """Yield a heading and one line per experiment, which tells whether its images and human data are on this machine."""
    yield "Experiments (your own: mine.py:name, or a folder of images)"
    drawn = {name: row.reference for name, row in EXPERIMENTS.items() if name not in DATASETS}
    for name, reference in (drawn | plugins("experiments")).items():
        yield f"  {name:<28} {reference}"
    for dataset in DATASETS.values():
        images, people = ("here" if find(part, dataset.name) else "-" for part in ("stimuli", "humans"))
        levels = f"{len(dataset.conditions)} conditions" if len(dataset.conditions) > 1 else ""
        here = f"images {images:<5} people {people:<5}"
        yield f"  {dataset.name:<20} {here} {dataset.n_images:>4} images, {dataset.n_people:>2} people  {levels}"
    yield "  To download what is missing: observers fetch NAME… (images), observers fetch humans (people)"


def list_models() -> Iterator[str]:
    """Yield a heading and one line per model of Jaini et al. (2024), with the corresponding observer."""
    yield "Models in Tables 2 and 3 of Jaini et al. (2024)"
    for model in PAPER_MODELS:
        yield f"  {model.name:<36} {model.observer or 'not available':<58} {model.note}"


def list_distortions() -> Iterator[str]:
    """Yield a heading and one line per distortion, with its conditions."""
    from stimuli.distort.catalog import DISTORTIONS

    yield "Distortions (observers make-stimuli NAME SOURCE OUT; your own: mine.py:name)"
    for row in DISTORTIONS.values():
        yield f"  {row.name:<20} {' '.join(row.conditions)}".rstrip()
    for name in plugins("distortions"):
        yield f"  {name}"


CATALOGS: dict[str, Callable[[], Iterator[str]]] = {
    "observers": list_observers,
    "experiments": list_experiments,
    "models": list_models,
    "distortions": list_distortions,
}
