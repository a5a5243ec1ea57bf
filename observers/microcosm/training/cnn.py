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

MEAN, SD = (0.5,) * 3, (0.5,) * 3
MAX_SHIFT = 4  # pixels
WIDTHS = (24, 48, 96, 192)  # channels of the stages of the network


class ShiftedImages:
    """Training images that are mirrored and shifted at random, differently in every epoch.

    An image is mirrored with probability 0.5 and shifted by up to `max_shift` pixels along each axis.

    Args:
        images: The images.
        seed: Random seed of the transformations.
        max_shift: Largest shift in pixels.

    Attributes:
        epoch: Number of the epoch. Together with the seed it determines the random transformations.
    """

    def __init__(self, images: TrainingImages, seed: int, max_shift: int = MAX_SHIFT) -> None:
        self._images, self._seed, self.epoch, self._max_shift = images, seed, 0, max_shift

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return an image (3, s, s) in −1..1 and the index of its category."""
        rng = np.random.default_rng([self._seed, self.epoch, index])
        image = np.asarray(self._images.pixels[index])
        if rng.random() < 0.5:
            image = image[:, ::-1]
        shift, size = self._max_shift, self._images.size
        top, left = rng.integers(2 * shift + 1, size=2)
        padded = np.pad(image, ((shift, shift), (shift, shift), (0, 0)), mode="edge")
        values = padded[top : top + size, left : left + size].transpose(2, 0, 1) / 255
        values = (values - MEAN[0]) / SD[0]
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)), int(self._images.labels[index])


def build_network(widths: tuple[int, ...] = WIDTHS, seed: int = 1) -> Any:
    """Return an untrained ResNet of transformers whose stages have these numbers of channels."""
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(seed)
    return ResNetForImageClassification(
        ResNetConfig(
            embedding_size=widths[0],
            hidden_sizes=list(widths),
            depths=[1] * len(widths),
            layer_type="basic",
            num_labels=16,
        )
    )


def train_cnn(
    images: TrainingImages,
    out: Path,
    checkpoints: Path,
    on_progress: ProgressCallback,
    settings: ClassifierTrainingSettings,
    widths: tuple[int, ...] = WIDTHS,
    max_shift: int = MAX_SHIFT,
    seed: int = 1,
) -> None:
    """Train the network and write it to a folder.

    Args:
        images: The training images.
        out: Folder for the network.
        checkpoints: Folder for the training checkpoints.
        on_progress: Function that is called with progress messages.
        settings: Training settings.
        widths: Numbers of channels of the stages of the network.
        max_shift: Largest shift of an image along each axis in pixels.
        seed: Random seed of the initial weights.
    """
    network = build_network(widths, seed)
    train(
        network,
        ShiftedImages(images, settings.seed, max_shift),
        settings,
        checkpoints,
        data_id=images.id,
        device=torch.device("cpu"),
        on_progress=on_progress,
    )
    write_classifier(network, list(CATEGORIES), out, images.size, images.size, MEAN, SD)
