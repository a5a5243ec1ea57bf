"""Complete the names of observers, experiments and distortions in a shell."""

from collections.abc import Iterable


def complete_observers(incomplete: str) -> list[str]:
    """Return the names of observers that begin with `incomplete`; a scheme such as hf: is completed up to its colon."""
    from observers.catalog import OBSERVERS

    return _matching((name.partition(":")[0] + ":" if ":" in name else name for name in OBSERVERS), incomplete)


def complete_experiments(incomplete: str) -> list[str]:
    """Return the names of experiments that begin with `incomplete`."""
    from experiments.sets.catalog import ALL_PUBLISHED, EXPERIMENTS

    return _matching((*EXPERIMENTS, ALL_PUBLISHED), incomplete)


def complete_distortions(incomplete: str) -> list[str]:
    """Return the names of distortions that begin with `incomplete`."""
    from stimuli.distort.catalog import DISTORTIONS

    return _matching(DISTORTIONS, incomplete)


def complete_any(incomplete: str) -> list[str]:
    """Return the names of observers, experiments and distortions that begin with `incomplete`."""
    complete = (complete_observers, complete_experiments, complete_distortions)
    return list(dict.fromkeys(name for function in complete for name in function(incomplete)))


def complete_downloads(incomplete: str) -> list[str]:
    """Return the names that `observers fetch` accepts and that begin with `incomplete`."""
    from experiments.sets.catalog import ALL_PUBLISHED
    from stimuli.published.datasets import DATASETS
    from stimuli.published.recordings import SOURCES

    return _matching((*DATASETS, *SOURCES, "illusions", ALL_PUBLISHED), incomplete)


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that begin with `incomplete`."""
    return [name for name in names if name.startswith(incomplete)]
