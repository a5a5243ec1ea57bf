"""The autoencoder of `microcosm-latent`: 64 × 64 pixels -> 8 × 8 latents of 8 channels.

It begins with principal components. Those of 8 × 8 pixels are known before any training, so the encoder learns to give them
and the decoder to undo them, each with a target of its own; later the decoder gets what the encoder makes, and the encoder
what serves the decoder, still held near the components. In five minutes of one core this comes to 19.6 dB, where the same
network with reconstruction alone comes to 15.0; 8 components as such are 21.3 dB.
"""

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from observers.microcosm.training_images import TrainingImages
from observers.microcosm.training_loop import Loss, TrainingSettings, exactly
from stimuli.microcosm import SIZE

N_CHANNELS, SIDE = 8, 8
APART = 0.3  # of the steps, in which encoder and decoder learn each for itself
NOISE = 0.03  # of the components, when the decoder gets them
KL = 1e-6  # weight of the divergence from N(0, 1), as Stable Diffusion's autoencoder had
N_PICTURES, N_BLOCKS = 4000, 40_000  # that the components are of
PART = 500  # pictures encoded at once


class GuidedAutoencoder(torch.nn.Module):
    """An AutoencoderKL, and the principal components (N_CHANNELS, D) of D pixels of variance 1, times 1 / their sd."""

    step: torch.Tensor
    mean: torch.Tensor
    axes: torch.Tensor
    weights: torch.Tensor

    def __init__(self, vae: Any, pictures: TrainingImages) -> None:
        super().__init__()
        self.vae = vae
        mean, axes, weights = principal(pictures)
        for name, value in {"step": torch.tensor(0), "mean": mean, "axes": axes, "weights": weights}.items():
            self.register_buffer(name, value)

    def components(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, SIZE, SIZE) -> (n, N_CHANNELS, SIDE, SIDE)"""
        with exactly():
            return ((_blocks(images) - self.mean) @ self.axes.T).permute(0, 3, 1, 2)


def principal(pictures: TrainingImages) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean (D,), axes (N_CHANNELS, D) and shares of the pixels' sd (N_CHANNELS,) of blocks of the first pictures."""
    blocks = _blocks(pictures.at(np.arange(min(N_PICTURES, len(pictures))))).flatten(0, 2)
    mean = blocks.mean(0)
    some = torch.linspace(0, len(blocks) - 1, min(N_BLOCKS, len(blocks))).long()
    axes = torch.linalg.svd(blocks[some] - mean, full_matrices=False)[2][:N_CHANNELS]
    sd = ((blocks - mean) @ axes.T).std(0)
    return mean, axes / sd[:, None], sd / sd.sum()


def _blocks(images: torch.Tensor) -> torch.Tensor:
    """(n, 3, SIZE, SIZE) -> (n, SIDE, SIDE, 3 (SIZE / SIDE)²)"""
    one = SIZE // SIDE
    return functional.unfold(images, one, stride=one).view(len(images), -1, SIDE, SIDE).permute(0, 2, 3, 1)


def autoencoder_network() -> Any:
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(8, 16, 32, 64), down_block_types=("DownEncoderBlock2D",) * 4, norm_num_groups=8,
        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=1, sample_size=SIZE, latent_channels=N_CHANNELS,
        mid_block_add_attention=False,
    )  # fmt: skip
    with torch.no_grad():
        vae.quant_conv.bias[N_CHANNELS:] = -6.0  # hardly any noise in the latents from the beginning
    return vae


def autoencoder_loss(guided: GuidedAutoencoder, pictures: TrainingImages, plan: TrainingSettings) -> Loss:
    def loss(generator: torch.Generator) -> torch.Tensor:
        images, _ = pictures.batch(plan.batch, generator)
        wanted = guided.components(images)
        posterior = guided.vae.encode(images).latent_dist
        noise = torch.randn(wanted.shape, generator=generator)
        apart = int(guided.step) < APART * plan.steps
        given = wanted + NOISE * noise if apart else posterior.mean + posterior.std * noise
        out = guided.vae.decode(given).sample.float()
        error = functional.l1_loss(out, images) + functional.mse_loss(out, images)
        off = (posterior.mean.float() - wanted).square().mean((0, 2, 3)) @ guided.weights
        guided.step += 1
        total: torch.Tensor = error + off + KL * posterior.kl().float().mean()
        return total

    return loss


@torch.inference_mode()
def encoded(vae: Any, pictures: TrainingImages) -> tuple[torch.Tensor, float]:
    """(2, n, C, SIDE, SIDE) float16 latents of variance 1, of the pictures and of them mirrored, and the scaling factor."""
    found = torch.empty((2, len(pictures), N_CHANNELS, SIDE, SIDE), dtype=torch.float16)
    for which in torch.split(torch.arange(len(pictures)), PART):
        images = pictures.at(which.numpy())
        for mirrored, given in enumerate((images, images.flip(3))):
            found[mirrored, which] = vae.encode(given).latent_dist.mean.half()
    scale = round(float(1 / found[:, : 20 * PART].float().std()), 5)
    return (found.float() * scale).half().clone(), scale
