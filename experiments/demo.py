"""The experiments of `observers demo`, and its observers: the models of the microcosm and simulated people."""

from attrs import frozen

from observers.catalog import OBSERVERS
from observers.protocol import Observer
from observers.registry import make_observer

MODELS = tuple(name for name in OBSERVERS if name.startswith("microcosm-"))
# Observer whose reconstructions are shown -> how the image is damaged before the observer restores it.
RECONSTRUCTED_DAMAGE = {
    "microcosm-latent": "its latent noised at strength 0.5",
    "microcosm-pixel": "its pixels noised at strength 0.5",
    "microcosm-masked": "half of its tokens masked",
}
# The observers that take the place of people. They are biased observers with a shape bias like that of people, and make
# errors on many of the same images as one another.
SIMULATED_PEOPLE = {
    "SIMULATED-1": {"shape_bias": "0.97", "cue_rate": "0.9", "seed": "1"},
    "SIMULATED-2": {"shape_bias": "0.95", "cue_rate": "0.85", "seed": "2"},
    "SIMULATED-3": {"shape_bias": "0.93", "cue_rate": "0.8", "seed": "3"},
}
SHARED_PROPORTION = "0.6"  # proportion of stimuli on which the simulated people use the same random numbers


@frozen
class DemoPart:
    """One experiment of the demonstration.

    Attributes:
        experiment: Name of the experiment.
        limit: Number of trials, a multiple of 16 (the number of categories).
    """

    experiment: str
    limit: int


PARTS = (
    DemoPart("microcosm-cue-conflict", 32),
    DemoPart("microcosm-silhouette", 16),
    DemoPart("microcosm-edge", 16),
    DemoPart("microcosm-low-pass", 16),
    DemoPart("microcosm-contrast", 16),
)


def make_simulated_people() -> list[Observer]:
    """Return the simulated people."""
    return [
        make_observer("biased", {**options, "shared": SHARED_PROPORTION, "name": name})
        for name, options in SIMULATED_PEOPLE.items()
    ]
