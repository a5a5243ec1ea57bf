"""A likelihood that is known in closed form: gray levels with Gaussian noise, one draw a noisy look at an image."""

from collections.abc import Sequence

import numpy as np
import torch
from attrs import evolve, frozen

from observers.generative.draws import kronecker_sequence
from observers.generative.noising import noise


@frozen
class Toy:
    """A text's mean is the number that it ends in. score = −(mean of image + noise of the draw − number of the text)²."""

    sd: float = 30.0
    fits: int = 10**9  # rows that memory holds
    n_draws: int | None = None
    unit: str = "squared gray levels"
    device: torch.device = torch.device("cpu")
    nan_from: int = 10**9  # draw

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        return torch.tensor([float(pixels.mean())])

    def condition(self, texts: Sequence[str]) -> list[tuple[torch.Tensor, ...]]:
        return [(torch.tensor(float(text.rpartition(" ")[2])),) for text in texts]

    def positions(self, draws: np.ndarray) -> np.ndarray:
        return kronecker_sequence(draws, 0)

    def score(self, images: torch.Tensor, conditions: tuple[torch.Tensor, ...], draws: np.ndarray) -> torch.Tensor:
        if len(draws) > self.fits:
            raise torch.OutOfMemoryError(f"{len(draws)} rows")
        eps = torch.stack([noise(0, int(draw), (1,)) for draw in draws])
        scores = -(images + self.sd * eps - conditions[0][:, None]).square()[:, 0] / 1000
        return torch.where(torch.tensor(draws >= self.nan_from), torch.nan, scores)

    def provenance(self) -> dict[str, str]:
        return {"weights": "none"}


def numbered(trials, n_choices=5):
    """The same trials with choices 40, 80, …"""
    return [evolve(trial, choices=tuple(f"gray {40 * i}" for i in range(1, n_choices + 1))) for trial in trials]
