"""Measure the coverage of intervals of kappa: how often 95 % intervals contain the true value.

    python benchmarks/kappa_coverage.py [--runs N] [--n 40 160]      # default: 1,000 runs and five values of n, ten minutes

The 2 × 2 tables of two observers are simulated from multinomial distributions with known accuracies and kappa. For every
method, the output has the share of intervals that contain the true kappa, the shares of intervals that are too high and too
low, and the mean width. `*` marks a coverage below 93 or above 97 % where both observers have at least 8 expected errors and
8 expected correct responses. Runs in which kappa is undefined are excluded. A second table is about the mean kappa of a
network with three people (at most 400 runs): it compares percentiles of the bootstrap with `analysis.kappa.mean_intervals`.
The third table does so for the mean kappas of 14 observers (at most 200 runs).
Without --runs, the Monte Carlo standard error of a coverage of 95 % is .7 %.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from attrs import evolve
from scipy.sparse import vstack
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).parents[1]))

from analysis.kappa.consistency import resampled_kappa
from analysis.kappa.intervals import MIN_COUNT, locate_end, score_interval
from analysis.kappa.mean_intervals import PairIntervals, mean_intervals, mean_weights, pair_intervals
from analysis.measures.resampling import nan_mean, percentiles, resample_weights

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

POPULATIONS = ((160, 0.9, 0.5), (160, 0.96, 0.5), (160, 0.98, 0.4), (640, 0.97, 0.5), (80, 0.93, 0.5))


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
    """Print the coverage of two intervals of the mean kappa of a network with three people."""
    print("\n| n | conditions | accuracies of people, network | true mean κ | bootstrap | MOVER | bias |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for (n, n_conditions), (accuracies, correlation) in itertools.product(MEAN_SIZES, MEAN_OBSERVERS):
        p, rng = pattern_probabilities(accuracies, correlation), np.random.default_rng(SEED)
        true, counts = float(mean_kappa(p)), rng.multinomial(n, p, (n_runs, n_conditions))
        values = np.array([np.nanmean(mean_kappa(run)) for run in counts])
        drawn = [
            np.nanmean(mean_kappa(rng.multinomial(n, run / n, (N_RESAMPLES, n_conditions))), axis=1) for run in counts
        ]
        methods = (percentiles(np.array(drawn)), _mover_ends(counts))
        cells = []
        for low, high in methods:
            too_high, too_low = np.mean(low > true + 1e-6), np.mean(high < true - 1e-6)
            width = np.nanmean(high - low)
            cells.append(f"{1 - too_high - too_low:.3f} ({too_high:.3f}, {too_low:.3f}) {width:.2f}")
        names = " ".join(f"{value:.2f}" for value in accuracies)
        bias = np.mean(values) - true
        print(f"| {n} | {n_conditions} | {names} | {true:.3f} | {' | '.join(cells)} | {bias:+.3f} |", flush=True)


def _split_runs(all_runs: PairIntervals, n_conditions: int) -> Iterator[PairIntervals]:
    """Yield the intervals of each run. Those of all runs are computed together, because that is much faster."""
    for start in range(0, len(all_runs.arrays), n_conditions):
        part = slice(start, start + n_conditions)
        parts = {name: getattr(all_runs, name)[part] for name in ("counts", "kappas", "below", "above")}
        yield evolve(all_runs, arrays=all_runs.arrays[part], **parts)


def _mover_ends(counts: np.ndarray) -> Ends:
    """Return the ends of the interval of the mean kappa of every run, from counts of patterns with shape (runs, C, 16)."""
    n_conditions = counts.shape[1]
    responses = [np.repeat(PATTERNS, each, axis=0).T.astype(float) for each in counts.reshape(-1, 16)]
    arrays = [(correct, np.ones_like(correct)) for correct in responses]
    all_runs = pair_intervals(arrays, np.arange(3), np.full(3, 3), "undefined-is-nan")
    ends = []
    for run in _split_runs(all_runs, n_conditions):
        value = nan_mean(nan_mean(run.kappas, axis=0), axis=0)[None]
        result = mean_intervals(value, run, mean_weights(run, [np.arange(3)]))
        ends.append((result.low[0], result.high[0]))
    low, high = np.array(ends).T
    return low, high


def population_coverage_table(n_runs: int) -> None:
    """Print the coverage of the mean kappas of 8 people and 6 networks: percentiles of the bootstrap → MOVER.

    The errors come from normal variables as in `pattern_probabilities`. The accuracies are between `mean` - .02 and
    `mean` + .012.
    """
    i, j = np.triu_indices(14, k=1)
    groups = [np.flatnonzero(j < 8), np.flatnonzero((i < 8) & (j >= 8)), np.flatnonzero(i >= 8)]
    print("\n| n | mean accuracy | people | people and networks | networks | difference of the first two |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n, mean, correlation in POPULATIONS:
        rng, accuracies = np.random.default_rng(SEED), mean + np.linspace(-0.02, 0.012, 14)
        p = np.array(
            [
                pattern_probabilities((accuracies[a], accuracies[b], 0.5, 0.5), correlation)
                for a, b in zip(i, j, strict=True)
            ]
        )
        cells = p.reshape(-1, 2, 2, 4).sum(axis=-1).reshape(-1, 4)[:, [3, 2, 1, 0]]
        kappas, is_covered = kappa_of(cells), []
        true = np.array([kappas[group].mean() for group in groups])
        true = np.append(true, true[0] - true[1])
        scale = np.sqrt([correlation, 1 - correlation])[:, None, None, None]
        normal = scale[0] * rng.standard_normal((n_runs, 1, n)) + scale[1] * rng.standard_normal((n_runs, 14, n))
        arrays = [((each < norm.ppf(accuracies)[:, None]).astype(float), np.ones((14, n))) for each in normal]
        all_runs = pair_intervals(arrays, i, j, "undefined-is-nan")
        for run, pairs in enumerate(_split_runs(all_runs, 1)):
            drawn = resampled_kappa(*arrays[run], resample_weights(n, N_RESAMPLES, run), i, j, "undefined-is-nan")
            means = [nan_mean(drawn[group], axis=0) for group in groups]
            weights = mean_weights(pairs, groups)
            weights = vstack([weights, weights[0] - weights[1]]).tocsr()
            result = mean_intervals(weights @ np.nan_to_num(pairs.kappas[0]), pairs, weights)
            ends = (percentiles(np.array([*means, means[0] - means[1]])), (result.low, result.high))
            is_covered.append([(low <= true) & (true <= high) for low, high in ends])
        before, after = np.mean(is_covered, axis=0)
        cells_of_row = (f"{b:.2f} → {a:.2f}" for b, a in zip(before, after, strict=True))
        print(f"| {n} | {mean} | {' | '.join(cells_of_row)} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=1000, help="number of simulated tables (default: 1000)")
    parser.add_argument("--n", type=int, nargs="+", default=list(N_IMAGES), help="numbers of images")
    arguments = parser.parse_args()
    start = time.perf_counter()
    coverage_table(arguments.n, arguments.runs)
    mean_coverage_table(min(arguments.runs, 400))
    population_coverage_table(min(arguments.runs, 200))
    print(f"\n{arguments.runs} runs, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
