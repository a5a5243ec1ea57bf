import numpy as np
import pytest
import torch

from observers.microcosm.training.training_images import TrainingImages
from stimuli.categories import CATEGORIES
from stimuli.draw import microcosm


def draw_images(n: int, seed: int) -> TrainingImages:
    """Return images of the shapes in the experiments. The training shapes would have to be downloaded."""
    rng, shapes = np.random.default_rng(seed), microcosm.exemplars()
    labels = np.arange(n) % len(CATEGORIES)
    pixels = [microcosm.draw_image(shapes[CATEGORIES[k]][0], CATEGORIES[k], rng) for k in labels]
    return TrainingImages(np.stack(pixels), torch.from_numpy(labels))


@pytest.fixture(scope="session")
def images() -> TrainingImages:
    return draw_images(64, 3)
