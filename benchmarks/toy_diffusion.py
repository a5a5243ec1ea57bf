"""A small latent diffusion model for the benchmarks that need a trained model. This module trains it.

    python benchmarks/toy_diffusion.py [FOLDER]      # about half an hour on two cores

If the folder already contains a model, the model is not trained again.

The training images are 32 × 32 images of the sixteen drawn silhouettes with random rotation, size, position and color,
on a gradient of two colors, with noise. The folder has the layout of Stable Diffusion 1.x (U-Net, AutoencoderKL, CLIP
text encoder and tokenizer, scheduler) at about a thousandth of its size; latents are 8 × 8 × 4. Test images come from
seeds that are not used in training. All random numbers are seeded.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from observers.generative.families.latent import LatentDiffusion
from observers.generative.options import Compute, Source
from stimuli.categories import CATEGORIES
from stimuli.draw.drawn import draw_silhouette

FOLDER = Path(__file__).parent / "cache" / "small-world"
SIZE, N_TOKENS, N_STEPS, BATCH = 32, 24, 8000, 128
N_TRAIN, PROMPT = 30_000, "A bad photo of a {}"
TRAIN_SEED, TEST_SEED, TUNING_SEED = 1, 2, 3  # random seeds of the images


def draw_images(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw n random images, (n, 32, 32, 3) uint8, and return them with the indices (n,) of their categories."""
    rng = np.random.default_rng(seed)
    shapes = [Image.fromarray((255 * draw_silhouette(c, 96)).astype(np.uint8)) for c in CATEGORIES]
    labels = rng.integers(len(CATEGORIES), size=n)
    images = np.empty((n, SIZE, SIZE, 3), np.uint8)
    ramp = np.linspace(0, 1, SIZE)
    for image, label in zip(images, labels, strict=True):
        angle, zoom = rng.uniform(-25, 25), rng.uniform(0.75, 1.25)
        shift = rng.uniform(-12, 12, size=2)
        radians = np.deg2rad(angle)
        a, b = np.cos(radians) / zoom, np.sin(radians) / zoom
        cx, cy = 48 - a * (48 + shift[0]) - b * (48 + shift[1]), 48 + b * (48 + shift[0]) - a * (48 + shift[1])
        transformed = shapes[label].transform(
            (96, 96), Image.Transform.AFFINE, (a, b, cx, -b, a, cy), Image.Resampling.BILINEAR
        )
        silhouette = np.asarray(transformed.resize((SIZE, SIZE), Image.Resampling.BOX), float)[..., None] / 255
        color, background_1, background_2 = rng.uniform(0, 1, (3, 3))
        gradient = (ramp[:, None] if rng.random() < 0.5 else ramp[None, :])[..., None]
        background = background_1 + (background_2 - background_1) * gradient
        clean = silhouette * color + (1 - silhouette) * background
        noisy = clean + rng.normal(0, 0.06, clean.shape)
        image[:] = np.rint(255 * np.clip(noisy, 0, 1))
    return images, labels


CONDITIONS: dict[str, tuple[float, float]] = {  # contrast, and SD of the added noise for pixels in 0..1
    "plain": (1.0, 0.0), "noise 0.35": (1.0, 0.35), "contrast 0.3": (0.3, 0.1), "contrast 0.15": (0.15, 0.05),
}  # fmt: skip


def distort(images: np.ndarray, seed: int) -> tuple[np.ndarray, list[str]]:
    """Distort the images, taking the conditions in turn, and return them with the name of the condition of each image."""
    rng, names = np.random.default_rng([seed, 1]), list(CONDITIONS)
    distorted = np.empty_like(images)
    for i, image in enumerate(images):
        contrast, sd = CONDITIONS[names[i % len(names)]]
        x = 0.5 + contrast * (image / 255 - 0.5) + sd * rng.standard_normal(image.shape)
        distorted[i] = np.rint(255 * np.clip(x, 0, 1))
    return distorted, [names[i % len(names)] for i in range(len(images))]


def write_images(folder: Path, n: int, seed: int, *, hard: bool = False) -> Path:
    """Write n images to a folder with one subfolder per category, and return the folder.

    An existing folder is not changed. If `hard`, the images are distorted.
    """
    if not folder.is_dir():
        images, labels = draw_images(n, seed)
        images = distort(images, seed)[0] if hard else images
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = folder / CATEGORIES[label] / f"{i:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return folder


def load_model(folder: Path = FOLDER, **options: object) -> LatentDiffusion:
    """Return the model as a likelihood. It is trained first if the folder does not contain it.

    `options` are those of LatentDiffusion. By default the model runs on the CPU.
    """
    if not (folder / "model_index.json").is_file():
        train(folder)
    return LatentDiffusion(Source("small-world", weights=folder), **({"compute": Compute(device="cpu")} | options))


def byte_tokenizer(folder: Path, n_tokens: int = N_TOKENS) -> object:
    """Return CLIP's tokenizer with a vocabulary of single bytes, and save it in a folder."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    vocabulary = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=n_tokens)
    tokenizer.save_pretrained(folder)
    return tokenizer


def build_networks(n_tokens: int) -> tuple[torch.nn.Module, torch.nn.Module, torch.nn.Module]:
    """Return the untrained autoencoder, text encoder and U-Net for a vocabulary of `n_tokens`."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32), down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, layers_per_block=1, norm_num_groups=8, sample_size=SIZE,
    )  # fmt: skip
    text_encoder = CLIPTextModel(CLIPTextConfig(
        vocab_size=n_tokens, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=N_TOKENS, bos_token_id=n_tokens - 2, eos_token_id=n_tokens - 1,
    ))  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8, cross_attention_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=4,
    )  # fmt: skip
    return vae, text_encoder, unet


def train(folder: Path) -> None:
    """Train the model and write it to a folder."""
    from diffusers import DDPMScheduler, DiffusionPipeline, StableDiffusionPipeline  # noqa: F401

    pixels, labels = draw_images(N_TRAIN, TRAIN_SEED)
    images = torch.tensor(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    categories = torch.tensor(labels)
    tokenizer = byte_tokenizer(folder / "tokenizer")
    vae, text_encoder, unet = build_networks(len(tokenizer))
    generator = torch.Generator().manual_seed(0)

    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=1500)
    for step in range(1500):
        batch = images[torch.randint(len(images), (64,), generator=generator)]
        posterior = vae.encode(batch).latent_dist
        sample = posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=generator)
        loss = functional.mse_loss(vae.decode(sample).sample, batch) + 1e-5 * posterior.kl().mean()
        _step(optimizer, schedule, loss, "vae", step)
    vae.eval()
    with torch.inference_mode():
        latents = torch.cat([vae.encode(part).latent_dist.mean for part in images.split(500)])
    vae.register_to_config(scaling_factor=round(float(1 / latents.std()), 5))
    latents = latents.clone() * vae.config.scaling_factor

    scheduler = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
    )
    prompts = [PROMPT.format(c) for c in CATEGORIES] + [""]
    tokens = tokenizer(prompts, padding="max_length", max_length=N_TOKENS, return_tensors="pt")
    optimizer = torch.optim.AdamW([*unet.parameters(), *text_encoder.parameters()], lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=N_STEPS, pct_start=0.05)
    for step in range(N_STEPS):
        indices = torch.randint(len(latents), (BATCH,), generator=generator)
        x, noise = latents[indices], torch.randn((BATCH, *latents.shape[1:]), generator=generator)
        t = torch.randint(1000, (BATCH,), generator=generator)
        prompt_indices = torch.where(
            torch.rand(BATCH, generator=generator) < 0.05, len(CATEGORIES), categories[indices]
        )
        states = text_encoder(tokens.input_ids).last_hidden_state[prompt_indices]
        prediction = unet(scheduler.add_noise(x, noise, t), t, encoder_hidden_states=states).sample
        _step(optimizer, schedule, functional.mse_loss(prediction, noise), "unet", step)
    unet.eval()
    text_encoder.eval()
    pipeline = StableDiffusionPipeline(
        vae, text_encoder, tokenizer, unet, scheduler, None, None, requires_safety_checker=False
    )
    pipeline.save_pretrained(folder, safe_serialization=True)


def _step(optimizer: torch.optim.Optimizer, schedule: object, loss: torch.Tensor, network: str, step: int) -> None:
    """Update the weights, and print the loss from time to time."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
    optimizer.step()
    schedule.step()
    if step % 250 == 0:
        print(f"{time.strftime('%X')} {network} step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    model_folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    load_model(model_folder)
    print(model_folder)
