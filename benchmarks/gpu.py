"""Measure this project on one NVIDIA GPU in less than eight minutes.

    python benchmarks/gpu.py [--rows 16 64] [--size 512] [--minutes 8] [--cache DIR]

The first part runs `observers run-experiment` with microcosm-latent: with `--gpus all` in float32 and in bfloat16,
and with one process on the CPU. It compares the responses and the evidence of these runs. The second part measures
the U-Net of Stable Diffusion 1.4 with random weights (see `benchmarks/unet.py`, which writes a model of 4.3 GB): as
the observer runs it, with a CUDA graph, and with `torch.compile`. It reports rows per second, and the speed relative
to matrix multiplication. Each result is printed as soon as it is available. If less than an eighth of the time limit
remains, further measurements are omitted, and the output lists them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from attrs import define, evolve, field
from unet import FOLDER, Network, describe_device, matmul_rate, median_seconds

from analysis.io.frame import read_trials
from observers.devices import deterministic_inference
from observers.generative.denoising_scorer import Backbone, DenoisingScorer
from observers.generative.likelihood import Conditioning
from observers.generative.options import Compute

ROOT = Path(__file__).parents[1]


@define
class GraphBackbone:
    """A backbone whose network runs as a CUDA graph: one launch for all kernels of a forward pass.

    Attributes:
        backbone: The backbone. Its forward pass is captured at the first call; later calls need the same shapes.
    """

    backbone: Backbone
    _graph: torch.cuda.CUDAGraph | None = None
    _inputs: list[torch.Tensor] = field(factory=list)
    _output: torch.Tensor | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.backbone, name)

    def predict(
        self, noised: torch.Tensor, timesteps: torch.Tensor, conditioning: Conditioning, guidance: float
    ) -> torch.Tensor:
        """Return the predictions of the network."""
        inputs = [noised, timesteps, *conditioning]
        if self._graph is None:
            self._inputs = [tensor.clone() for tensor in inputs]
            own_noised, own_timesteps, *own_conditioning = self._inputs
            stream = torch.cuda.Stream()
            with torch.cuda.stream(stream):
                for _ in range(3):  # the first calls choose algorithms and allocate memory
                    self.backbone.predict(own_noised, own_timesteps, tuple(own_conditioning), guidance)
            stream.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._output = self.backbone.predict(own_noised, own_timesteps, tuple(own_conditioning), guidance)
        for own, new in zip(self._inputs, inputs, strict=True):
            own.copy_(new)
        self._graph.replay()
        assert self._output is not None
        return self._output.clone()


def measure_unet(network: Network, compute: Compute, n_rows: list[int], in_time: Callable[[str], bool]) -> None:
    """Print the speed of the U-Net for each number of rows: unchanged, as a CUDA graph, and compiled."""
    device = compute.torch_device()
    with deterministic_inference():
        rate = matmul_rate(device, compute.torch_dtype())
    print(f"{network.flops_per_row / 1e9:.0f} GFLOP per row; matrix products {rate / 1e12:.4g} TFLOP/s", flush=True)
    plain = network.model.scorer
    for n in n_rows:
        expected = network.score(plain, n)
        makers: dict[str, Callable[[], DenoisingScorer]] = {"as the observer runs it": lambda: plain}
        if device.type == "cuda":
            makers["CUDA graph"] = lambda: DenoisingScorer(lambda: GraphBackbone(plain.backbone), plain.objective)
        makers["torch.compile"] = lambda: evolve(network.model, compute=evolve(compute, compile=True)).scorer
        for name, make in makers.items():
            if not in_time(f"{name}, {n} rows"):
                continue
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            try:
                scorer, start = make(), time.perf_counter()
                difference = (network.score(scorer, n) - expected).abs().max() / expected.abs().max()
                first = time.perf_counter() - start
                seconds = median_seconds(lambda scorer=scorer, n=n: network.score(scorer, n), device)
            except Exception as error:  # continue with the other measurements
                print(f"{name}, {n} rows: failed with {type(error).__name__}: {str(error)[:300]}", flush=True)
                continue
            memory = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else float("nan")
            print(
                f"{name}: {network.describe(seconds, n, rate)}; first pass {first:.1f} s, peak memory {memory:.1f} GB, "
                f"scores differ by {difference:.1e} of the largest",
                flush=True,
            )


def measure_run(device: str, n_trials: int, in_time: Callable[[str], bool]) -> None:
    """Print the time of `observers run-experiment` on the GPU and on the CPU, and the agreement of the responses."""
    runs = {"one process on the CPU": ["--workers", "1", "--device", "cpu", "-o", "dtype=float32"]}
    if device != "cpu":
        runs |= {f"--gpus all, {dtype}": ["--gpus", "all", "-o", f"dtype={dtype}"] for dtype in ("float32", "bfloat16")}
    frames = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, words in runs.items():
            if not in_time(name):
                continue
            out, start = Path(folder) / str(len(frames)), time.perf_counter()
            command = [
                *(
                    sys.executable,
                    "-m",
                    "cli",
                    "run-experiment",
                    "drawn-cue-conflict",
                    "--observer",
                    "microcosm-latent",
                ),
                *("--limit", str(n_trials), "--out", str(out), "--quiet", *words),
            ]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name}: exit code {done.returncode}: {done.stderr[-500:]}", flush=True)
                continue
            print(f"{name}: {n_trials} trials in {time.perf_counter() - start:.1f} s", flush=True)
            frames[name] = read_trials([out])
    for name, frame in list(frames.items())[1:]:
        first = next(iter(frames.values()))
        columns = [column for column in frame if column.startswith("evidence")]
        evidence, reference = frame[columns].to_numpy(float), first[columns].to_numpy(float)
        same = np.mean(frame["response"].astype(str).to_numpy() == first["response"].astype(str).to_numpy())
        difference = np.nanmax(np.abs(evidence - reference)) / np.nanmax(np.abs(reference)) if columns else np.nan
        print(f"{name} and CPU: same response in {same:.3f} of trials, evidence differs by at most {difference:.1e}")


def main() -> None:
    """Measure a run of an experiment, and then the U-Net."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="torch device (default: %(default)s)")
    parser.add_argument("--rows", nargs="+", type=int, default=[16, 64], help="rows per forward pass (default: 16 64)")
    parser.add_argument("--size", type=int, default=512, help="image size in pixels (default: %(default)s)")
    parser.add_argument("--trials", type=int, default=48, help="trials of the run (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=8.0, help="time limit in minutes (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=FOLDER.parent, help="folder for the model (default: %(default)s)")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("PyTorch cannot use a GPU on this machine; --device cpu --size 64 --rows 1 tests this script")
    deadline = time.monotonic() + 60 * options.minutes

    def in_time(name: str) -> bool:
        remaining = deadline - time.monotonic()
        if remaining < 60 * options.minutes / 8:  # a measurement takes up to a minute
            print(f"{name}: omitted, because {remaining:.0f} s remain", flush=True)
            return False
        return True

    compute = Compute(options.device)
    print(f"{describe_device(compute)}, {os.cpu_count()} CPU cores", flush=True)
    measure_run(options.device, options.trials, in_time)
    measure_unet(Network.load(options.cache, compute, options.size), compute, options.rows, in_time)
    print(f"{60 * options.minutes - (deadline - time.monotonic()):.0f} s in all")


if __name__ == "__main__":
    main()
