"""Measure the overhead of the framework, and the peak memory, in a complete run that writes a trial log.

    python benchmarks/overhead.py [--trials 10000] [--rows 64] [--cache DIR]

The overhead is the part of the wall time of `experiments.running.session.run` that is not spent in forward passes of the
networks, as a fraction of the wall time. It includes reading images, running races, batching rows, generating noise,
computing errors and writing the log. The model is that of toy_diffusion.py. With a larger model, forward passes take
longer but everything else takes the same time, so the fraction is smaller.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import torch
import toy_diffusion
from toy_diffusion import FOLDER, TEST_SEED

from experiments.running.session import run
from experiments.sets.folder import from_folder
from observers.generative.classifier import GenerativeClassifier


class PassTimer:
    """A timer that measures how long networks spend in forward passes, and counts the passes.

    Attributes:
        seconds: Total time by class name of the network.
        passes: Number of forward passes by class name of the network.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.passes: dict[str, int] = defaultdict(int)

    def measure(self, module: torch.nn.Module, method: str = "forward") -> None:
        """Replace a method of a network with a version that times and counts its calls."""
        inner, name = getattr(module, method), type(module).__name__

        def timed(*args: object, **kwargs: object) -> object:
            start = time.perf_counter()
            output = inner(*args, **kwargs)
            self.seconds[name] += time.perf_counter() - start
            self.passes[name] += 1
            return output

        setattr(module, method, timed)


def peak_memory() -> float:
    """Return the peak memory of this process so far in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def main() -> None:
    """Run the trials, and print time and memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=10_000, help="number of trials (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=64, help="rows per forward pass (default: %(default)s)")
    parser.add_argument("--model", type=Path, default=FOLDER, help="folder of the model, which is trained if needed")
    parser.add_argument("--cache", type=Path, default=FOLDER.parent, help="folder for the images")
    options = parser.parse_args()
    model = toy_diffusion.load_model(options.model)
    images = toy_diffusion.write_images(
        options.cache / f"images-{TEST_SEED}-{options.trials}", options.trials, TEST_SEED
    )
    experiment = from_folder(images)
    timer = PassTimer()
    backbone = model.scorer.backbone
    timer.measure(backbone._unet)
    timer.measure(backbone.space._vae, "encode")
    observer = GenerativeClassifier(model, "small-world", batch_size=options.rows)
    n_done, start = 0, time.perf_counter()

    def progress(n: int, total: int) -> None:
        nonlocal n_done
        step = max(1, options.trials // 10)
        if n // step > n_done // step:
            print(
                f"{n:>6} trials, {time.perf_counter() - start:7.1f} s, peak memory {peak_memory():.1f} MiB", flush=True
            )
        n_done = n

    with tempfile.TemporaryDirectory() as out:
        run(experiment, observer, Path(out), progress=progress)
    wall = time.perf_counter() - start
    for name, seconds in timer.seconds.items():
        n = timer.passes[name]
        print(f"{name}: {n} passes of {1000 * seconds / n:.1f} ms, {seconds / wall:.1%} of {wall:.1f} s")
    print(f"overhead: {1 - sum(timer.seconds.values()) / wall:.1%}   ({torch.get_num_threads()} threads)")


if __name__ == "__main__":
    main()
