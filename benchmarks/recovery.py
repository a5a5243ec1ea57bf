"""How often does a 95 % interval hold the truth? Simulated observers of known accuracy, shape bias, kappa and threshold
answer experiments, many times over; the share of the intervals that hold what was simulated is printed for each measure.

    python benchmarks/recovery.py [RUNS]       # 500 unless said; about six minutes of one core

Everything a person or a model would go through is gone through but the disk: trials, responses, frame, measure.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.accuracy import accuracy
from analysis.benchmark import scores
from analysis.condition_data import resampling
from analysis.consistency import consistency
from analysis.illusions import bistability, geometric, pareidolia
from analysis.psychometric import thresholds
from analysis.resampling import percentiles
from analysis.shape_bias import shape_bias
from observers.protocol import Observer, Trial
from observers.simulated import Biased, Correlated, Psychometric
from stimuli.categories import CATEGORIES
from stimuli.stimulus import Stimulus
from tests.analysis.illusions import simulated_trials

SHAPE_BIAS, CUE_RATE, KAPPA, THRESHOLD, WIDTH, LAPSE = 0.7, 0.8, 0.4, 0.1, -0.25, 0.05
LEVELS = ("0.00", "0.03", "0.05", "0.10", "0.20", "0.35", "0.60", "0.90")
N_RESAMPLES = 1000


def trials(n: int, conditions: tuple[str, ...] = ("",), *, cues: bool = False) -> list[Trial]:
    """`n` trials a condition. With cues the texture is of another category than the shape."""
    out = []
    for condition in conditions:
        for k in range(n):
            category, other = CATEGORIES[k % 16], CATEGORIES[(k % 16 + 1 + k // 16 % 15) % 16]
            shown = {"shape": category, "texture": other} if cues else {}
            stimulus = Stimulus(f"{condition}-{k}.png", Path("none"), category, condition, shown)
            out.append(Trial(len(out) + 1, 1, stimulus, CATEGORIES))
    return out


def answered(dataset: str, those: list[Trial], *who: Observer) -> pd.DataFrame:
    """What `read_trials` would make of their logs."""
    rows = [
        (dataset, one.name, one.kind, t.stimulus.id, t.stimulus.condition, t.stimulus.category, r.choice or "",
         t.stimulus.cues.get("shape", ""), t.stimulus.cues.get("texture", ""))
        for one in who
        for t, r in zip(those, one.observe(iter(those)), strict=True)
    ]  # fmt: skip
    columns = ["dataset", "observer", "kind", "stimulus", "condition", "category", "response", "shape", "texture"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(correct=frame["category"] == frame["response"])


def accuracy_holds(seed: int) -> bool:
    frame = answered("mine", trials(160), Biased(cue_rate=0.8, seed=seed, name="one"))
    (row,) = accuracy(frame).itertuples()
    return bool(row.low <= 0.8 <= row.high)


def shape_bias_holds(seed: int) -> bool:
    frame = answered("mine", trials(240, cues=True), Biased(SHAPE_BIAS, CUE_RATE, seed=seed, name="one"))
    row = shape_bias(frame).iloc[0]
    return bool(row["low"] <= SHAPE_BIAS <= row["high"])


def kappa_holds(seed: int) -> bool:
    """Of a log of one observer and another that errs where it does, to a known degree."""
    those, first = trials(640), Biased(cue_rate=0.7, seed=2 * seed, name="first")
    with tempfile.TemporaryDirectory() as folder:
        frame = answered("mine", those, first)
        log = Path(folder) / "mine_first_session-1.csv"
        table = frame.rename(columns={"dataset": "experiment"}).assign(session=1, block=1, rt="", n_evaluations="")
        table["trial"] = range(1, len(table) + 1)
        table.drop(columns=["correct", "shape", "texture"]).to_csv(log, index=False)
        other = answered("mine", those, Correlated(log, KAPPA, 0.6, seed=2 * seed + 1, name="other"))
    (row,) = consistency(pd.concat([frame, other]), n_resamples=N_RESAMPLES, seed=seed).itertuples()
    return bool(row.low <= KAPPA <= row.high)


def benchmark_holds(seed: int) -> bool:
    """Mean kappa with two simulated people over a dataset's conditions: all are right alike in a known share of images."""
    rng, share, p = np.random.default_rng(seed), 0.4, 0.65
    parts = []
    for condition in ("90", "180", "270"):
        common, luck = rng.random(160) < p, rng.random((3, 160)) < p
        right = np.where(rng.random((3, 160)) < np.sqrt(share), common, luck)
        for o, (name, kind) in enumerate((("p1", "human"), ("p2", "human"), ("net", "generative"))):
            images = [f"{condition}-{i}" for i in range(160)]
            parts.append(pd.DataFrame({"observer": name, "kind": kind, "stimulus": images, "correct": right[o]}).assign(
                condition=condition))  # fmt: skip
    frame = pd.concat(parts, ignore_index=True).assign(dataset="rotation")
    low, high = percentiles(scores(frame, "undefined-is-nan", None, resampling(N_RESAMPLES, seed)).values[3])
    return bool(low[1] <= share <= high[1])


def threshold_holds(seed: int) -> bool:
    one = Psychometric(THRESHOLD, WIDTH, LAPSE, "uniform-noise", seed=seed, name="one")
    row = thresholds(answered("uniform-noise", trials(80, LEVELS), one)).iloc[0]
    return bool(row["low"] <= THRESHOLD <= row["high"])


def effect_holds(seed: int) -> bool:
    (row,) = geometric.effects(geometric.pse_table(simulated_trials.geometric(0.15, bias=0.05, seed=seed))).itertuples()
    return bool(row.low <= 0.15 <= row.high)


def percept_holds(seed: int) -> bool:
    (row,) = bistability.pse_table(bistability.curves(simulated_trials.percepts(0.1, seed=seed))).itertuples()
    return bool(row.low <= -0.1 <= row.high)


def hidden_holds(seed: int) -> bool:
    (row,) = pareidolia.pareidolia(simulated_trials.hidden(0.4, 0.1, seed=seed)).itertuples()
    return bool(row.low <= 0.4 <= row.high)


MEASURES: dict[str, Callable[[int], bool]] = {
    "accuracy, Wilson": accuracy_holds,
    "shape bias, Wilson": shape_bias_holds,
    "kappa, bootstrap": kappa_holds,
    "mean kappa with people": benchmark_holds,
    "threshold, profile": threshold_holds,
    "effect of an illusion": effect_holds,
    "percepts seen equally often": percept_holds,
    "threshold of what is hidden": hidden_holds,
}


def rates(n_runs: int) -> Iterator[tuple[str, float, float]]:
    """Name, share of runs whose interval held the truth, CPU seconds."""
    for name, holds in MEASURES.items():
        start = time.process_time()
        share = float(np.mean([holds(seed) for seed in range(n_runs)]))
        yield name, share, time.process_time() - start


def main() -> None:
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(f"share of {n_runs} runs whose 95 % interval holds the truth (± {196 * np.sqrt(0.95 * 0.05 / n_runs):.1f} %)")
    for name, share, seconds in rates(n_runs):
        print(f"{name:28s} {100 * share:6.1f} %   {seconds:6.1f} s of CPU")


if __name__ == "__main__":
    main()
