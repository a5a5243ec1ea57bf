"""What the framework takes beside the model, and whether memory stays flat: a whole run with its log, trial by trial.

    python benchmarks/overhead.py [--trials 10000] [--rows 64] [--cache DIR]

Overhead is 1 − time inside the networks' forward passes / wall time of `experiments.session.run`: reading images, races,
batches, noise, errors, the log. The model is that of small_world.py; with a larger one the passes take longer and the rest
does not.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import small_world
import torch
from small_world import FOLDER, TEST_SEED

from experiments.folder import from_folder
from experiments.session import run
from observers.generative.classifier import GenerativeClassifier


class Clock:
    """Seconds inside the forward passes of networks, and how many there were."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.passes: dict[str, int] = defaultdict(int)

    def watch(self, module: torch.nn.Module, method: str = "forward") -> None:
        inner, name = getattr(module, method), type(module).__name__

        def timed(*args: object, **kwargs: object) -> object:
            start = time.perf_counter()
            out = inner(*args, **kwargs)
            self.seconds[name] += time.perf_counter() - start
            self.passes[name] += 1
            return out

        setattr(module, method, timed)


def peak() -> float:
    """MiB of this process at its highest so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=64, help="of a forward pass")
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--cache", type=Path, default=FOLDER.parent)
    said = parser.parse_args()
    model = small_world.model(said.model)
    images = small_world.write(said.cache / f"images-{TEST_SEED}-{said.trials}", said.trials, TEST_SEED)
    experiment = from_folder(images)
    clock = Clock()
    clock.watch(model._network)
    clock.watch(model._autoencoder._vae, "encode")
    observer = GenerativeClassifier(model, "small-world", batch_size=said.rows)
    done, start = 0, time.perf_counter()

    def progress(n: int, total: int) -> None:
        nonlocal done
        step = max(1, said.trials // 10)
        if n // step > done // step:
            print(f"{n:>6} trials, {time.perf_counter() - start:7.1f} s, peak memory {peak():.1f} MiB", flush=True)
        done = n

    with tempfile.TemporaryDirectory() as out:
        run(experiment, observer, Path(out), progress=progress)
    wall = time.perf_counter() - start
    for name, seconds in clock.seconds.items():
        n = clock.passes[name]
        print(f"{name}: {n} passes of {1000 * seconds / n:.1f} ms, {seconds / wall:.1%} of {wall:.1f} s")
    print(f"overhead: {1 - sum(clock.seconds.values()) / wall:.1%}   ({torch.get_num_threads()} threads)")


if __name__ == "__main__":
    main()
