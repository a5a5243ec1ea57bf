"""Values that differ by rounding alone are equal in ranks, p values and correlations."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from analysis import benchmark_intervals, benchmark_table, correlate
from analysis.kappa.consistency import kappa
from analysis.measures.resampling import p_value
from analysis.measures.ties import join_ties
from tests.unit.analysis.frames import correct_trials


def test_ties_are_joined_along_the_first_axis():
    values = np.array([[0.3, 0.1], [0.3 - 1e-12, np.nan], [0.1 + 0.2, 0.1 + 1e-6], [np.inf, np.nan]])
    joined = join_ties(values)
    assert len(set(joined[:3, 0])) == 1 and joined[3, 0] == np.inf
    np.testing.assert_array_equal(joined[:, 1], values[:, 1])
    assert join_ties(np.array([])).shape == (0,)


def test_null_values_that_differ_by_rounding_count_as_equal():
    null = np.array([[0.25 + 1e-11, 0.25 - 1e-11, 0.0, -0.1]])
    assert p_value(null, np.array([0.25]))[0] == p_value(np.array([[0.25, 0.25, 0.0, -0.1]]), np.array([0.25]))[0]


def test_kappa_without_excess_agreement_is_exactly_zero():
    p1, p2 = np.array([1.0, 0.0, 0.7]), np.array([0.7948717948717948, 0.8205128205128205, 0.1 + 0.2])
    expected = p1 * p2 + (1 - p1) * (1 - p2)
    values = kappa(expected - 1e-16, expected)
    assert values.tolist() == [0, 0, 0] and not np.signbit(values).any()


def test_ranks_of_observers_with_the_same_errors_do_not_depend_on_rounding():
    """Two networks make the same errors; their sums over conditions are rounded differently, but their ranks are equal."""
    rng, parts = np.random.default_rng(0), []
    for condition, n in (("90", 37), ("180", 41), ("270", 43)):
        people = ["".join(rng.choice(list("10"), n)) for _ in range(3)]
        errors = "".join(rng.choice(list("10"), n))
        for name, kind, letters in (
            *((f"p{k}", "human", x) for k, x in enumerate(people)), ("net-1", "discriminative", errors),
            ("net-2", "discriminative", errors), ("net-3", "generative", "1" * n), ("net-4", "generative", "0" * n),
        ):  # fmt: skip
            parts.append(correct_trials(name, kind, letters, dataset="rotation", condition=condition))
    frame = pd.concat(parts, ignore_index=True)
    table = benchmark_table(frame).set_index("observer")
    assert table.loc["net-1", "mean_rank"] == table.loc["net-2", "mean_rank"]
    assert table.loc["net-3", "error_consistency"] == table.loc["net-4", "error_consistency"] == 0
    intervals = benchmark_intervals(frame, n_resamples=10).set_index(["measure", "observer"])
    assert intervals.loc[("mean_rank", "net-1"), "value"] == intervals.loc[("mean_rank", "net-2"), "value"]


def test_spearman_treats_rounding_as_ties():
    names = list("abcd")
    x = pd.Series([0.1 + 0.2, 0.3, 0.5, 0.7], index=names, name="x")
    y = pd.Series([0.1, 0.2, 0.3, 0.5], index=names, name="y")
    exact = spearmanr([0.3, 0.3, 0.5, 0.7], y).statistic
    assert correlate(x, y).set_index("method").loc["spearman", "r"] == pytest.approx(exact, abs=1e-12)
