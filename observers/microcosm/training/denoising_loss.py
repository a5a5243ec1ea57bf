"""The training objective of `microcosm-latent` and `microcosm-pixel`: predict the noise at a random noise level."""

from typing import Any

import torch
from torch.nn import functional


def noise_error(
    unet: Any, scheduler: Any, x: torch.Tensor, states: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Return the mean squared error of the predicted noise.

    Args:
        unet: A U-Net of diffusers. Output channels beyond the C input channels are ignored.
        scheduler: A scheduler of diffusers, which adds the noise.
        x: Images or latents, (n, C, h, w).
        states: Text encoder states of the captions, (n, L, D).
        generator: Random generator for the noise levels and the noise.
    """
    t = torch.randint(scheduler.config.num_train_timesteps, (len(x),), generator=generator)
    noise = torch.randn(x.shape, generator=generator)
    prediction = unet(scheduler.add_noise(x, noise, t), t, encoder_hidden_states=states).sample
    return functional.mse_loss(prediction[:, : x.shape[1]].float(), noise)
