"""Replace the addresses of downloads by those of a server on this machine, inside a forked command."""

import os

from attrs import evolve


def use_local_site(url: str, registry: str) -> None:
    """Let `observers fetch sketch` download four images from `url`, with the checksums in the file `registry`."""
    from pathlib import Path

    from stimuli.published import download, fetch, recordings
    from stimuli.published.datasets import DATASETS

    os.environ["NO_PROXY"] = "127.0.0.1"
    fetch.ARCHIVES = url  # type: ignore[attr-defined]
    recordings.REGISTRY = Path(registry)
    download.PAUSES = (0.0, 0.0, 0.0, 0.0)
    DATASETS["sketch"] = evolve(DATASETS["sketch"], n_images=4)  # type: ignore[index]


def use_empty_scripts() -> None:
    """Let `observers serve` serve empty files in place of jsPsych, which may not be on this machine."""
    from observers.people import jspsych

    jspsych.load_scripts = lambda folder=None: {"jspsych.js": b"", "jspsych.css": b""}
