"""Measure the coverage of the 95 % intervals: how often they contain the true value.

    python benchmarks/recovery.py [RUNS]       # default: 500 runs, about six minutes on one core

Observers with a known accuracy, shape bias, kappa and threshold are simulated many times. For each measure, the share
of the intervals that contain the simulated value is printed. Trials, responses, frames and measures are made by the
same code as in a real experiment, except that no logs are written to disk.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.benchmark.ranks import benchmark_intervals
from analysis.illusions import bistability, geometric, pareidolia
from analysis.io.notes import hide_warnings
from analysis.kappa.consistency import error_consistency
from analysis.measures.accuracy import accuracy
from analysis.measures.psychometric import thresholds
from analysis.measures.shape_bias import shape_bias
from observers.protocol import Observer, Trial
from observers.simulated import Biased, Correlated, Psychometric
from stimuli.categories import CATEGORIES
from stimuli.stimulus import Stimulus
from tests.unit.analysis.illusions import simulated_trials

SHAPE_BIAS, CUE_RATE, KAPPA, THRESHOLD, WIDTH, LAPSE = 0.7, 0.8, 0.4, 0.1, -0.25, 0.05
LEVELS = ("0.00", "0.03", "0.05", "0.10", "0.20", "0.35", "0.60", "0.90")


def make_trials(n: int, conditions: tuple[str, ...] = ("",), *, cues: bool = False) -> list[Trial]:
    """Return n trials per condition. With `cues`, shape and texture belong to different categories."""
    trials: list[Trial] = []
    for condition in conditions:
        for k in range(n):
            category, other = CATEGORIES[k % 16], CATEGORIES[(k % 16 + 1 + k // 16 % 15) % 16]
            stimulus_cues = {"shape": category, "texture": other} if cues else {}
            stimulus = Stimulus(f"{condition}-{k}.png", Path("none"), category, condition, stimulus_cues)
            trials.append(Trial(len(trials) + 1, 1, stimulus, CATEGORIES))
    return trials


def simulate_responses(dataset: str, trials: list[Trial], *observers: Observer) -> pd.DataFrame:
    """Return the responses of observers to trials, as `read_trials` returns them from their logs."""
    rows = [
        (dataset, observer.name, observer.kind, t.stimulus.id, t.stimulus.condition, t.stimulus.category, r.choice or "",
         t.stimulus.cues.get("shape", ""), t.stimulus.cues.get("texture", ""))
        for observer in observers
        for t, r in zip(trials, observer.observe(iter(trials)), strict=True)
    ]  # fmt: skip
    columns = ["dataset", "observer", "kind", "stimulus", "condition", "category", "response", "shape", "texture"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(correct=frame["category"] == frame["response"])


def covers_accuracy(seed: int) -> bool:
    """Return whether the interval of one simulation contains the true accuracy."""
    frame = simulate_responses("mine", make_trials(160), Biased(cue_rate=0.8, seed=seed, name="one"))
    (row,) = accuracy(frame).itertuples()
    return bool(row.low <= 0.8 <= row.high)


def covers_shape_bias(seed: int) -> bool:
    """Return whether the interval of one simulation contains the true shape bias."""
    frame = simulate_responses("mine", make_trials(240, cues=True), Biased(SHAPE_BIAS, CUE_RATE, seed=seed, name="one"))
    row = shape_bias(frame).iloc[0]
    return bool(row["low"] <= SHAPE_BIAS <= row["high"])


def covers_kappa(seed: int) -> bool:
    """Return whether the interval contains the true kappa of two observers whose errors have a known correlation."""
    trials, first = make_trials(640), Biased(cue_rate=0.7, seed=2 * seed, name="first")
    with tempfile.TemporaryDirectory() as folder:
        frame = simulate_responses("mine", trials, first)
        log = Path(folder) / "mine_first_session-1.csv"
        table = frame.rename(columns={"dataset": "experiment"}).assign(session=1, block=1, rt="", n_evaluations="")
        table["trial"] = range(1, len(table) + 1)
        table.drop(columns=["correct", "shape", "texture"]).to_csv(log, index=False)
        other = simulate_responses("mine", trials, Correlated(log, KAPPA, 0.6, seed=2 * seed + 1, name="other"))
    (row,) = error_consistency(pd.concat([frame, other])).itertuples()
    return bool(row.low <= KAPPA <= row.high)


def covers_mean_kappa(seed: int) -> bool:
    """Return whether the interval contains the true mean kappa of an observer with two people, over three conditions.

    For each image, two observers are correct or wrong together with probability 0.4 and independently otherwise, so
    their kappa is 0.4.
    """
    rng, share, p = np.random.default_rng(seed), 0.4, 0.65
    parts = []
    for condition in ("90", "180", "270"):
        common, independent = rng.random(160) < p, rng.random((3, 160)) < p
        correct = np.where(rng.random((3, 160)) < np.sqrt(share), common, independent)
        for o, (name, kind) in enumerate((("p1", "human"), ("p2", "human"), ("net", "generative"))):
            images = [f"{condition}-{i}" for i in range(160)]
            parts.append(pd.DataFrame({"observer": name, "kind": kind, "stimulus": images, "correct": correct[o]}).assign(
                condition=condition))  # fmt: skip
    frame = pd.concat(parts, ignore_index=True).assign(dataset="rotation")
    with hide_warnings():
        table = benchmark_intervals(frame, n_resamples=1).set_index(["measure", "observer"])
    row = table.loc[("error_consistency", "net")]
    return bool(row["low"] <= share <= row["high"])


def covers_threshold(seed: int) -> bool:
    """Return whether the interval of one simulation contains the true threshold."""
    observer = Psychometric(THRESHOLD, WIDTH, LAPSE, "uniform-noise", seed=seed, name="one")
    row = thresholds(simulate_responses("uniform-noise", make_trials(80, LEVELS), observer)).iloc[0]
    return bool(row["low"] <= THRESHOLD <= row["high"])


def covers_illusion_effect(seed: int) -> bool:
    """Return whether the interval contains the true effect of a geometric illusion."""
    (row,) = geometric.effects(geometric.pse_table(simulated_trials.geometric(0.15, bias=0.05, seed=seed))).itertuples()
    return bool(row.low <= 0.15 <= row.high)


def covers_percept_equality(seed: int) -> bool:
    """Return whether the interval contains the true level at which both percepts are equally frequent."""
    (row,) = bistability.pse_table(bistability.curves(simulated_trials.percepts(0.1, seed=seed))).itertuples()
    return bool(row.low <= -0.1 <= row.high)


def covers_pareidolia_threshold(seed: int) -> bool:
    """Return whether the interval contains the true threshold for hidden faces."""
    (row,) = pareidolia.pareidolia(simulated_trials.hidden(0.4, 0.1, seed=seed)).itertuples()
    return bool(row.low <= 0.4 <= row.high)


MEASURES: dict[str, Callable[[int], bool]] = {
    "accuracy, Wilson": covers_accuracy,
    "shape bias, Wilson": covers_shape_bias,
    "kappa, score": covers_kappa,
    "mean kappa with people, MOVER": covers_mean_kappa,
    "threshold, profile": covers_threshold,
    "geometric illusion, effect": covers_illusion_effect,
    "bistable figure, equality": covers_percept_equality,
    "pareidolia, threshold": covers_pareidolia_threshold,
}


def coverage_rates(n_runs: int) -> Iterator[tuple[str, float, float]]:
    """Yield each measure's name, the proportion of intervals that contain the true value, and the CPU time in seconds."""
    for name, covers in MEASURES.items():
        start = time.process_time()
        share = float(np.mean([covers(seed) for seed in range(n_runs)]))
        yield name, share, time.process_time() - start


def main() -> None:
    """Print the coverage of all measures."""
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    margin = 196 * np.sqrt(0.95 * 0.05 / n_runs)
    print(f"share of {n_runs} runs whose 95 % interval contains the true value (± {margin:.1f} %)")
    for name, share, seconds in coverage_rates(n_runs):
        print(f"{name:28s} {100 * share:6.1f} %   {seconds:6.1f} s of CPU")


if __name__ == "__main__":
    main()
