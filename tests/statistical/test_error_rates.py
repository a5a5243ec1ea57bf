"""Intervals and tests have their nominal error rates on simulated observers."""

import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy
from scipy.stats import kstest

from analysis.benchmark.correlation import correlate
from analysis.kappa.contrasts import kind_contrasts
from analysis.kappa.difference import difference_test
from analysis.kappa.exact_null import kappa_null
from analysis.kappa.independence import independence_test
from analysis.measures.confusion import (
    response_entropy,
)
from tests.unit.analysis.benchmark.test_correlation import random_measures
from tests.unit.analysis.frames import response_trials
from tests.unit.analysis.kappa.test_contrasts import clustered_trials
from tests.unit.analysis.kappa.test_difference import KINDS, make_frame, people_and_nets, random_correct


def test_entropy_interval_has_nominal_coverage():
    """With 160 images and sixteen choices, about 95 % of 200 intervals contain the true entropy."""
    rng = np.random.default_rng(0)
    p, categories = rng.dirichlet(np.full(16, 1.0)), [f"c{k}" for k in range(16)] * 10
    true_entropy, n_covered = scipy_entropy(p, base=2), 0
    for seed in range(200):
        responses = [f"c{k}" for k in rng.choice(16, size=160, p=p)]
        frame = response_trials("one", "human", responses, categories)
        (row,) = response_entropy(frame, n_resamples=200, seed=seed).itertuples()
        n_covered += row.low <= true_entropy <= row.high
    assert 0.89 <= n_covered / 200 <= 0.99


def test_arbitrary_kinds_are_rarely_significant():
    ps = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        kinds = {f"o{i}": kind for i, kind in enumerate(rng.permutation(["generative"] * 4 + ["contrastive"] * 4))}
        trials = clustered_trials(dict.fromkeys(kinds, "generative"), seed=seed, n=80)
        ps.append(kind_contrasts(trials.assign(kind=trials["observer"].map(kinds)), n_resamples=2)["p"].item())
    assert np.mean(np.array(ps) <= 0.05) <= 0.13 and np.mean(ps) == pytest.approx(0.5, abs=0.13)


SETTINGS = [((0.7, 0.5),), ((0.97, 0.96),), ((0.9, 0.6), (0.5, 0.5), (0.2, 0.3))]


@pytest.mark.parametrize("accuracies", SETTINGS, ids=["hard", "few errors", "three conditions"])
def test_exact_independence_test_has_uniform_p_values(accuracies):
    """In 500 runs with independent observers, P(p <= a) is at most a, and mid-p values are uniform but for their steps."""
    rng, n_runs = np.random.default_rng(0), 500
    correct = rng.random((2, len(accuracies), n_runs, 160)) < np.moveaxis(np.array(accuracies), 1, 0)[:, :, None, None]
    n = np.full((len(accuracies), n_runs), 160)
    null = kappa_null(n, *correct.sum(axis=-1), (correct[0] & correct[1]).sum(axis=-1))
    for level in (0.01, 0.05, 0.1, 0.2, 0.5):
        assert np.mean(null.p <= level) <= level + 2.6 * np.sqrt(level * (1 - level) / n_runs)
    if accuracies != SETTINGS[1]:  # with few errors, the number of common errors has few possible values
        assert kstest(null.mid_p, "uniform").pvalue > 0.01
        assert np.mean(null.p <= 0.05) >= 0.02


def test_simulated_independence_test_has_nominal_error_rate():
    rng, ps = np.random.default_rng(0), []
    for seed in range(150):
        frame = make_frame({"a": random_correct(rng, 160, 0.7), "b": random_correct(rng, 160, 0.5)})
        (row,) = independence_test(frame, n_draws=200, seed=seed).itertuples()
        ps.append(row.p)
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.045)
    assert np.mean(ps) == pytest.approx(0.5, abs=0.1)


def test_difference_test_has_nominal_error_rate():
    rng, ps = np.random.default_rng(6), []
    for seed in range(120):
        frame = make_frame(people_and_nets(rng, n=120, share=0.0), KINDS)
        ps.append(difference_test(frame, [("near", "far")], n_draws=150, seed=seed)["p"].item())
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.05)


@pytest.mark.parametrize("r", [0.0, 0.6])
def test_interval_has_nominal_coverage(r):
    n_covered = np.zeros(2)
    spearman = 6 / np.pi * np.arcsin(r / 2)  # of a bivariate normal distribution
    for seed in range(200):
        table = correlate(*random_measures(30, r, seed))
        n_covered += (table["low"] <= [r, spearman]) & (table["high"] >= [r, spearman])
    assert (n_covered / 200 >= 0.9).all() and (n_covered / 200 <= 0.995).all()
