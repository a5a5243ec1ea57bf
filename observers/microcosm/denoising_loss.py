"""What the two diffusion models are trained for: to predict the noise in an image, at any noise level, given a sentence."""

from typing import Any

import torch
from torch.nn import functional


def noise_error(
    unet: Any, noising: Any, x: torch.Tensor, states: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Mean squared error of the noise predicted in x (n, C, h, w), noised by a scheduler's rule, under states (n, L, D)."""
    t = torch.randint(noising.config.num_train_timesteps, (len(x),), generator=generator)
    noise = torch.randn(x.shape, generator=generator)
    found = unet(noising.add_noise(x, noise, t), t, encoder_hidden_states=states).sample
    return functional.mse_loss(found[:, : x.shape[1]].float(), noise)
