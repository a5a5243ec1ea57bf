"""`microcosm-latent`: latent diffusion in the layout of Stable Diffusion 1.x, at a thousandth of its size.

An autoencoder (64 × 64 pixels -> 8 × 8 latents of 8 channels) is trained first, then the U-Net and the text encoder on its
latents. Stable Diffusion's latents have 4 channels; 8 keep enough of the textures at this size.
"""

from pathlib import Path
from typing import Any

import torch

from observers.microcosm.autoencoder import (
    N_CHANNELS,
    SIDE,
    GuidedAutoencoder,
    autoencoder_loss,
    autoencoder_network,
    encoded,
)
from observers.microcosm.denoising_loss import noise_error
from observers.microcosm.training_images import TrainingImages
from observers.microcosm.training_loop import Say, TrainingSettings, digest, fit
from observers.microcosm.words import N_TOKENS, clip_tokenizer, said_of, sentences

WIDTH = 64  # of the states of the text
AUTOENCODER = TrainingSettings(steps=6_000, batch=8, rate=2e-3, half=True)
DENOISER = TrainingSettings(steps=12_000, batch=32, rate=1e-3, warmup=500, average=0.9995)


def train_latent(
    pictures: TrainingImages, out: Path, work: Path, say: Say, autoencoder: TrainingSettings, denoiser: TrainingSettings
) -> None:
    """Write the trained model into the folder `out`; `work` is for what it takes to go on."""
    from diffusers import DDPMScheduler, StableDiffusionPipeline

    guided = GuidedAutoencoder(autoencoder_network(), pictures)
    fit(
        guided,
        autoencoder_loss(guided, pictures, autoencoder),
        autoencoder,
        work / "autoencoder",
        given=pictures.name,
        say=say,
    )
    vae = guided.vae
    given = f"{pictures.name} {digest(vae)}"
    latents, scale = encoded(vae, pictures)
    vae.register_to_config(scaling_factor=scale)

    noising = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
    )
    words = clip_tokenizer(work / "tokenizer")
    tokens = words(sentences(), padding="max_length", max_length=N_TOKENS, return_tensors="pt").input_ids
    text, unet = text_network(len(words)), denoising_network()

    def loss(generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(latents.shape[1], (denoiser.batch,), generator=generator)
        mirrored = torch.randint(2, (denoiser.batch,), generator=generator)
        states = text(tokens).last_hidden_state[said_of(pictures.labels[chosen], generator)]
        return noise_error(unet, noising, latents[mirrored, chosen].float(), states, generator)

    fit(torch.nn.ModuleList([unet, text]), loss, denoiser, work / "denoiser", given=given, say=say)
    made = StableDiffusionPipeline(vae, text, words, unet, noising, None, None, requires_safety_checker=False)
    made.save_pretrained(out, safe_serialization=True)


def text_network(n_words: int) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    return CLIPTextModel(CLIPTextConfig(
        vocab_size=n_words, hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=N_TOKENS, bos_token_id=n_words - 2, eos_token_id=n_words - 1,
    ))  # fmt: skip


def denoising_network() -> Any:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=SIDE, in_channels=N_CHANNELS, out_channels=N_CHANNELS, block_out_channels=(64, 128),
        layers_per_block=1, norm_num_groups=8, cross_attention_dim=WIDTH, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
