"""Accuracy: counts, order and Wilson intervals."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from analysis.measures.accuracy import COLUMNS, accuracy, wilson_interval


def test_counts_and_order():
    frame = pd.DataFrame(
        {
            "dataset": ["contrast"] * 5 + ["ape"],
            "observer": ["net", "net", "subject-01", "net", "net", "net"],
            "kind": ["discriminative", "discriminative", "human", "discriminative", "discriminative", "discriminative"],
            "condition": ["c30", "c100", "c100", "c30", "c30", ""],
            "correct": [True, False, True, True, False, True],
        }
    )
    table = accuracy(frame)
    assert tuple(table.columns) == COLUMNS
    rows = list(table[["dataset", "observer", "condition", "n", "n_correct"]].itertuples(index=False, name=None))
    assert rows == [("contrast", "subject-01", "c100", 1, 1), ("contrast", "net", "c100", 1, 0),
                    ("contrast", "net", "c30", 3, 2),
                    ("ape", "net", "", 1, 1)]  # fmt: skip


def test_wilson_interval_matches_its_formula():
    n_correct, n = np.array([0, 3, 640, 1280]), np.array([10, 10, 1280, 1280])
    low, high = wilson_interval(n_correct, n)
    z, p = 1.959963984540054, n_correct / n
    center = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    np.testing.assert_allclose(low, center - half_width, atol=1e-12)
    np.testing.assert_allclose(high, center + half_width, atol=1e-12)
    assert np.isnan(wilson_interval(np.array([0]), np.array([0]))).all()


def test_wilson_interval_equals_that_of_statsmodels():
    n = np.repeat(np.arange(1, 40), 3)
    n_correct = np.concatenate([[0, k // 3, k] for k in range(1, 40)])
    expected = proportion_confint(n_correct, n, alpha=0.05, method="wilson")
    np.testing.assert_allclose(wilson_interval(n_correct, n), np.clip(expected, 0, 1), atol=1e-15, rtol=1e-13)


def test_table_has_wilson_intervals():
    rows = [("edge", "net", "generative", "", i < 592) for i in range(640)]
    (row,) = accuracy(pd.DataFrame(rows, columns=["dataset", "observer", "kind", "condition", "correct"])).itertuples()
    assert (row.low, row.high) == (pytest.approx(0.901962, abs=1e-6), pytest.approx(0.942967, abs=1e-6))


def test_wilson_interval_has_nominal_coverage():
    """The interval contains the true accuracy in about 95 % of 2,000 simulated sessions."""
    rng = np.random.default_rng(0)
    low, high = wilson_interval(rng.binomial(160, 0.87, 2000), np.full(2000, 160))
    assert np.mean((low <= 0.87) & (high >= 0.87)) == pytest.approx(0.95, abs=0.02)
