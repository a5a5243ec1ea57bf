"""Check the exact independence test: its p values for independent observers, and its decisions about recorded observers.

    python benchmarks/independence.py [--runs 5000]       # 20 s

For simulated independent observers, the first table shows how often p is at most .01, .05 and .20 (in a valid test, in at
most this proportion of the runs), and the p value of a Kolmogorov-Smirnov test of whether mid-p values are uniform (the p
values of discrete data are not).
If a data folder has the recorded people and networks of cue-conflict, the second table counts the pairs of observers for
which the test and the 95 % score interval of kappa agree on whether kappa differs from 0.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kstest

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.io.frame import read_trials
from analysis.io.notes import hide_warnings
from analysis.io.writing.formats import to_markdown
from analysis.kappa.consistency import error_consistency
from analysis.kappa.exact_null import kappa_null
from analysis.kappa.independence import independence_test
from stimuli.published.datasets import find

SETTINGS = (
    (1280, ((0.7, 0.6),)), (160, ((0.7, 0.6),)), (160, ((0.9, 0.9),)), (160, ((0.97, 0.96),)),
    (160, ((0.95, 0.9), (0.7, 0.6), (0.3, 0.2))), (40, tuple((p, p) for p in np.linspace(0.2, 0.97, 8))),
)  # fmt: skip
"""Numbers of images per condition, and the accuracies of the two observers in every condition."""
LEVELS = (0.01, 0.05, 0.20)
SEED = 20261129


def simulate(n_images: int, accuracies: tuple[tuple[float, float], ...], n_runs: int, seed: int) -> pd.DataFrame:
    """Return p and mid-p of the exact test in simulated runs with two independent observers."""
    rng, n_conditions = np.random.default_rng(seed), len(accuracies)
    p = np.array(accuracies).T[:, :, None, None]
    correct = rng.random((2, n_conditions, n_runs, n_images)) < p
    k1, k2 = correct.sum(axis=-1)
    null = kappa_null(np.full(k1.shape, n_images), k1, k2, (correct[0] & correct[1]).sum(axis=-1))
    return pd.DataFrame({"p": null.p, "mid_p": null.mid_p}).dropna()


def error_rates(n_runs: int) -> pd.DataFrame:
    """Return a row per setting with the proportions of small p values, and a test of whether mid-p is uniform."""
    rows = []
    for k, (n_images, accuracies) in enumerate(SETTINGS):
        values = simulate(n_images, accuracies, n_runs, SEED + k)
        rates = {f"P(p ≤ {level:.2f})": float(np.mean(values["p"] <= level)) for level in LEVELS}
        means = " and ".join(f"{mean:.2f}" for mean in np.mean(accuracies, axis=0))
        row = {"conditions": len(accuracies), "images": n_images, "accuracies": means, "runs": len(values)}
        rows.append(row | rates | {"Kolmogorov-Smirnov p": float(kstest(values["mid_p"], "uniform").pvalue)})
    return pd.DataFrame(rows)


def agreement_with_intervals() -> pd.DataFrame | None:
    """Return how the test and the intervals of kappa decide about the pairs of cue-conflict; None without the data."""
    folders = ("humans/cue-conflict", "networks/cue-conflict")
    if any(find(*folder.split("/")) is None for folder in folders):
        return None
    with hide_warnings():
        frame = read_trials(*folders)
        intervals, tests = error_consistency(frame), independence_test(frame)
    key = ["observer_1", "observer_2"]
    same_order = intervals[[*key, "low", "high"]].rename(columns=dict(zip(key, reversed(key), strict=True)))
    both = tests.merge(pd.concat([intervals[[*key, "low", "high"]], same_order]), on=key)
    excludes_zero = np.where((both["low"] > 0) | (both["high"] < 0), "excludes 0", "includes 0")
    columns = {"p < .05": both["p"] < 0.05, "p_holm < .05": both["p_holm"] < 0.05}
    rows = [
        {"interval of kappa": text, "pairs": int((excludes_zero == text).sum())}
        | {name: int((is_small & (excludes_zero == text)).sum()) for name, is_small in columns.items()}
        for text in ("excludes 0", "includes 0")
    ]
    return pd.DataFrame(rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5000)
    print(to_markdown(error_rates(parser.parse_args().runs)))
    table = agreement_with_intervals()
    print("the recorded observers of cue-conflict are not in a data folder" if table is None else to_markdown(table))


if __name__ == "__main__":
    main()
