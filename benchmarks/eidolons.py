"""Compare the statistics of eidolons with those of the published algorithm, which `published_eidolon.py` computes slowly.

    python benchmarks/eidolons.py [--draws 4]

For each condition and each of two photographs, several eidolons are made with either program, and a statistic is
averaged over them. The table has the ratio of the two means, also for version 1 of our eidolons, which padded the
images by repeating the pixels of their border. The statistics are the mean absolute difference of neighboring pixels
(horizontal and vertical gradient), the same in the outer 32 pixels, and the standard deviation of the pixels. Three
minutes on one core.
"""

import argparse
from collections.abc import Callable

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from benchmarks.published_eidolon import SIZE, published_eidolon
from stimuli.distort import eidolon as ours

CONDITIONS = [(reach, coherence) for coherence in (1.0, 0.3, 0.0) for reach in (4.0, 8.0, 16.0, 32.0, 64.0, 128.0)]
STATISTICS = ("horizontal", "vertical", "border", "contrast")
BORDER = 32  # pixels
Statistics = tuple[float, float, float, float]


def photographs() -> list[np.ndarray]:
    """Return two photographs of scikit-learn as (SIZE, SIZE, 3) float64 in 0..1."""
    images = []
    for name in ("china.jpg", "flower.jpg"):
        square = Image.fromarray(load_sample_image(name)).crop((0, 0, 427, 427))
        images.append(np.asarray(square.resize((SIZE, SIZE), Image.Resampling.LANCZOS)) / 255)
    return images


def statistics_of(image: np.ndarray) -> Statistics:
    """Return the STATISTICS of a gray image."""
    down, right = np.abs(np.diff(image, axis=0)), np.abs(np.diff(image, axis=1))
    at_border = np.ones(right.shape, bool)
    at_border[BORDER:-BORDER, BORDER:-BORDER] = False
    return float(right.mean()), float(down.mean()), float(right[at_border].mean()), float(image.std())


def mean_statistics(
    distort: Callable[..., np.ndarray], reach: float, coherence: float, n_draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of the STATISTICS over draws and photographs, and their standard errors."""
    values = np.array([
        [statistics_of(distort(image, reach, np.random.default_rng([seed, i]), coherence=coherence))
         for i, image in enumerate(photographs())]
        for seed in range(n_draws)
    ]).mean(axis=1)  # fmt: skip
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n_draws)


def version_1(*arguments: object, **options: object) -> np.ndarray:
    """Return an eidolon of an image whose border is repeated instead of mirrored."""
    mode = ours.PADDING
    ours.PADDING = "edge"
    try:
        return ours.eidolon(*arguments, **options)  # type: ignore[arg-type]
    finally:
        ours.PADDING = mode


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=4, help="eidolons per photograph and program (default: 4)")
    n_draws = parser.parse_args().draws
    if n_draws < 2:
        parser.error("--draws must be 2 or more")
    print("ratio to the published algorithm, with its standard error; version 1 first, version 2 (mirrored) second\n")
    print("| reach | coherence | " + " | ".join(STATISTICS) + " |\n" + "| --- " * (2 + len(STATISTICS)) + "|")
    for reach, coherence in CONDITIONS:
        published, error = mean_statistics(published_eidolon, reach, coherence, n_draws)
        cells = [[], [], [], []]
        for distort in (version_1, ours.eidolon):
            mean, own_error = mean_statistics(distort, reach, coherence, n_draws)
            errors = mean / published * np.hypot(own_error / mean, error / published)
            for cell, ratio, spread in zip(cells, mean / published, errors, strict=True):
                cell.append(f"{ratio:.3f} ± {spread:.3f}")
        print(f"| {reach:g} | {coherence:g} | " + " | ".join(map(", ".join, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
