"""The training images of the microcosm, and batches of them as tensors."""

from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from torch.nn import functional

from observers.microcosm.training.training_pool import load_training_pool
from stimuli.draw.microcosm import SIZE


@frozen(eq=False)
class TrainingImages:
    """Images with their categories.

    Attributes:
        pixels: The images, (n, s, s, 3) uint8.
        labels: Category index of each image, (n,) int64.
        id: Identifies the images, so that a checkpoint is not resumed with other images.
    """

    pixels: np.ndarray
    labels: torch.Tensor
    id: str = ""

    @classmethod
    def from_icons(
        cls, n: int, seed: int, icons: Path | None = None, *, agreement: float = 1.0, size: int = SIZE
    ) -> "TrainingImages":
        """Return n images of training shapes, drawn first if they are not in the cache.

        Args:
            n: Number of images.
            seed: Random seed of the images.
            icons: Archive of icons. By default it is downloaded.
            agreement: Probability with which an object has the texture of its own category.
            size: Width and height to which the images are resized.

        Raises:
            ObserverError: If the icons cannot be downloaded or drawn.
        """
        pixels, labels, pool_id = load_training_pool(n, seed, icons=icons, agreement=agreement)
        images = cls(pixels, torch.from_numpy(labels), pool_id)
        return images if size == SIZE else images.resized(size)

    @property
    def size(self) -> int:
        """Width and height of the images in pixels."""
        return int(self.pixels.shape[1])

    def resized(self, size: int) -> "TrainingImages":
        """Return the images with another width and height, all of them in memory."""
        parts = [self.select(indices, size) for indices in np.array_split(np.arange(len(self)), len(self) // 1000 + 1)]
        pixels = ((torch.cat(parts).permute(0, 2, 3, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
        return TrainingImages(pixels, self.labels, f"{self.id}-{size}px")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def batch(self, n: int, generator: torch.Generator, size: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw n images with replacement and mirror each of them with probability 0.5.

        They are resized to `size` × `size` pixels if it is not None.

        Returns:
            Images (n, 3, s, s) in −1..1 and category indices (n,).
        """
        indices = torch.randint(len(self), (n,), generator=generator)
        mirrored = torch.rand(n, 1, 1, 1, generator=generator) < 0.5
        images = self.select(indices.numpy(), size)
        return torch.where(mirrored, images.flip(3), images), self.labels[indices]

    def select(self, indices: np.ndarray, size: int | None = None) -> torch.Tensor:
        """Return the images with the indices (n,), (n, 3, s, s) in −1..1, resized to s = `size` if it is not None."""
        images = torch.from_numpy(self.pixels[indices]).permute(0, 3, 1, 2).float()
        if size not in (None, self.size):  # rounded as by Pillow, with which the observers resize images
            images = functional.interpolate(images, (size, size), mode="bicubic", antialias=True).clamp(0, 255).round()
        return images / 127.5 - 1
