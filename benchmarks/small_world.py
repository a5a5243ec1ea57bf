"""A small latent diffusion model, trained here for the benchmarks that need one that has learned something.

    python benchmarks/small_world.py [FOLDER]        # about half an hour on two cores; a folder that is there is kept

The world: 32 × 32 images of the sixteen drawn silhouettes, each turned, scaled, moved and colored at random on a background
of two colors, with noise. The folder has the layout of Stable Diffusion 1.x (U-Net, AutoencoderKL, CLIP text encoder and
tokenizer, scheduler) at a thousandth of its size: latents are 8 × 8 × 4. Test images come from seeds that training never
uses. Everything is seeded.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from observers.generative.latent import LatentDiffusion
from observers.generative.options import Compute, Source
from stimuli.categories import CATEGORIES
from stimuli.drawn import silhouette

FOLDER = Path(__file__).parent / "cache" / "small-world"
SIZE, N_TOKENS, N_STEPS, BATCH = 32, 24, 8000, 128
N_TRAIN, PROMPT = 30_000, "A bad photo of a {}"
TRAIN_SEED, TEST_SEED, TUNING_SEED = 1, 2, 3  # of the images


def draw(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 32, 32, 3) uint8 images and (n,) indices of their categories."""
    rng = np.random.default_rng(seed)
    shapes = [Image.fromarray((255 * silhouette(c, 96)).astype(np.uint8)) for c in CATEGORIES]
    labels = rng.integers(len(CATEGORIES), size=n)
    images = np.empty((n, SIZE, SIZE, 3), np.uint8)
    ramp = np.linspace(0, 1, SIZE)
    for image, label in zip(images, labels, strict=True):
        angle, zoom = rng.uniform(-25, 25), rng.uniform(0.75, 1.25)
        shift = rng.uniform(-12, 12, size=2)
        turn = np.deg2rad(angle)
        a, b = np.cos(turn) / zoom, np.sin(turn) / zoom
        cx, cy = 48 - a * (48 + shift[0]) - b * (48 + shift[1]), 48 + b * (48 + shift[0]) - a * (48 + shift[1])
        moved = shapes[label].transform(
            (96, 96), Image.Transform.AFFINE, (a, b, cx, -b, a, cy), Image.Resampling.BILINEAR
        )
        inside = np.asarray(moved.resize((SIZE, SIZE), Image.Resampling.BOX), float)[..., None] / 255
        ink, one, two = rng.uniform(0, 1, (3, 3))
        slope = (ramp[:, None] if rng.random() < 0.5 else ramp[None, :])[..., None]
        picture = inside * ink + (1 - inside) * (one + (two - one) * slope)
        noisy = picture + rng.normal(0, 0.06, picture.shape)
        image[:] = np.rint(255 * np.clip(noisy, 0, 1))
    return images, labels


CONDITIONS: dict[str, tuple[float, float]] = {  # contrast, standard deviation of added noise in 0..1
    "plain": (1.0, 0.0), "noise 0.35": (1.0, 0.35), "contrast 0.3": (0.3, 0.1), "contrast 0.15": (0.15, 0.05),
}  # fmt: skip


def distort(images: np.ndarray, seed: int) -> tuple[np.ndarray, list[str]]:
    """The images in turn in each of the conditions, and their conditions."""
    rng, names = np.random.default_rng([seed, 1]), list(CONDITIONS)
    out = np.empty_like(images)
    for i, image in enumerate(images):
        contrast, sd = CONDITIONS[names[i % len(names)]]
        x = 0.5 + contrast * (image / 255 - 0.5) + sd * rng.standard_normal(image.shape)
        out[i] = np.rint(255 * np.clip(x, 0, 1))
    return out, [names[i % len(names)] for i in range(len(images))]


def write(folder: Path, n: int, seed: int, *, hard: bool = False) -> Path:
    """n images as files, in a folder a category, distorted if `hard`; what is there already is kept."""
    if not folder.is_dir():
        images, labels = draw(n, seed)
        images = distort(images, seed)[0] if hard else images
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = folder / CATEGORIES[label] / f"{i:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return folder


def model(folder: Path = FOLDER, **options: object) -> LatentDiffusion:
    """The model as a likelihood, trained first where it is not there; on the CPU unless `compute` says otherwise."""
    if not (folder / "model_index.json").is_file():
        train(folder)
    return LatentDiffusion(Source("small-world", weights=folder), **({"compute": Compute(device="cpu")} | options))


def tokenizer(folder: Path, n_tokens: int = N_TOKENS) -> object:
    """CLIP's tokenizer with a vocabulary of single bytes."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    made = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=n_tokens)
    made.save_pretrained(folder)
    return made


def parts(n_words: int) -> tuple[torch.nn.Module, torch.nn.Module, torch.nn.Module]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32), down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3, layers_per_block=1, norm_num_groups=8, sample_size=SIZE,
    )  # fmt: skip
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=n_words, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=N_TOKENS, bos_token_id=n_words - 2, eos_token_id=n_words - 1,
    ))  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(32, 64), layers_per_block=1, norm_num_groups=8, cross_attention_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=4,
    )  # fmt: skip
    return vae, text, unet


def train(folder: Path) -> None:
    """Write the trained model into `folder`."""
    from diffusers import DDPMScheduler, DiffusionPipeline, StableDiffusionPipeline  # noqa: F401

    pixels, labels = draw(N_TRAIN, TRAIN_SEED)
    images = torch.tensor(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    kinds = torch.tensor(labels)
    words = tokenizer(folder / "tokenizer")
    vae, text, unet = parts(len(words))
    rng = torch.Generator().manual_seed(0)

    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=1500)
    for step in range(1500):
        batch = images[torch.randint(len(images), (64,), generator=rng)]
        posterior = vae.encode(batch).latent_dist
        out = vae.decode(posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=rng)).sample
        loss = functional.mse_loss(out, batch) + 1e-5 * posterior.kl().mean()
        _step(optimizer, schedule, loss, "vae", step)
    vae.eval()
    with torch.inference_mode():
        latents = torch.cat([vae.encode(part).latent_dist.mean for part in images.split(500)])
    vae.register_to_config(scaling_factor=round(float(1 / latents.std()), 5))
    latents = latents.clone() * vae.config.scaling_factor

    noise_of = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
    )
    sentences = [PROMPT.format(c) for c in CATEGORIES] + [""]
    tokens = words(sentences, padding="max_length", max_length=N_TOKENS, return_tensors="pt")
    optimizer = torch.optim.AdamW([*unet.parameters(), *text.parameters()], lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=N_STEPS, pct_start=0.05)
    for step in range(N_STEPS):
        chosen = torch.randint(len(latents), (BATCH,), generator=rng)
        x, noise = latents[chosen], torch.randn((BATCH, *latents.shape[1:]), generator=rng)
        t = torch.randint(1000, (BATCH,), generator=rng)
        said = torch.where(torch.rand(BATCH, generator=rng) < 0.05, len(CATEGORIES), kinds[chosen])
        states = text(tokens.input_ids).last_hidden_state[said]
        found = unet(noise_of.add_noise(x, noise, t), t, encoder_hidden_states=states).sample
        _step(optimizer, schedule, functional.mse_loss(found, noise), "unet", step)
    unet.eval()
    text.eval()
    made = StableDiffusionPipeline(vae, text, words, unet, noise_of, None, None, requires_safety_checker=False)
    made.save_pretrained(folder, safe_serialization=True)


def _step(optimizer: torch.optim.Optimizer, schedule: object, loss: torch.Tensor, what: str, step: int) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], 1.0)
    optimizer.step()
    schedule.step()
    if step % 250 == 0:
        print(f"{time.strftime('%X')} {what} step {step} loss {loss.item():.4f}", flush=True)


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    model(given)
    print(given)
