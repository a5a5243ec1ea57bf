"""Diffusion noise as an augmentation for training and evaluation: Jaini et al. (2024), Appendix E, Listing 1.

Images have mean 0 and variance about 1, as a classifier's preprocessing produces them. Shapes: B images of h × w
pixels.
"""

import numpy as np
import torch


def add_noise(images: torch.Tensor, u: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return α x + √(1 − α²) ε with α = √u, which preserves the variance.

    Args:
        images: x, (B, 3, h, w).
        u: Squared weight α² of each image, in 0..1: (B, 1, 1, 1), or a scalar for all images.
        noise: ε, with the shape of the images, or (3, h, w) if all images have the same noise.
    """
    return u.sqrt() * images + (1 - u).sqrt() * noise


def add_random_noise(images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """Add noise to images (B, 3, h, w), with an independent ε and an independent u ~ U(0, 1) for each image."""
    u = torch.rand((len(images), 1, 1, 1), generator=generator).to(images)
    return add_noise(images, u, torch.randn(images.shape, generator=generator).to(images))


def draw_stratified_noise(
    seed: int, draw: int, n_draws: int, shape: tuple[int, ...]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return u and ε of one of `n_draws` noise samples, which are the same for every image (common random numbers).

    The interval 0..1 is divided into `n_draws` equal strata, and u is drawn uniformly from the stratum `draw` (counted
    from 0).

    Returns:
        u, a scalar, and ε of the given shape, both float32.
    """
    rng = np.random.default_rng([seed, draw])
    u = (draw + rng.random()) / n_draws
    return torch.tensor(u, dtype=torch.float32), torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
