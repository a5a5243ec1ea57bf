"""The discriminative baselines of the microcosm: a small ResNet, trained with and without diffusion noise.

Both are saved in the layout of transformers, and `observers.classifiers.discriminative` loads them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import ProgressCallback
from observers.training.noise_training import ClassifierTrainingSettings, train, write_classifier
from stimuli.categories import CATEGORIES
from stimuli.draw.microcosm import SIZE

MEAN, SD = (0.5,) * 3, (0.5,) * 3
MAX_SHIFT = 4  # pixels


class ShiftedImages:
    """Training images that are mirrored and shifted at random, differently in every epoch.

    An image is mirrored with probability 0.5 and shifted by up to MAX_SHIFT pixels along each axis.

    Attributes:
        epoch: Number of the epoch. Together with the seed it determines the random transformations.
    """

    def __init__(self, images: TrainingImages, seed: int) -> None:
        self._images, self._seed, self.epoch = images, seed, 0

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return an image (3, SIZE, SIZE) in −1..1 and the index of its category."""
        rng = np.random.default_rng([self._seed, self.epoch, index])
        image = np.asarray(self._images.pixels[index])
        if rng.random() < 0.5:
            image = image[:, ::-1]
        top, left = rng.integers(2 * MAX_SHIFT + 1, size=2)
        padded = np.pad(image, ((MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT), (0, 0)), mode="edge")
        values = padded[top : top + SIZE, left : left + SIZE].transpose(2, 0, 1) / 255
        values = (values - MEAN[0]) / SD[0]
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)), int(self._images.labels[index])


def build_network() -> Any:
    """Return an untrained ResNet of transformers."""
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(1)
    return ResNetForImageClassification(
        ResNetConfig(
            embedding_size=24, hidden_sizes=[24, 48, 96, 192], depths=[1, 1, 1, 1], layer_type="basic", num_labels=16
        )
    )


def train_cnn(
    images: TrainingImages,
    out: Path,
    checkpoints: Path,
    on_progress: ProgressCallback,
    settings: ClassifierTrainingSettings,
) -> None:
    """Train the network and write it to a folder.

    Args:
        images: The training images.
        out: Folder for the network.
        checkpoints: Folder for the training checkpoints.
        on_progress: Function that is called with progress messages.
        settings: Training settings.
    """
    network = build_network()
    train(
        network,
        ShiftedImages(images, settings.seed),
        settings,
        checkpoints,
        data_id=images.id,
        device=torch.device("cpu"),
        on_progress=on_progress,
    )
    write_classifier(network, list(CATEGORIES), out, SIZE, SIZE, MEAN, SD)
