"""Measure whether rounding to bfloat16 and the composition of a batch change responses.

    python benchmarks/precision.py [--images 128] [--draws 30] [--device cpu]

The model of toy_diffusion.py responds to the same images exhaustively and with racing, in float32 and in bfloat16.
Rounding should change a decision only if it changes the lead of the best choice over the second best by more than the
lead itself. This change is measured on the images with the same decision in both formats, and is compared with the
leads on the images with different decisions. In float32, each image is also presented alone, and in forward passes with
more or fewer rows.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import toy_diffusion
from toy_diffusion import FOLDER, TEST_SEED

from experiments.experiment import Experiment
from experiments.sets.folder import from_folder
from observers.generative.classifier import GenerativeClassifier
from observers.generative.options import Compute


def measure_evidence(observer: GenerativeClassifier, trials: list) -> np.ndarray:
    """Return the evidence of an observer in all trials, of shape (n_trials, 16)."""
    return np.array([response.evidence for response in observer.observe(trials)])


def lead(evidence: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return by how much `evidence` favors the best choice in `reference` over the second-best choice in `reference`."""
    rows, (second, best) = np.arange(len(reference)), np.argsort(reference, axis=1)[:, -2:].T
    return evidence[rows, best] - evidence[rows, second]


def main() -> None:
    """Print how responses depend on the dtype and on the composition of batches."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=128, help="number of images (default: %(default)s)")
    parser.add_argument("--draws", type=int, default=30, help="noise samples per choice (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="torch device (default: %(default)s)")
    parser.add_argument("--model", type=Path, default=FOLDER, help="folder of the model, which is trained if needed")
    options = parser.parse_args()
    single, half = (
        toy_diffusion.load_model(options.model, compute=Compute(options.device, dtype))
        for dtype in ("float32", "bfloat16")
    )
    with tempfile.TemporaryDirectory() as folder:
        experiment: Experiment = from_folder(
            toy_diffusion.write_images(Path(folder) / "images", options.images, TEST_SEED, hard=True)
        )
        trials = experiment.trials(0)
        for schedule in ("exhaustive", "racing"):
            compare(schedule, options.draws, single, half, trials)
        subset = trials[:16]
        together = measure_evidence(GenerativeClassifier(single, "x", draws=options.draws, batch_size=64), subset)
        alone = np.concatenate(
            [
                measure_evidence(GenerativeClassifier(single, "x", draws=options.draws, batch_size=64), [t])
                for t in subset
            ]
        )
        difference = relative_difference(alone, together)
        print(f"float32, {len(subset)} images alone and together: relative difference {difference:.1e}")
        for size in (1, 7, 16, 128):
            other = measure_evidence(GenerativeClassifier(single, "x", draws=options.draws, batch_size=size), subset)
            difference = relative_difference(other, together)
            print(f"float32, passes of {size} rows against 64: relative difference {difference:.1e}")


def relative_difference(evidence: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest relative difference between two arrays of evidence."""
    return float((np.abs(evidence - expected) / np.abs(expected)).max())


def compare(schedule: str, draws: int, single: object, half: object, trials: list) -> None:
    """Print how decisions and leads differ between float32 and bfloat16."""
    a, b = (
        measure_evidence(GenerativeClassifier(model, "x", schedule=schedule, draws=draws, batch_size=64), trials)
        for model in (single, half)
    )
    leads = lead(a, a)
    changes = np.abs(lead(b, a) - leads)
    different = np.flatnonzero(a.argmax(axis=1) != b.argmax(axis=1))
    print(f"{schedule}, {len(trials)} images: {len(different)} decisions differ in bfloat16")
    same = np.setdiff1d(np.arange(len(trials)), different)
    median_change, largest_change = np.quantile(changes[same], [0.5, 0.99])
    print(f"  lead of the best choice: median {np.median(leads):.3g}")
    print(f"  change of the lead by rounding: {median_change:.2g} (median), {largest_change:.2g} (99th percentile)")
    print(f"  leads in float32 where decisions differ: {', '.join(f'{x:.2g}' for x in leads[different]) or 'none'}")


if __name__ == "__main__":
    main()
