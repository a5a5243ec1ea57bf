"""Measure the coverage of intervals of kappa: how often 95 % intervals contain the true value.

    python benchmarks/kappa_coverage.py [--runs N] [--n 40 160]      # default: 1,000 runs and five values of n, ten minutes

The 2 × 2 tables of two observers are simulated from multinomial distributions with known accuracies and kappa. For every
method, the output has the share of intervals that contain the true kappa, the shares of intervals that are too high and too
low, and the mean width. `*` marks a coverage below 93 or above 97 % where both observers have at least 8 expected errors and
8 expected correct responses. Runs in which kappa is undefined are excluded. A second table is about the mean kappa of a
network with three people (at most 400 runs). Without --runs, the Monte Carlo standard error of a coverage of 95 % is .7 %.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.kappa.intervals import MIN_COUNT, locate_end, score_interval
from analysis.measures.resampling import percentiles

N_IMAGES = (40, 80, 160, 640, 1280)
ACCURACIES = ((0.5, 0.5), (0.7, 0.6), (0.9, 0.9), (0.95, 0.95), (0.97, 0.96), (0.99, 0.98), (0.14, 0.9), (0.05, 0.05))
KAPPAS = (0.0, 0.02, 0.2, 0.4, 0.6, 0.8)
N_RESAMPLES = 1000
Ends = tuple[np.ndarray, np.ndarray]
SEED = 0
PATTERNS = np.array(
    list(itertools.product((False, True), repeat=4))
)  # of three people and a network, with shape (16, 4)
MEAN_SIZES = ((160, 1), (640, 1), (160, 8))  # images per condition, conditions
MEAN_OBSERVERS = (
    ((0.7, 0.75, 0.65, 0.6), 0.5), ((0.9, 0.9, 0.9, 0.9), 0.5), ((0.95, 0.96, 0.94, 0.95), 0.4),
    ((0.97, 0.97, 0.96, 0.96), 0.5),
    ((0.97, 0.97, 0.96, 0.5), 0.6), ((0.95, 0.95, 0.95, 0.99), 0.4),
)  # fmt: skip


def kappa_of(tables: np.ndarray) -> np.ndarray:
    """Return the kappa of tables of counts or probabilities: the shape (…, 4) becomes (…)."""
    a, b, c, d = np.moveaxis(np.asarray(tables, float), -1, 0)
    scale = (a + b) * (b + d) + (a + c) * (c + d)
    return np.divide(2 * (a * d - b * c), scale, out=np.full(scale.shape, np.nan), where=scale > 1e-12)


def cell_probabilities(p1: float, p2: float, kappa: float) -> np.ndarray | None:
    """Return the probabilities of the four cells, or None if the accuracies do not allow this kappa."""
    excess = kappa * (p1 * (1 - p2) + p2 * (1 - p1)) / 2
    p = np.array([p1 * p2 + excess, p1 * (1 - p2) - excess, (1 - p1) * p2 - excess, (1 - p1) * (1 - p2) + excess])
    return p if p.min() >= 0 else None


def _resample(tables: np.ndarray, added: float = 0.0) -> np.ndarray:
    """Return the kappas of bootstrap resamples of every table plus `added`, with shape (T, N_RESAMPLES)."""
    rng, n = np.random.default_rng(SEED), tables.sum(axis=1)
    p = (tables + added) / (n + 4 * added)[:, None]
    return kappa_of(rng.multinomial(n[:, None], p[:, None, :], size=(len(tables), N_RESAMPLES)))


def bootstrap(tables: np.ndarray) -> Ends:
    """Return the 2.5 and 97.5 % percentiles of resamples of the images (Efron & Tibshirani 1993)."""
    low, high = percentiles(_resample(tables))
    return low, high


def smoothed_bootstrap(tables: np.ndarray) -> Ends:
    """Return the percentiles of resamples from the table plus ½ in every cell."""
    low, high = percentiles(_resample(tables, 0.5))
    return low, high


def bca_bootstrap(tables: np.ndarray) -> Ends:
    """Return the bias-corrected and accelerated percentiles (Efron 1987)."""
    drawn, kappas = _resample(tables), kappa_of(tables)
    without = np.stack([kappa_of(np.maximum(tables - np.eye(4)[cell], 0)) for cell in range(4)], axis=1)  # jackknife
    counts = np.where(np.isnan(without), 0, tables)
    mean = (counts * np.nan_to_num(without)).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    difference = mean[:, None] - np.nan_to_num(without)
    scale = (counts * difference**2).sum(axis=1) ** 1.5
    cubes = (counts * difference**3).sum(axis=1)
    acceleration = np.divide(cubes, 6 * scale, out=np.zeros(len(tables)), where=scale > 0)
    below = np.nanmean((drawn < kappas[:, None]) + 0.5 * (drawn == kappas[:, None]), axis=1)
    bias = norm.ppf(np.clip(below, 1 / N_RESAMPLES, 1 - 1 / N_RESAMPLES))
    ends = []
    for z in norm.ppf([0.025, 0.975]):
        level = norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
        ends.append(
            [np.nanquantile(row, q) if (row == row).any() else np.nan for row, q in zip(drawn, level, strict=True)]
        )
    return np.array(ends[0]), np.array(ends[1])


def dirichlet(tables: np.ndarray) -> Ends:
    """Return the percentiles of the posterior distribution with the prior Dirichlet(½, ½, ½, ½)."""
    rng = np.random.default_rng(SEED)
    low, high = percentiles(kappa_of(rng.standard_gamma(tables[:, None, :] + 0.5, (len(tables), N_RESAMPLES, 4))))
    return low, high


def _likelihood_ratio(tables: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return twice the difference of the log likelihood from its maximum, with shape (T,)."""
    ratio = np.where(tables > 0, tables / tables.sum(axis=0) / p, 1.0)
    return np.asarray(2 * (tables * np.log(ratio)).sum(axis=0))


def profile_likelihood(tables: np.ndarray) -> Ends:
    """Return the kappas that the likelihood ratio test does not reject at 5 %."""
    ends = np.full((2, len(tables)), np.nan)
    defined = ~np.isnan(kappa_of(tables))
    for side, limit in enumerate((-1.0, 1.0)):
        ends[side, defined] = locate_end(tables[defined].T.astype(float), limit, _likelihood_ratio)
    return ends[0], ends[1]


METHODS: dict[str, Callable[[np.ndarray], Ends]] = {
    "bootstrap": bootstrap, "BCa": bca_bootstrap, "smoothed": smoothed_bootstrap, "Dirichlet": dirichlet,
    "profile": profile_likelihood, "score": score_interval,
}  # fmt: skip


def coverage_table(n_images: list[int], n_runs: int) -> None:
    """Print one row for each number of images, pair of accuracies and kappa, then a summary of every method."""
    print("| n | accuracies | κ | " + " | ".join(METHODS) + " |")
    print("| --- | --- | --- |" + " --- |" * len(METHODS))
    summary: dict[str, list[tuple[bool, float]]] = {name: [] for name in METHODS}
    for n, (p1, p2), kappa in itertools.product(n_images, ACCURACIES, KAPPAS):
        p = cell_probabilities(p1, p2, kappa)
        if p is None:
            continue
        rng = np.random.default_rng([SEED, n, *(round(1000 * value) for value in (p1, p2, kappa))])
        tables, inverse = np.unique(rng.multinomial(n, p, n_runs), axis=0, return_inverse=True)
        defined = ~np.isnan(kappa_of(tables))[inverse.ravel()]
        is_rich = n * min(p1, 1 - p1, p2, 1 - p2) >= MIN_COUNT - 1e-9
        cells = []
        for name, method in METHODS.items():
            low, high = (end[inverse.ravel()][defined] for end in method(tables))
            too_high, too_low = np.mean(low > kappa + 1e-6), np.mean(high < kappa - 1e-6)
            coverage = 1 - too_high - too_low
            summary[name].append((is_rich, coverage))
            mark = "*" if is_rich and abs(coverage - 0.95) > 0.02 else ""
            cells.append(f"{coverage:.3f}{mark} ({too_high:.3f}, {too_low:.3f}) {np.mean(high - low):.2f}")
        print(f"| {n} | {p1:.2f} {p2:.2f} | {kappa:.2f} | " + " | ".join(cells) + " |", flush=True)
    print("\n| method | at least 8 of each: lowest, highest, outside 93 to 97 % | fewer: lowest, highest |")
    print("| --- | --- | --- |")
    for name, results in summary.items():
        rich, rare = (np.array([c for is_rich, c in results if is_rich == which]) for which in (True, False))
        outside = f"{np.sum(np.abs(rich - 0.95) > 0.02)} of {len(rich)}"
        print(f"| {name} | {rich.min():.3f} {rich.max():.3f} {outside} | {rare.min():.3f} {rare.max():.3f} |")


def pattern_probabilities(accuracies: tuple[float, ...], correlation: float) -> np.ndarray:
    """Return the probabilities of the 16 patterns of correct and wrong responses of four observers, with shape (16,).

    The observers are correct if a normal variable is below their threshold; all variables have the same correlation.
    """
    nodes, weight = np.polynomial.hermite_e.hermegauss(121)
    thresholds = norm.ppf(accuracies)
    p = norm.cdf((thresholds + np.sqrt(correlation) * nodes[:, None]) / np.sqrt(1 - correlation))[:, None, :]
    probabilities = weight / weight.sum() @ np.where(PATTERNS, p, 1 - p).prod(axis=2)
    return np.asarray(probabilities / probabilities.sum())


def mean_kappa(counts: np.ndarray) -> np.ndarray:
    """Return the mean kappa of the network and three people, from counts of patterns: the shape (…, 16) becomes (…)."""
    network, kappas = PATTERNS[:, 3], []
    for person in PATTERNS[:, :3].T:
        cells = [person & network, person & ~network, ~person & network, ~person & ~network]
        kappas.append(kappa_of(counts @ np.array(cells, float).T))
    defined = ~np.isnan(kappas)
    return np.divide(
        np.nansum(kappas, axis=0),
        defined.sum(axis=0),
        out=np.full(counts.shape[:-1], np.nan),
        where=defined.any(axis=0),
    )


def mean_coverage_table(n_runs: int) -> None:
    """Print the coverage of the bootstrap interval of the mean kappa of a network with three people."""
    print("\n| n | conditions | accuracies of people, network | true mean κ | coverage (too high, too low) | bias |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (n, n_conditions), (accuracies, correlation) in itertools.product(MEAN_SIZES, MEAN_OBSERVERS):
        p, rng = pattern_probabilities(accuracies, correlation), np.random.default_rng(SEED)
        true, estimates, low, high = float(mean_kappa(p)), [], [], []
        for _ in range(n_runs):
            counts = rng.multinomial(n, p, n_conditions)
            drawn = mean_kappa(rng.multinomial(n, counts / n, size=(N_RESAMPLES, n_conditions)))
            estimates.append(np.nanmean(mean_kappa(counts)))
            ends = percentiles(np.nanmean(drawn, axis=1)[None])[:, 0]
            low.append(ends[0])
            high.append(ends[1])
        too_high, too_low = np.mean(np.array(low) > true + 1e-6), np.mean(np.array(high) < true - 1e-6)
        coverage = f"{1 - too_high - too_low:.3f} ({too_high:.3f}, {too_low:.3f})"
        names = " ".join(f"{value:.2f}" for value in accuracies)
        print(
            f"| {n} | {n_conditions} | {names} | {true:.3f} | {coverage} | {np.mean(estimates) - true:+.3f} |",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=1000, help="number of simulated tables (default: 1000)")
    parser.add_argument("--n", type=int, nargs="+", default=list(N_IMAGES), help="numbers of images")
    arguments = parser.parse_args()
    start = time.perf_counter()
    coverage_table(arguments.n, arguments.runs)
    mean_coverage_table(min(arguments.runs, 400))
    print(f"\n{arguments.runs} runs, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
