"""Milliseconds an image for every distortion, on one core, and the time of 10,000 files.

    python benchmarks/distortions.py [--rounds 9] [--files 10000] [--workers 2]

A photograph of 224 × 224 pixels at the published level that takes longest; medians. The original's times are those measured
for it on one core of another machine: compare ratios of several, not one figure. `filter` is the high-pass formula by
scipy.ndimage and nothing else, on this machine.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_sample_image

from stimuli.distorted_set import DistortionSettings, build_distorted_set, plan_distorted_set
from stimuli.distortions import GRAY, MEAN_GRAY
from stimuli.folder import read_folder
from stimuli.images import save_image
from stimuli.levels import DISTORTIONS, make_distortion
from stimuli.spectrum import mean_spectrum

ORIGINAL = {
    "colour": 0.09, "contrast": 0.16, "uniform-noise": 0.7, "low-pass": 12.6, "high-pass": 0.6, "phase-scrambling": 3.3,
    "power-equalisation": 2.9, "false-colour": 242, "rotation": 0.16, "eidolonI": 860, "eidolonII": 860, "eidolonIII": 860,
}  # fmt: skip


def times(rounds: int) -> None:
    image = load_sample_image("china.jpg")[60:284, 180:404] / 255
    made = {name: make_distortion(name) for name in ORIGINAL if name in DISTORTIONS}
    made["power-equalisation"].options["spectrum"] = mean_spectrum([image])
    print(f"{'ms an image':<20}{'here':>8}{'original':>10}")
    for name, distortion in made.items():
        medians = []
        for condition in distortion.conditions:
            taken = []
            for i in range(rounds + 1):
                rng, start = np.random.default_rng(i), time.perf_counter()
                distortion.apply(image, condition, rng)
                taken.append(1000 * (time.perf_counter() - start))
            medians.append(statistics.median(taken[1:]))  # the first fills caches
        print(f"{name:<20}{max(medians):>8.2f}{ORIGINAL[name]:>10.2f}", flush=True)

    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        g = image @ GRAY
        rest = g - ndimage.gaussian_filter(g, 3.0, mode="constant", cval=MEAN_GRAY)
        np.clip(rest + (MEAN_GRAY - rest.mean()), 0, 1)
        taken.append(1000 * (time.perf_counter() - start))
    print(f"{'filter':<20}{statistics.median(taken):>8.2f}{'':>10}")


def files(n: int, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rng, photo = np.random.default_rng(0), load_sample_image("china.jpg")
        for i in range(n):
            top, left = rng.integers(0, 427 - 224), rng.integers(0, 640 - 224)
            save_image(photo[top : top + 224, left : left + 224], Path(folder) / "in" / "temple" / f"{i:05d}.png")
        source, start = read_folder(Path(folder) / "in"), time.perf_counter()
        made = build_distorted_set(
            plan_distorted_set(DistortionSettings("contrast"), source, Path(folder) / "out"), n_workers=workers
        )
        peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(f"contrast: {len(made.stimuli):,} files by {workers} workers in {time.perf_counter() - start:.1f} s, "
              f"largest process {peak / 1024:.0f} MiB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    said = parser.parse_args()
    times(said.rounds)
    files(said.files, said.workers)


if __name__ == "__main__":
    main()
