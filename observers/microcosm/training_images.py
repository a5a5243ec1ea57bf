"""Batches of training pictures, as tensors."""

from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from torch.nn import functional

from observers.microcosm.training_pool import pool
from stimuli.microcosm import SIZE


@frozen(eq=False)
class TrainingImages:
    """(n, SIZE, SIZE, 3) uint8 pictures and (n,) int64 categories; `name` tells them from others."""

    pixels: np.ndarray
    labels: torch.Tensor
    name: str = ""

    @classmethod
    def drawn(cls, n: int, seed: int, icons: Path | None = None) -> "TrainingImages":
        """Raises ObserverError."""
        pixels, labels, name = pool(n, seed, icons=icons)
        return cls(pixels, torch.from_numpy(labels), name)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, n: int, generator: torch.Generator, size: int = SIZE) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, 3, size, size) in −1..1, half of them mirrored, and (n,) categories."""
        chosen = torch.randint(len(self), (n,), generator=generator)
        mirrored = torch.rand(n, 1, 1, 1, generator=generator) < 0.5
        images = self.at(chosen.numpy(), size)
        return torch.where(mirrored, images.flip(3), images), self.labels[chosen]

    def at(self, which: np.ndarray, size: int = SIZE) -> torch.Tensor:
        """(n,) indices -> (n, 3, size, size) in −1..1."""
        images = torch.from_numpy(self.pixels[which]).permute(0, 3, 1, 2).float()
        if size != SIZE:  # as Pillow does it for the observers, to whole numbers of 0..255
            images = functional.interpolate(images, (size, size), mode="bicubic", antialias=True).clamp(0, 255).round()
        return images / 127.5 - 1
