"""Measures computed from CSV files with the module csv and plain arithmetic, to compare with the numbers of the project.

No function of the project is used here, so that an error in the project cannot hide in the test.
"""

import csv
import gzip
import math
from pathlib import Path

Z = 1.959963984540054  # 97.5 % quantile of the normal distribution
CRITICAL = Z * Z  # 95 % quantile of χ² with one degree of freedom
Row = dict[str, str]


def read_csv(path: Path) -> list[Row]:
    """Return the rows of a CSV file, which may be compressed with gzip."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(text.decode().splitlines()))


def wilson(k: float, n: float) -> tuple[float, float]:
    """Return the 95 % Wilson interval of k / n."""
    center = (k + Z * Z / 2) / (n + Z * Z)
    half = Z / (n + Z * Z) * math.sqrt(k * (n - k) / n + Z * Z / 4)
    return center - half, center + half


def shape_bias(rows: list[Row]) -> tuple[float, float, float, int]:
    """Return the shape bias of one observer with its interval, and the number of shape and texture responses."""
    conflicts = [row for row in rows if row["shape"] != row["texture"]]
    n_shape = sum(row["response"] == row["shape"] for row in conflicts)
    n_texture = sum(row["response"] == row["texture"] for row in conflicts)
    n = n_shape + n_texture
    return n_shape / n, *wilson(n_shape, n), n


def table_of(first: list[Row], second: list[Row]) -> tuple[int, int, int, int]:
    """Return on how many common images both observers were right, only the first, only the second, and neither."""
    right = [{row["stimulus"]: row["response"] == row["category"] for row in rows} for rows in (first, second)]
    pairs = [(right[0][image], right[1][image]) for image in right[0] if image in right[1]]
    return tuple(pairs.count(cell) for cell in ((True, True), (True, False), (False, True), (False, False)))  # type: ignore[return-value]


def kappa(counts: tuple[int, int, int, int]) -> float:
    """Return Cohen's kappa of correctness."""
    a, b, c, d = counts
    n = a + b + c + d
    p1, p2, observed = (a + b) / n, (a + c) / n, (a + d) / n
    expected = p1 * p2 + (1 - p1) * (1 - p2)
    return (observed - expected) / (1 - expected)


def score_statistic(counts: tuple[int, int, int, int], k: float) -> float:
    """Return Pearson's X² of a 2 × 2 table for the probabilities with the largest likelihood whose kappa is k."""
    n = sum(counts)

    def probabilities(p1: float, p2: float) -> tuple[float, float, float, float]:
        expected = p1 * p2 + (1 - p1) * (1 - p2)
        agreement = expected + k * (1 - expected)
        both = (agreement - 1 + p1 + p2) / 2
        return both, p1 - both, p2 - both, 1 - p1 - p2 + both

    def loss(p1: float, p2: float) -> float:
        p = probabilities(p1, p2)
        if min(p) <= 0:
            return math.inf
        return -sum(count * math.log(q) for count, q in zip(counts, p, strict=True))

    p1, p2 = (counts[0] + counts[1]) / n, (counts[0] + counts[2]) / n
    middle, step = (p1 + p2) / 2, 0.05
    x = [p1, p2] if math.isfinite(loss(p1, p2)) else [middle, middle]
    best = loss(*x)
    while step > 1e-7:  # compass search along four directions, and diagonally
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)):
            candidate = [x[0] + step * dx, x[1] + step * dy]
            value = loss(*candidate)
            if value < best:
                x, best = candidate, value
                break
        else:
            step /= 2
    p = probabilities(*x)
    return sum((count - n * q) ** 2 / (n * q) for count, q in zip(counts, p, strict=True))


def kappa_interval(counts: tuple[int, int, int, int]) -> tuple[float, float]:
    """Return the 95 % score interval of kappa, by steps from kappa outwards and bisection of the last step."""
    ends = []
    for step in (-0.01, 0.01):
        inside, outside = kappa(counts), kappa(counts) + step
        while abs(outside + step) < 0.999 and score_statistic(counts, outside) <= CRITICAL:
            inside, outside = outside, outside + step
        for _ in range(30):
            middle = (inside + outside) / 2
            if score_statistic(counts, middle) <= CRITICAL:
                inside = middle
            else:
                outside = middle
        ends.append(inside)
    return ends[0], ends[1]


def mean_accuracy(by_dataset: list[list[Row]]) -> tuple[float, float, float, int]:
    """Return the mean accuracy of one observer over datasets with its MOVER interval, and the number of trials."""
    counts = [(sum(row["response"] == row["category"] for row in rows), len(rows)) for rows in by_dataset]
    values = [k / n for k, n in counts]
    intervals = [wilson(k, n) for k, n in counts]
    mean, n_datasets = sum(values) / len(values), len(values)
    below = math.sqrt(sum((p - low) ** 2 for p, (low, _) in zip(values, intervals, strict=True))) / n_datasets
    above = math.sqrt(sum((high - p) ** 2 for p, (_, high) in zip(values, intervals, strict=True))) / n_datasets
    return mean, mean - below, mean + above, sum(n for _, n in counts)
