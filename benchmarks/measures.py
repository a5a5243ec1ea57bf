"""Measure the CPU time of the analysis: reading logs, the kappa matrix, its bootstrap, the benchmark, and all measures.

    OMP_NUM_THREADS=1 python benchmarks/measures.py

The CPU time of `observers --help` is measured too. Times are medians of several runs, on one core if OMP_NUM_THREADS is
1.
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

from analysis.benchmark.benchmark import benchmark_table
from analysis.benchmark.correlation import correlate, observer_measure
from analysis.benchmark.ranks import benchmark_intervals
from analysis.io.frame import read_trials
from analysis.kappa.branches import (
    agreement_with_kinds,
    branch_support,
    observer_groups,
    resample_trees,
    within_human_range,
)
from analysis.kappa.ceiling import noise_ceiling
from analysis.kappa.consistency import bootstrap_interval, correct_matrix, error_consistency, kappa, pairwise_agreement
from analysis.kappa.contrasts import kind_contrasts
from analysis.kappa.difference import difference_test
from analysis.kappa.embedding import map_observers
from analysis.kappa.error_patterns import error_patterns
from analysis.kappa.independence import independence_test
from analysis.measures.accuracy import accuracy
from analysis.measures.confusion import confusion_table, response_entropy
from analysis.measures.psychometric import thresholds
from analysis.measures.shape_bias import shape_bias
from stimuli.published.datasets import DATASETS, find


def median_ms(call: Callable[[], object], n: int = 7) -> float:
    """Call a function once to warm up and then n times; return the median CPU time of the n calls in milliseconds."""
    call()
    times = []
    for _ in range(n):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def simulate_trials(n_observers: int, n_images: int) -> pd.DataFrame:
    """Return trials of observers that are correct at random in 60 % of the trials of one dataset."""
    rng = np.random.default_rng(0)
    names = [f"observer-{o:02d}" for o in range(n_observers)]
    images = [f"image-{i:04d}.png" for i in range(n_images)]
    index = pd.MultiIndex.from_product([names, images], names=["observer", "stimulus"])
    frame = index.to_frame(index=False).assign(dataset="simulated", kind="simulated", condition="")
    return frame.assign(correct=rng.random(len(frame)) < 0.6)


def simulate_published_datasets(n_observers: int) -> pd.DataFrame:
    """Return simulated trials of people and other observers on datasets as large as the published ones."""
    rng, parts = np.random.default_rng(0), []
    for dataset in DATASETS.values():
        observers = [(f"subject-{o:02d}", "human") for o in range(dataset.n_people)]
        observers += [(f"observer-{o:02d}", "generative") for o in range(n_observers)]
        n = dataset.n_images // len(dataset.conditions)
        for condition in dataset.conditions:
            difficulty = rng.random(n)
            for name, kind in observers:
                labels = {"dataset": dataset.name, "observer": name, "kind": kind, "condition": condition.name}
                images = [f"{condition.name}-{i}" for i in range(n)]
                correct = (difficulty + rng.random(n)) / 2 < 0.5
                parts.append(pd.DataFrame({**labels, "stimulus": images, "correct": correct}))
    return pd.concat(parts, ignore_index=True)


def compute_all_measures(frame: pd.DataFrame) -> None:
    """Compute all measures of people and networks, with intervals."""
    accuracy(frame), confusion_table(frame), response_entropy(frame), error_patterns(frame), thresholds(frame)
    benchmark_table(frame), benchmark_intervals(frame), noise_ceiling(frame), kind_contrasts(frame)
    error_consistency(frame), independence_test(frame), difference_test(frame)
    conflict = frame[frame["dataset"] == "cue-conflict"]
    shape_bias(conflict)
    trees = resample_trees(conflict)
    (
        branch_support(trees),
        agreement_with_kinds(observer_groups(trees)),
        within_human_range(conflict, trees),
        map_observers(trees.pairs.matrix()),
    )
    correlate(observer_measure(frame, "accuracy:low-pass"), observer_measure(frame, "shape-bias"))


def help_cpu_seconds() -> float:
    """Return the CPU time of `observers --help` in seconds."""
    root = Path(__file__).parents[1]
    code = "import sys; sys.argv = ['observers', '--help']; import cli; cli.main()"
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Print all times."""
    frame = simulate_trials(64, 1280)
    _, correct, answered = correct_matrix(frame)

    def matrix() -> np.ndarray:
        _, expected, observed = pairwise_agreement(correct, answered)
        return kappa(observed, expected)

    print(f"kappa matrix, 64 observers × 1280 images          {median_ms(matrix):10.1f} ms")
    from_frame_ms = median_ms(lambda: correct_matrix(frame)) + median_ms(matrix)
    print(f"the same, from the frame of trials                {from_frame_ms:10.1f} ms")
    table_ms = median_ms(lambda: error_consistency(frame, intervals=False))
    print(f"the same, as a table of 2016 pairs                {table_ms:10.1f} ms")
    bootstrap_ms = median_ms(lambda: bootstrap_interval(correct, answered, "undefined-is-nan", 1000, 0), n=3)
    print(f"bootstrap intervals, 1000 resamples               {bootstrap_ms:10.1f} ms")
    many = simulate_published_datasets(54)
    print(f"benchmark table, 54 observers on 17 datasets      {median_ms(lambda: benchmark_table(many), n=3):10.1f} ms")
    ranks_ms = median_ms(lambda: benchmark_intervals(many), n=1)
    print(f"ranks with intervals, 1000 resamples              {ranks_ms:10.1f} ms")
    people, networks = find("humans"), find("networks")
    if people is not None and networks is not None:
        start = time.process_time()
        frame = read_trials([people, *networks.glob("*/*_resnet50_*"), *networks.glob("*/*bagnet33*"),
                             *networks.glob("*/*simclr*")])  # fmt: skip
        compute_all_measures(frame)
        elapsed_ms = 1000 * (time.process_time() - start)
        print(f"reading and all measures, people and 3 networks   {elapsed_ms:10.1f} ms")
    if people is None:
        print("reading the 90 recorded people: skipped, the data are missing (run observers fetch humans)")
    else:
        print(
            f"reading 90 people, 85,120 trials                  {median_ms(lambda: read_trials([people]), n=5):10.1f} ms"
        )
    help_ms = 1000 * statistics.median(help_cpu_seconds() for _ in range(7))
    print(f"observers --help, CPU time                        {help_ms:10.1f} ms")


if __name__ == "__main__":
    main()
