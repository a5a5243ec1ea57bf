"""The U-Net of Stable Diffusion 1.4 with random weights: rows a second, and the share of the device's measured matmul rate.

    python benchmarks/unet.py [--size 512] [--rows 16] [--dtype auto] [--compile] [--cache DIR]

The files are written first, in the published layout (4.3 GB), and loaded and scored by the code that loads and scores the
real ones. On a CPU the size is 128 pixels and a pass has 2 rows unless said otherwise. Counted are the multiplications and
additions of matrix products, convolutions and attention; the rate to compare with is that of the best of several sizes of
square matrix product in the same format, on the same device, in the same run.
"""

import argparse
import gc
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from attrs import evolve
from small_world import FOLDER, PROMPT, tokenizer
from torch.utils.flop_counter import FlopCounterMode

from observers.devices import deterministic_inference
from observers.generative.latent import LatentDiffusion
from observers.generative.options import Compute, Source
from stimuli.categories import CATEGORIES

N_ROUNDS = 7


def write(folder: Path) -> None:
    """Stable Diffusion 1.4's components at their published sizes, drawn at random."""
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    tokenizer(folder / "tokenizer", 77)
    CLIPTextModel(CLIPTextConfig(
        vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
        max_position_embeddings=77, hidden_act="quick_gelu", projection_dim=768,
    )).save_pretrained(folder / "text_encoder")  # fmt: skip
    AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2, sample_size=512, scaling_factor=0.18215,
    ).save_pretrained(folder / "vae")  # fmt: skip
    PNDMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, skip_prk_steps=True, steps_offset=1
    ).save_pretrained(folder / "scheduler")
    UNet2DConditionModel(
        sample_size=64, cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280),
    ).save_pretrained(folder / "unet")  # fmt: skip
    gc.collect()


def seconds(function: object, device: torch.device) -> float:
    """Median of N_ROUNDS calls, after two that warm up."""
    found = []
    for _ in range(2 + N_ROUNDS):
        _wait(device)
        start = time.perf_counter()
        function()
        _wait(device)
        found.append(time.perf_counter() - start)
    return statistics.median(found[2:])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second, two an element product."""
    rates = []
    for n in (4096, 8192, 16384) if device.type == "cuda" else (1024, 2048, 4096):
        a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
        rates.append(2 * n**3 / seconds(lambda a=a, b=b: a @ b, device))
    return max(rates)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--size", type=int)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--cache", type=Path, default=FOLDER.parent)
    said = parser.parse_args()
    folder = said.cache / "sd14-random"
    if not (folder / "unet" / "config.json").is_file():
        write(folder)
    compute = Compute(said.device, said.dtype)
    device, on_cpu = compute.torch_device(), compute.torch_device().type == "cpu"
    size, n = said.size or (128 if on_cpu else 512), said.rows or (2 if on_cpu else 16)
    model = LatentDiffusion(Source("sd14-random", weights=folder), compute, size=size)
    condition = model.condition([PROMPT.format(CATEGORIES[0])])[0]
    image = model.encode(np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8))

    def score(model: LatentDiffusion, n: int) -> torch.Tensor:
        return model.score(torch.stack([image] * n), tuple(torch.stack([c] * n) for c in condition), np.arange(n))

    with FlopCounterMode(display=False) as counter:  # in which nothing is ever compiled
        score(model, 1)
    each = counter.get_total_flops()
    if said.compile:
        model = evolve(model, compute=evolve(compute, compile=True))
    with deterministic_inference():
        rate = matmul_rate(device, compute.torch_dtype())
    took = seconds(lambda: score(model, n), device)
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device}, {torch.get_num_threads()} threads"
    )
    print(f"{name}, {compute.dtype_name()}, torch {torch.__version__}{', compiled' if said.compile else ''}")
    print(f"{size} pixels, {n} rows a pass: {1000 * took:.1f} ms a pass, {n / took:.3g} rows a second")
    print(
        f"{each / 1e9:.0f} GFLOP a row, {each * n / took / 1e12:.3g} TFLOP/s; matrix products {rate / 1e12:.3g} TFLOP/s"
    )
    print(f"share of the matmul rate: {each * n / took / rate:.1%}")


if __name__ == "__main__":
    main()
