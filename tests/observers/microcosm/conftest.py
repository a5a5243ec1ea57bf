import numpy as np
import pytest
import torch

from observers.microcosm.training_images import TrainingImages
from stimuli import microcosm
from stimuli.categories import CATEGORIES


def drawn(n: int, seed: int) -> TrainingImages:
    """Pictures of the shapes that are shown, in place of those of training shapes, which have to be fetched."""
    rng, shapes = np.random.default_rng(seed), microcosm.exemplars()
    labels = np.arange(n) % len(CATEGORIES)
    pixels = [microcosm.draw(shapes[CATEGORIES[k]][0], CATEGORIES[k], rng) for k in labels]
    return TrainingImages(np.stack(pixels), torch.from_numpy(labels))


@pytest.fixture(scope="session")
def pictures() -> TrainingImages:
    return drawn(64, 3)
