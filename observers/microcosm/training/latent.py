"""`microcosm-latent`: latent diffusion in the layout of Stable Diffusion 1.x, about a thousandth of its size.

The autoencoder, which encodes 64 × 64 pixels as a latent of 8 × 8 elements and 8 channels, is trained first; then the
U-Net and the text encoder are trained on latents. The latents have 8 channels, not 4 as in Stable Diffusion: 8 are
needed to preserve the textures at this size.
"""

from pathlib import Path
from typing import Any

import torch

from observers.microcosm.training.autoencoder import (
    N_CHANNELS,
    SIDE,
    GuidedAutoencoder,
    autoencoder_loss,
    build_autoencoder,
    encode_images,
)
from observers.microcosm.training.captions import N_TOKENS, all_captions, clip_tokenizer, draw_captions
from observers.microcosm.training.denoising_loss import noise_error
from observers.microcosm.training.training_images import TrainingImages
from observers.microcosm.training.training_loop import ProgressCallback, TrainingSettings, fit, weights_digest

WIDTH = 64  # width of the text encoder states
AUTOENCODER = TrainingSettings(steps=6_000, batch=8, rate=2e-3, half=True)
DENOISER = TrainingSettings(steps=12_000, batch=32, rate=1e-3, warmup=500, average=0.9995)


def train_latent(
    images: TrainingImages,
    out: Path,
    checkpoints: Path,
    on_progress: ProgressCallback,
    autoencoder: TrainingSettings,
    denoiser: TrainingSettings,
) -> None:
    """Train the model and write it to a folder.

    Args:
        images: The training images.
        out: Folder for the model.
        checkpoints: Folder for the training checkpoints.
        on_progress: Function that is called with progress messages.
        autoencoder: Training settings of the autoencoder.
        denoiser: Training settings of the U-Net and the text encoder.
    """
    vae = train_autoencoder(images, checkpoints / "autoencoder", on_progress, autoencoder)
    train_denoiser(vae, images, out, checkpoints, on_progress, denoiser)


def train_autoencoder(
    images: TrainingImages, path: Path, on_progress: ProgressCallback, settings: TrainingSettings
) -> Any:
    """Train an autoencoder and return it.

    Args:
        images: The training images.
        path: Path of the checkpoint without a suffix. If the checkpoint is complete, the autoencoder is read from it.
        on_progress: Function that is called with progress messages.
        settings: Training settings.
    """
    guided = GuidedAutoencoder(build_autoencoder(images.size), images)
    loss = autoencoder_loss(guided, images, settings)
    fit(guided, loss, settings, path, data_id=images.id, on_progress=on_progress)
    return guided.vae


def train_denoiser(
    vae: Any,
    images: TrainingImages,
    out: Path,
    checkpoints: Path,
    on_progress: ProgressCallback,
    denoiser: TrainingSettings,
    widths: tuple[int, int] = (64, 128),
    seed: int = 0,
) -> None:
    """Train the U-Net and the text encoder for the latents of an autoencoder, and write the whole model to a folder.

    Args:
        vae: The autoencoder.
        images: The training images.
        out: Folder for the model.
        checkpoints: Folder for the training checkpoints.
        on_progress: Function that is called with progress messages.
        denoiser: Training settings.
        widths: Numbers of channels of the two levels of the U-Net.
        seed: Random seed of the initial weights.
    """
    from diffusers import DDPMScheduler, StableDiffusionPipeline

    data_id = f"{images.id} {weights_digest(vae)}"
    latents, scale = encode_images(vae, images)
    vae.register_to_config(scaling_factor=scale)

    scheduler = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
    )
    tokenizer = clip_tokenizer(checkpoints / "tokenizer")
    tokens = tokenizer(all_captions(), padding="max_length", max_length=N_TOKENS, return_tensors="pt").input_ids
    text_encoder, unet = build_text_encoder(len(tokenizer), seed), build_denoiser(widths, seed)

    def loss(generator: torch.Generator) -> torch.Tensor:
        indices = torch.randint(latents.shape[1], (denoiser.batch,), generator=generator)
        mirrored = torch.randint(2, (denoiser.batch,), generator=generator)
        states = text_encoder(tokens).last_hidden_state[draw_captions(images.labels[indices], generator)]
        return noise_error(unet, scheduler, latents[mirrored, indices].float(), states, generator)

    networks = torch.nn.ModuleList([unet, text_encoder])
    fit(networks, loss, denoiser, checkpoints / "denoiser", data_id=data_id, on_progress=on_progress)
    pipeline = StableDiffusionPipeline(
        vae, text_encoder, tokenizer, unet, scheduler, None, None, requires_safety_checker=False
    )
    pipeline.save_pretrained(out, safe_serialization=True)


def build_text_encoder(n_tokens: int, seed: int = 0) -> Any:
    """Return an untrained CLIP text encoder for a vocabulary of `n_tokens`."""
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=n_tokens, hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=N_TOKENS, bos_token_id=n_tokens - 2, eos_token_id=n_tokens - 1,
    ))  # fmt: skip


def build_denoiser(widths: tuple[int, int] = (64, 128), seed: int = 0) -> Any:
    """Return an untrained U-Net of diffusers for the latents."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(seed)
    return UNet2DConditionModel(
        sample_size=SIDE, in_channels=N_CHANNELS, out_channels=N_CHANNELS, block_out_channels=widths,
        layers_per_block=1, norm_num_groups=8, cross_attention_dim=WIDTH, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
