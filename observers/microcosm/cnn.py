"""The discriminative baselines of the microcosm: one small ResNet, trained plainly and with diffusion noise.

Both are folders in the layout of transformers, which `observers.discriminative` loads.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from observers.microcosm.pool import pool
from observers.noise_training import Recipe, train, write_classifier
from stimuli.categories import CATEGORIES
from stimuli.microcosm import SIZE

MEAN, SD = (0.5,) * 3, (0.5,) * 3
N_PICTURES, SEED = 60_000, 1
NOISE = {"microcosm-cnn": False, "microcosm-cnn-noise-train": True}


class PoolPictures:
    """Pictures of the pool, mirrored half the time and shifted by up to 4 pixels."""

    def __init__(self, n: int, seed: int, icons: Path | None = None) -> None:
        self.pixels, self.labels = pool(n, seed, icons=icons)
        self.seed, self.epoch = seed, 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        picture = np.asarray(self.pixels[index])
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        top, left = rng.integers(9, size=2)
        picture = np.pad(picture, ((4, 4), (4, 4), (0, 0)), mode="edge")[top : top + SIZE, left : left + SIZE]
        values = (picture.transpose(2, 0, 1) / 255 - 0.5) / 0.5
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)), int(self.labels[index])


def network() -> Any:
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(SEED)
    return ResNetForImageClassification(
        ResNetConfig(
            embedding_size=24, hidden_sizes=[24, 48, 96, 192], depths=[1, 1, 1, 1], layer_type="basic", num_labels=16
        )
    )


def train_cnn(
    name: str, out: Path, *, n_pictures: int = N_PICTURES, epochs: int = 10, icons: Path | None = None
) -> None:
    """Write `microcosm-cnn` or `microcosm-cnn-noise-train` into the folder `out`."""
    made = network()
    recipe = Recipe(epochs=epochs, noise=NOISE[name], seed=SEED)
    train(made, PoolPictures(n_pictures, SEED, icons), recipe, out, device=torch.device("cpu"), say=print)
    write_classifier(made, list(CATEGORIES), out, SIZE, SIZE, MEAN, SD)
