"""A likelihood known in closed form: mean gray levels with Gaussian noise, one noise sample per draw."""

from collections.abc import Sequence

import numpy as np
import torch
from attrs import evolve, frozen

from observers.generative.draws import kronecker_sequence
from observers.generative.noising import noise


@frozen
class Toy:
    """A prompt predicts the gray level that it ends in.

    A score is −(mean of the image + noise of the draw − gray level of the prompt)² / 1000.
    """

    sd: float = 30.0
    max_rows: int = 10**9  # rows that fit into memory
    n_draws: int | None = None
    unit: str = "squared gray levels"
    device: torch.device = torch.device("cpu")
    nan_from: int = 10**9  # first draw with the score NaN

    @property
    def scorer(self) -> "Toy":
        return self

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        return torch.tensor([float(pixels.mean())])

    def condition(self, prompts: Sequence[str]) -> list[tuple[torch.Tensor, ...]]:
        return [(torch.tensor(float(prompt.rpartition(" ")[2])),) for prompt in prompts]

    def positions(self, draws: np.ndarray) -> np.ndarray:
        return kronecker_sequence(draws, 0)

    def score(self, images: torch.Tensor, conditioning: tuple[torch.Tensor, ...], draws: np.ndarray) -> torch.Tensor:
        if len(draws) > self.max_rows:
            raise torch.OutOfMemoryError(f"{len(draws)} rows")
        eps = torch.stack([noise(0, int(draw), (1,)) for draw in draws])
        scores = -(images + self.sd * eps - conditioning[0][:, None]).square()[:, 0] / 1000
        return torch.where(torch.tensor(draws >= self.nan_from), torch.nan, scores)

    def provenance(self) -> dict[str, str]:
        return {"weights": "none"}


def with_gray_levels(trials, n_choices=5):
    """Return the same trials with the choices gray 40, gray 80, …"""
    return [evolve(trial, choices=tuple(f"gray {40 * i}" for i in range(1, n_choices + 1))) for trial in trials]
