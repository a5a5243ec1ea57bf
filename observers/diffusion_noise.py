"""The noise of diffusion as an augmentation, for training and evaluation: Jaini et al. (2024), Appendix E, Listing 1.

Images are of mean 0 and variance about 1, as a classifier's preprocessing makes them.
"""

import numpy as np
import torch


def noised(images: torch.Tensor, u: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """α x + √(1 − α²) ε, α = √u: images (B, 3, h, w), u (B, 1, 1, 1) or one for all in 0..1, ε of the images' shape."""
    return u.sqrt() * images + (1 - u).sqrt() * noise


def random_noise(images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
    """The images noised, each with a u from U(0, 1) and an ε of its own."""
    u = torch.rand((len(images), 1, 1, 1), generator=generator).to(images)
    return noised(images, u, torch.randn(images.shape, generator=generator).to(images))


def draw_of_noise(seed: int, draw: int, n_draws: int, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """u () and ε of one of n draws, the same for every image: u in the draw's own of n equal parts of 0..1."""
    rng = np.random.default_rng([seed, draw])
    u = (draw + rng.random()) / n_draws
    return torch.tensor(u, dtype=torch.float32), torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
