"""The small protocol by which a generative model becomes a classifier: how likely is this image, given this text?

B images, K choices, N rows of one forward pass, T draws. A row is an image with a choice and a draw; its score is a
one-draw estimate of log p(image | text), up to what all choices share, in `unit`, the higher the likelier. The evidence of
a choice is the mean of its scores. A draw is a number from 0 on: everything random about row (image, choice, draw) follows
from the likelihood's seed and the draw alone, so that all choices and all images meet the same noise (common random
numbers), and a row's score depends on no other row.

A likelihood is a frozen attrs class of options whose weights load on first use, in fields of `observers.generative.options`.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from attrs import frozen

from observers.protocol import Restoration

Condition = tuple[torch.Tensor, ...]  # what the network needs of one text, of the same shapes for every text


@frozen(eq=False)
class RestoredImages:
    left: torch.Tensor  # what was left of the image, (3, h, w) in 0..1
    images: torch.Tensor  # what was made of that under each text, (K, 3, h, w) in 0..1
    errors: torch.Tensor  # (K,) squared, as scored
    n_latent: int | None = None  # elements of the latent that the errors are summed over; None where there is none


class Likelihood(Protocol):
    @property
    def unit(self) -> str: ...  # of the scores

    @property
    def n_draws(self) -> int | None: ...  # how many draws there are; 1 where the score is exact, None without end

    @property
    def device(self) -> torch.device: ...

    def encode(self, pixels: np.ndarray) -> torch.Tensor:
        """(height, width, 3) uint8 of one image -> what its rows need, of one shape for all images, on the device."""
        ...

    def condition(self, texts: Sequence[str]) -> list[Condition]:
        """What the network needs of each text, on the device. A text's condition does not depend on the others."""
        ...

    def place(self, draws: np.ndarray) -> np.ndarray:
        """(N,) draws -> (N,) in 0..1 where they lie in what scores vary with smoothly, such as the noise level."""
        ...

    def score(self, images: torch.Tensor, conditions: Condition, draws: np.ndarray) -> torch.Tensor:
        """(N, …) encoded images, (N, …) of each part of a condition, (N,) int64 draws -> (N,) float32 on the device.

        Without waiting for the device, so that the next batch can be prepared meanwhile.
        """
        ...

    def provenance(self) -> dict[str, str]: ...


@runtime_checkable
class SupportsRestoration(Protocol):
    """Optional: a model whose scores are errors of an image that it restores can show it."""

    def restore(
        self, image: torch.Tensor, conditions: Condition, empty: Condition | None, how: Restoration
    ) -> RestoredImages:
        """One encoded image, (K, …) of each part of a condition, and K times that of the empty text if there is guidance:
        what is left of the image and what the model restores under each text, its errors as scored."""
        ...
