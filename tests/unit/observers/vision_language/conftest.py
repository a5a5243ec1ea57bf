"""Tiny checkpoints, trials with images of different sizes, and short waits for servers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from observers.protocol import Trial
from observers.services import concurrency
from stimuli.images import save_image
from stimuli.stimulus import Stimulus
from tests.unit.observers.vision_language import tiny_models

CHOICES = ("airplane", "bear", "cat", "dog")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from the name of a family to the folder of a checkpoint, which no test may change."""
    parent, folders = tmp_path_factory.mktemp("checkpoints"), dict[str, Path]()

    def save(family: str) -> Path:
        if family not in folders:
            folders[family] = tiny_models.save(parent / f"tiny-{family}", family)
        return folders[family]

    return save


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    """Return seven trials with images of three sizes, and with four or three choices."""
    folder, rng = tmp_path_factory.mktemp("mixed"), np.random.default_rng(0)
    sizes = [(224, 224), (224, 224), (60, 110), (224, 224), (110, 60), (60, 110), (224, 224)]
    trials = []
    for i, size in enumerate(sizes):
        rows, columns = (np.linspace(0, 3 + i, n)[:, None] for n in size)
        waves = 127 * (1 + np.sin(rows[:, None] * rng.uniform(1, 4, 3) + columns[None] * rng.uniform(1, 4, 3)))
        save_image(waves.astype(np.uint8), folder / f"{i}.png")
        stimulus = Stimulus(f"{i}.png", folder / f"{i}.png", "cat")
        trials.append(Trial(i + 1, 1, stimulus, CHOICES[i == 3 :]))
    return trials


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a shorter time before retries, and use neither a proxy nor a key of the user."""
    monkeypatch.setattr(concurrency, "MAX_WAIT", 0.02)
    for name in ("OPENAI_API_KEY", "MY_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
