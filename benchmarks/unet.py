"""Measure the speed of the U-Net of Stable Diffusion 1.4 with random weights.

    python benchmarks/unet.py [--size 512] [--rows 16] [--dtype auto] [--compile] [--cache DIR]

The results are the number of batch rows per second, and the rate of floating-point operations relative to that of a
matrix product. Files with random weights are first written in the published layout (4.3 GB), then loaded and scored
like those of the published model. On a CPU, the defaults are images of 128 × 128 pixels and 2 rows per forward pass.
Only the multiplications and additions of matrix products, convolutions and attention are counted. Their rate is
compared with that of the fastest of several sizes of square matrix products in the same data type, on the same device,
in the same run.
"""

import argparse
import gc
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from attrs import evolve, frozen
from torch.utils.flop_counter import FlopCounterMode
from toy_diffusion import FOLDER, PROMPT, byte_tokenizer

from observers.devices import deterministic_inference
from observers.generative.denoising_scorer import DenoisingScorer
from observers.generative.families.latent import LatentDiffusion
from observers.generative.options import Compute, Source
from stimuli.categories import CATEGORIES

N_ROUNDS = 7


def write_model(folder: Path) -> None:
    """Write the components of Stable Diffusion 1.4 with their published sizes and random weights."""
    from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    byte_tokenizer(folder / "tokenizer", 77)
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


def median_seconds(function: object, device: torch.device) -> float:
    """Call a function twice to warm up and then N_ROUNDS times; return the median time of these calls in seconds."""
    times = []
    for _ in range(2 + N_ROUNDS):
        _wait(device)
        start = time.perf_counter()
        function()
        _wait(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def _wait(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Return the rate of the fastest matrix product in operations per second. A multiply–add is two operations."""
    rates = []
    for n in (4096, 8192, 16384) if device.type == "cuda" else (1024, 2048, 4096):
        a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))
        rates.append(2 * n**3 / median_seconds(lambda a=a, b=b: a @ b, device))
    return max(rates)


@frozen(eq=False)
class Network:
    """The U-Net of Stable Diffusion 1.4 with random weights, and the input for its rows.

    Attributes:
        model: The options of the model.
        image: An encoded image.
        condition: The conditioning of one prompt.
        flops_per_row: Operations of one row of a forward pass.
    """

    model: LatentDiffusion
    image: torch.Tensor
    condition: tuple[torch.Tensor, ...]
    flops_per_row: int

    @classmethod
    def load(cls, cache: Path, compute: Compute, size: int) -> "Network":
        """Load the model, which is written first if the folder does not contain it."""
        folder = cache / "sd14-random"
        if not (folder / "unet" / "config.json").is_file():
            write_model(folder)
        model = LatentDiffusion(Source("sd14-random", weights=folder), compute, size=size)
        condition = model.scorer.condition([PROMPT.format(CATEGORIES[0])])[0]
        image = model.scorer.encode(np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8))
        with FlopCounterMode(display=False) as counter:
            cls(model, image, condition, 0).score(model.scorer, 1)
        return cls(model, image, condition, counter.get_total_flops())

    def rows(self, n: int) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return n times the image and the conditioning."""
        return torch.stack([self.image] * n), tuple(torch.stack([c] * n) for c in self.condition)

    def score(self, scorer: DenoisingScorer, n: int) -> torch.Tensor:
        """Score n rows."""
        return scorer.score(*self.rows(n), np.arange(n))

    def describe(self, seconds: float, n: int, rate: float) -> str:
        """Return the speed of a pass of n rows; `rate` is that of matrix products in operations per second."""
        flops = self.flops_per_row * n / seconds  # operations per second
        return (
            f"{n} rows per pass: {1000 * seconds:.1f} ms per pass, {n / seconds:.3g} rows per second, "
            f"{flops / 1e12:.3g} TFLOP/s, {flops / rate:.1%} of the matmul rate"
        )


def describe_device(compute: Compute) -> str:
    """Return the name of the device, the dtype and the version of torch."""
    device = compute.torch_device()
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else f"{device}, {torch.get_num_threads()} threads"
    return f"{name}, {compute.dtype_name()}, torch {torch.__version__}"


def main() -> None:
    """Print the speed of the U-Net."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="auto", help="torch device (default: %(default)s)")
    parser.add_argument("--dtype", default="auto", help="data type (default: %(default)s)")
    parser.add_argument("--size", type=int, help="image size in pixels (default: 512, or 128 on a CPU)")
    parser.add_argument("--rows", type=int, help="rows per forward pass (default: 16, or 2 on a CPU)")
    parser.add_argument("--compile", action="store_true", help="compile the U-Net with torch.compile")
    parser.add_argument("--cache", type=Path, default=FOLDER.parent, help="folder for the model (default: %(default)s)")
    options = parser.parse_args()
    compute = Compute(options.device, options.dtype)
    device, on_cpu = compute.torch_device(), compute.torch_device().type == "cpu"
    size, n = options.size or (128 if on_cpu else 512), options.rows or (2 if on_cpu else 16)
    network = Network.load(options.cache, compute, size)
    scorer = network.model.scorer
    if options.compile:
        scorer = evolve(network.model, compute=evolve(compute, compile=True)).scorer
    with deterministic_inference():
        rate = matmul_rate(device, compute.torch_dtype())
    seconds = median_seconds(lambda: network.score(scorer, n), device)
    print(f"{describe_device(compute)}{', compiled' if options.compile else ''}")
    print(f"{network.flops_per_row / 1e9:.0f} GFLOP per row; matrix products {rate / 1e12:.3g} TFLOP/s")
    print(f"{size} pixels, {network.describe(seconds, n, rate)}")


if __name__ == "__main__":
    main()
