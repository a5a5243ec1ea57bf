"""The live part of `observers demo`: which models answer which trials, and whether they answer as they were recorded."""

import csv
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from core.files import read_text
from stimuli.published.included import find_included, sidecar_of
from stimuli.published.layouts.compressed import read_compressed

LIVE_EXPERIMENT = "microcosm-cue-conflict"
# Observer -> number of trials that it answers live. The generative models need about half a second to a second per trial.
LIVE_TRIALS: Mapping[str, int] = {
    "microcosm-cnn": 16,
    "microcosm-cnn-noise-train": 16,
    "microcosm-cnn-noise-eval": 16,
    "microcosm-ar": 4,
    "microcosm-latent": 4,
    "microcosm-pixel": 2,
    "microcosm-masked": 2,
}
EXPLAINED = ("microcosm-latent", "microcosm-cnn")  # the observers whose decisions in one trial are explained
# The second part of the demo, where the images and the recorded people are on this machine.
PEOPLE_EXPERIMENT = "cue-conflict"
PEOPLE_LOGS = ("humans/cue-conflict", "networks/cue-conflict", "vlm/vqa")
PEOPLE_OBSERVER = "efficientnet-lite0"


@frozen
class Comparison:
    """The live responses of one observer compared with the recorded ones.

    Attributes:
        observer: Name of the observer.
        n_equal: Number of live responses that equal the recorded ones.
        differences: Descriptions of the other live responses.
        n_unrecorded: Number of live responses to images that were not recorded.
    """

    observer: str
    n_equal: int
    differences: tuple[str, ...]
    n_unrecorded: int


def recorded_observers() -> set[str]:
    """Return the observers whose responses in LIVE_EXPERIMENT come with the installation."""
    path = find_included("microcosm", LIVE_EXPERIMENT)
    return set() if path is None else set(sidecar_of(path)["observers"])


def compare_with_recording(log: Path, observer: str) -> Comparison:
    """Compare the responses in a log of LIVE_EXPERIMENT with the recorded responses to the same trials."""
    path = find_included("microcosm", LIVE_EXPERIMENT)
    recorded = _responses(read_compressed(path).decode(), observer) if path is not None else {}
    live = _responses(read_text(log), observer)
    both = live.keys() & recorded.keys()
    differences = tuple(
        f"trial {key[0]} ({key[1]}): {live[key] or 'no response'} live, {recorded[key] or 'no response'} recorded"
        for key in live
        if key in both and live[key] != recorded[key]
    )
    return Comparison(observer, len(both) - len(differences), differences, len(live) - len(both))


def _responses(text: str, observer: str) -> dict[tuple[str, str], str]:
    """Return the responses of an observer by the number of the trial and the name of the image."""
    rows = csv.DictReader(text.splitlines())
    return {(row["trial"], row["stimulus"]): row["response"] for row in rows if row["observer"] == observer}
