"""The discriminative baselines of the microcosm: one small ResNet, trained plainly and with diffusion noise.

Both are folders in the layout of transformers, which `observers.discriminative` loads.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from observers.microcosm.training_images import TrainingImages
from observers.microcosm.training_loop import Say
from observers.noise_training import ClassifierTrainingSettings, train, write_classifier
from stimuli.categories import CATEGORIES
from stimuli.microcosm import SIZE

MEAN, SD = (0.5,) * 3, (0.5,) * 3
SHIFT = 4  # pixels


class ShiftedImages:
    """Pictures mirrored half the time and shifted by up to SHIFT pixels each way, anew in every epoch."""

    def __init__(self, pictures: TrainingImages, seed: int) -> None:
        self.pictures, self.seed, self.epoch = pictures, seed, 0

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        picture = np.asarray(self.pictures.pixels[index])
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        top, left = rng.integers(2 * SHIFT + 1, size=2)
        wide = np.pad(picture, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="edge")
        values = wide[top : top + SIZE, left : left + SIZE].transpose(2, 0, 1) / 255
        values = (values - MEAN[0]) / SD[0]
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)), int(self.pictures.labels[index])


def network() -> Any:
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(1)
    return ResNetForImageClassification(
        ResNetConfig(
            embedding_size=24, hidden_sizes=[24, 48, 96, 192], depths=[1, 1, 1, 1], layer_type="basic", num_labels=16
        )
    )


def train_cnn(pictures: TrainingImages, out: Path, work: Path, say: Say, recipe: ClassifierTrainingSettings) -> None:
    """Write the trained network into the folder `out`; `work` is for what it takes to go on."""
    made = network()
    train(
        made,
        ShiftedImages(pictures, recipe.seed),
        recipe,
        work,
        given=pictures.name,
        device=torch.device("cpu"),
        say=say,
    )
    write_classifier(made, list(CATEGORIES), out, SIZE, SIZE, MEAN, SD)
