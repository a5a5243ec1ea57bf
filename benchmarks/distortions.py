"""Measure the time per image of every distortion on one core, and the time to distort 10,000 files.

    python benchmarks/distortions.py [--rounds 9] [--files 10000] [--workers 2]

Every distortion is applied to a photograph of 224 × 224 pixels, at the published level that takes longest; times are
medians. The times of the original implementations were measured on one core of another machine. Therefore do not
compare individual times, but the ratios of our time to the original time of several distortions. The row `filter` is
the time of the bare formula of the high-pass filter, computed with scipy.ndimage on this machine.
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

from stimuli.build.distorted_set import DistortionSettings, build_distorted_set, plan_distorted_set
from stimuli.distort.catalog import DISTORTIONS
from stimuli.distort.distortions import GRAY, MEAN_GRAY
from stimuli.distort.levels import make_distortion
from stimuli.distort.spectrum import mean_spectrum
from stimuli.folder import read_folder
from stimuli.images import save_image

ORIGINAL_MS = {
    "colour": 0.09, "contrast": 0.16, "uniform-noise": 0.7, "low-pass": 12.6, "high-pass": 0.6, "phase-scrambling": 3.3,
    "power-equalisation": 2.9, "false-colour": 242, "rotation": 0.16, "eidolonI": 860, "eidolonII": 860, "eidolonIII": 860,
}  # fmt: skip


def measure_distortions(n_rounds: int) -> None:
    """Print the time per image of every distortion."""
    image = load_sample_image("china.jpg")[60:284, 180:404] / 255
    distortions = {name: make_distortion(name) for name in ORIGINAL_MS if name in DISTORTIONS}
    distortions["power-equalisation"].options["spectrum"] = mean_spectrum([image])
    print(f"{'ms per image':<20}{'here':>8}{'original':>10}")
    for name, distortion in distortions.items():
        medians = []
        for condition in distortion.conditions:
            times = []
            for i in range(n_rounds + 1):
                rng, start = np.random.default_rng(i), time.perf_counter()
                distortion.apply(image, condition, rng)
                times.append(1000 * (time.perf_counter() - start))
            medians.append(statistics.median(times[1:]))  # without the first round, which fills caches
        print(f"{name:<20}{max(medians):>8.2f}{ORIGINAL_MS[name]:>10.2f}", flush=True)

    times = []
    for _ in range(n_rounds):
        start = time.perf_counter()
        gray = image @ GRAY
        high_frequencies = gray - ndimage.gaussian_filter(gray, 3.0, mode="constant", cval=MEAN_GRAY)
        np.clip(high_frequencies + (MEAN_GRAY - high_frequencies.mean()), 0, 1)
        times.append(1000 * (time.perf_counter() - start))
    print(f"{'filter':<20}{statistics.median(times):>8.2f}{'':>10}")


def measure_files(n_files: int, n_workers: int) -> None:
    """Print the time that it takes to change the contrast of many files, and the peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        rng, photo = np.random.default_rng(0), load_sample_image("china.jpg")
        for i in range(n_files):
            top, left = rng.integers(0, 427 - 224), rng.integers(0, 640 - 224)
            save_image(photo[top : top + 224, left : left + 224], Path(folder) / "in" / "temple" / f"{i:05d}.png")
        source, start = read_folder(Path(folder) / "in"), time.perf_counter()
        result = build_distorted_set(
            plan_distorted_set(DistortionSettings("contrast"), source, Path(folder) / "out"), n_workers=n_workers
        )
        processes = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        peak = max(resource.getrusage(process).ru_maxrss for process in processes)
        print(f"contrast: {len(result.stimuli):,} files with {n_workers} workers in {time.perf_counter() - start:.1f} s, "
              f"largest process {peak / 1024:.0f} MiB")  # fmt: skip


def main() -> None:
    """Run both measurements."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="repetitions per distortion (default: %(default)s)")
    parser.add_argument("--files", type=int, default=10_000, help="number of files (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="worker processes (default: all cores)"
    )
    options = parser.parse_args()
    measure_distortions(options.rounds)
    measure_files(options.files, options.workers)


if __name__ == "__main__":
    main()
