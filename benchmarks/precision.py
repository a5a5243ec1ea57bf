"""Do rounding and neighbors change answers? bfloat16 against float32, and passes of other sizes.

    python benchmarks/precision.py [--images 128] [--draws 30] [--device cpu]

The model of small_world.py answers the same images exhaustively and by races in both formats. A decision may differ only
where the two best choices are closer than rounding moves differences: by how much it does is taken from the images whose
decision stays, and the leads of those that differ are printed beside it. In float32 each image is also answered alone and
in passes of other sizes.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import small_world
from small_world import FOLDER, TEST_SEED

from experiments.experiment import Experiment
from experiments.folder import from_folder
from observers.generative.classifier import GenerativeClassifier
from observers.generative.options import Compute


def evidence(observer: GenerativeClassifier, trials: list) -> np.ndarray:
    """(n_trials, 16)"""
    return np.array([response.evidence for response in observer.observe(trials)])


def lead(found: np.ndarray, over: np.ndarray) -> np.ndarray:
    """How far the best choice of `over` is ahead of its second."""
    rows, (second, best) = np.arange(len(over)), np.argsort(over, axis=1)[:, -2:].T
    return found[rows, best] - found[rows, second]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", type=Path, default=FOLDER)
    said = parser.parse_args()
    single, half = (
        small_world.model(said.model, compute=Compute(said.device, dtype)) for dtype in ("float32", "bfloat16")
    )
    with tempfile.TemporaryDirectory() as folder:
        experiment: Experiment = from_folder(
            small_world.write(Path(folder) / "images", said.images, TEST_SEED, hard=True)
        )
        trials = experiment.trials(0)
        for schedule in ("exhaustive", "racing"):
            compare(schedule, said.draws, single, half, trials)
        some = trials[:16]
        whole = evidence(GenerativeClassifier(single, "x", draws=said.draws, batch_size=64), some)
        alone = np.concatenate(
            [evidence(GenerativeClassifier(single, "x", draws=said.draws, batch_size=64), [t]) for t in some]
        )
        print(f"float32, {len(some)} images alone and together: relative difference {off(alone, whole):.1e}")
        for size in (1, 7, 16, 128):
            other = evidence(GenerativeClassifier(single, "x", draws=said.draws, batch_size=size), some)
            print(f"float32, passes of {size} rows against 64: relative difference {off(other, whole):.1e}")


def off(found: np.ndarray, expected: np.ndarray) -> float:
    return float((np.abs(found - expected) / np.abs(expected)).max())


def compare(schedule: str, draws: int, single: object, half: object, trials: list) -> None:
    a, b = (
        evidence(GenerativeClassifier(model, "x", schedule=schedule, draws=draws, batch_size=64), trials)
        for model in (single, half)
    )
    ahead = lead(a, a)
    moved = np.abs(lead(b, a) - ahead)
    differ = np.flatnonzero(a.argmax(axis=1) != b.argmax(axis=1))
    print(f"{schedule}, {len(trials)} images: {len(differ)} decisions differ in bfloat16")
    stay = np.setdiff1d(np.arange(len(trials)), differ)
    usual = np.quantile(moved[stay], [0.5, 0.99])
    print(f"  lead of the best choice: median {np.median(ahead):.3g}")
    print(f"  rounding moves it, where the decision stays, by {usual[0]:.2g} (median) to {usual[1]:.2g} (99 %)")
    print(f"  leads in float32 where it differs: {', '.join(f'{lead:.2g}' for lead in ahead[differ]) or 'none'}")


if __name__ == "__main__":
    main()
