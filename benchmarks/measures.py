"""How long analysis takes: reading, the kappa matrix, its bootstrap; and the CPU time of `observers --help`.

    python benchmarks/measures.py

Medians of several runs; times on shared machines vary, so compare side by side.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.consistency import agreement, bootstrap_interval, consistency, correct_matrix, kappa
from analysis.frame import read_trials
from stimuli.datasets import find


def median_ms(call: Callable[[], object], n: int = 7) -> float:
    call()
    times = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def simulated(n_observers: int, n_images: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [f"observer-{o:02d}" for o in range(n_observers)]
    images = [f"image-{i:04d}.png" for i in range(n_images)]
    index = pd.MultiIndex.from_product([names, images], names=["observer", "stimulus"])
    frame = index.to_frame(index=False).assign(dataset="simulated", kind="simulated", condition="")
    return frame.assign(correct=rng.random(len(frame)) < 0.6)


def help_cpu_seconds() -> float:
    root = Path(__file__).parents[1]
    code = "import sys; sys.argv = ['observers', '--help']; import cli; cli.main()"
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    frame = simulated(64, 1280)
    _, correct, answered = correct_matrix(frame)

    def matrix() -> np.ndarray:
        _, expected, observed = agreement(correct, answered)
        return kappa(observed, expected)

    print(f"kappa matrix, 64 observers × 1280 images          {median_ms(matrix):10.1f} ms")
    from_frame = median_ms(lambda: correct_matrix(frame)) + median_ms(matrix)
    print(f"the same from the frame of trials                 {from_frame:10.1f} ms")
    table = median_ms(lambda: consistency(frame, intervals=False))
    print(f"the same as a table of 2016 pairs                 {table:10.1f} ms")
    boot = median_ms(lambda: bootstrap_interval(correct, answered, "undefined-is-nan", 1000, 0), n=3)
    print(f"bootstrap intervals, 1000 resamples               {boot:10.1f} ms")
    people = find("humans")
    if people is None:
        print("reading the 90 recorded people: not here (observers fetch humans)")
    else:
        print(
            f"reading 90 people, 85,120 trials                  {median_ms(lambda: read_trials([people]), n=5):10.1f} ms"
        )
    cpu = 1000 * statistics.median(help_cpu_seconds() for _ in range(7))
    print(f"observers --help, CPU time                        {cpu:10.1f} ms")


if __name__ == "__main__":
    main()
