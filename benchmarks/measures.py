"""How long analysis takes, in CPU time: reading, the kappa matrix, its bootstrap, the benchmark, everything; `--help`.

    OMP_NUM_THREADS=1 python benchmarks/measures.py

Medians of several runs, of one core where OMP_NUM_THREADS is 1.
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

from analysis.accuracy import accuracy
from analysis.benchmark import benchmark
from analysis.branches import agreement_with_kinds, among_people, branches, groups_of, grow
from analysis.ceiling import noise_ceiling
from analysis.confusion import confusion, response_entropy
from analysis.consistency import agreement, bootstrap_interval, consistency, correct_matrix, kappa
from analysis.contrasts import contrasts
from analysis.correlation import correlate, measure
from analysis.embedding import embed
from analysis.error_patterns import error_patterns
from analysis.frame import read_trials
from analysis.kappa_tests import difference, independence
from analysis.psychometric import thresholds
from analysis.ranks import benchmark_intervals
from analysis.shape_bias import shape_bias
from stimuli.datasets import DATASETS, find


def median_ms(call: Callable[[], object], n: int = 7) -> float:
    call()
    times = []
    for _ in range(n):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def simulated(n_observers: int, n_images: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [f"observer-{o:02d}" for o in range(n_observers)]
    images = [f"image-{i:04d}.png" for i in range(n_images)]
    index = pd.MultiIndex.from_product([names, images], names=["observer", "stimulus"])
    frame = index.to_frame(index=False).assign(dataset="simulated", kind="simulated", condition="")
    return frame.assign(correct=rng.random(len(frame)) < 0.6)


def field(n_observers: int) -> pd.DataFrame:
    """People and other observers on all published datasets, in their numbers of images; only `correct` is made up."""
    rng, parts = np.random.default_rng(0), []
    for dataset in DATASETS.values():
        who = [(f"subject-{o:02d}", "human") for o in range(dataset.n_people)]
        who += [(f"observer-{o:02d}", "generative") for o in range(n_observers)]
        n = dataset.n_images // len(dataset.conditions)
        for condition in dataset.conditions:
            hard = rng.random(n)
            for name, kind in who:
                said = {"dataset": dataset.name, "observer": name, "kind": kind, "condition": condition.name}
                images = [f"{condition.name}-{i}" for i in range(n)]
                right = (hard + rng.random(n)) / 2 < 0.5
                parts.append(pd.DataFrame({**said, "stimulus": images, "correct": right}))
    return pd.concat(parts, ignore_index=True)


def everything(frame: pd.DataFrame) -> None:
    """All measures of people and networks, tables in full with intervals."""
    accuracy(frame), confusion(frame), response_entropy(frame), error_patterns(frame), thresholds(frame)
    benchmark(frame), benchmark_intervals(frame), noise_ceiling(frame), contrasts(frame)
    consistency(frame), independence(frame), difference(frame)
    conflict = frame[frame["dataset"] == "cue-conflict"]
    shape_bias(conflict)
    grown = grow(conflict)
    branches(grown), agreement_with_kinds(groups_of(grown)), among_people(conflict, grown), embed(grown.pairs.matrix())
    correlate(measure(frame, "accuracy:low-pass"), measure(frame, "shape-bias"))


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
    many = field(54)
    print(f"benchmark table, 54 observers on 17 datasets      {median_ms(lambda: benchmark(many), n=3):10.1f} ms")
    ranks = median_ms(lambda: benchmark_intervals(many), n=1)
    print(f"its ranks with intervals, 1000 resamples          {ranks:10.1f} ms")
    people, networks = find("humans"), find("networks")
    if people is not None and networks is not None:
        start = time.process_time()
        frame = read_trials([people, *networks.glob("*/*_resnet50_*"), *networks.glob("*/*bagnet33*"),
                             *networks.glob("*/*simclr*")])  # fmt: skip
        everything(frame)
        spent = 1000 * (time.process_time() - start)
        print(f"reading and everything, people and 3 networks     {spent:10.1f} ms")
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
