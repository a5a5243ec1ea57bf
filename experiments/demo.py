"""What `observers demo` runs: the microcosm's observers, and simulated people, on some trials of five of its experiments."""

from attrs import frozen

from observers.protocol import Observer
from observers.registry import OBSERVERS, make_observer

MODELS = tuple(name for name in OBSERVERS if name.startswith("microcosm-"))
RECONSTRUCTED_DAMAGE = {  # who shows what it compares, and how the image is damaged then
    "microcosm-latent": "its latent noised to half of the way",
    "microcosm-pixel": "its pixels noised to half of the way",
    "microcosm-masked": "half of its tokens masked",
}
# Biased observers with the shape bias of people, right and wrong on much the same images. No person took part in this.
SIMULATED_PEOPLE = {
    "SIMULATED-1": {"shape_bias": "0.97", "cue_rate": "0.9", "seed": "1"},
    "SIMULATED-2": {"shape_bias": "0.95", "cue_rate": "0.85", "seed": "2"},
    "SIMULATED-3": {"shape_bias": "0.93", "cue_rate": "0.8", "seed": "3"},
}
SHARED_RATE = "0.6"  # of the trials, in which they do as one


@frozen
class DemoPart:
    experiment: str
    limit: int  # trials, a multiple of the sixteen categories where it can be


PARTS = (
    DemoPart("microcosm-cue-conflict", 32),
    DemoPart("microcosm-silhouette", 16),
    DemoPart("microcosm-edge", 16),
    DemoPart("microcosm-low-pass", 16),
    DemoPart("microcosm-contrast", 16),
)


def make_simulated_people() -> list[Observer]:
    """The simulated people."""
    return [
        make_observer("biased", {**options, "shared": SHARED_RATE, "name": name})
        for name, options in SIMULATED_PEOPLE.items()
    ]
