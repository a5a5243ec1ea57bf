"""The score interval of kappa compared with slow references, with symmetries, and with simulations."""

import numpy as np
import pandas as pd
import pytest

from analysis import error_consistency, kappa_by_kind, noise_ceiling
from analysis.benchmark.by_condition import consistency_by_condition
from analysis.kappa.intervals import CRITICAL, MIN_COUNT, rare_counts_note, score_interval
from tests.unit.analysis.frames import correct_trials


def kappa_of(table):
    a, b, c, d = table
    return 2 * (a * d - b * c) / ((a + b) * (b + d) + (a + c) * (c + d))


def slow_statistic(table, k):
    """Return Pearson's statistic for kappa k, with the probabilities that a search over a fine grid finds."""
    n, grid, width = sum(table), np.linspace(-1, 1, 401), 2 / 400
    w, v = (axis.ravel() for axis in np.meshgrid(grid, grid))
    counts = np.array(table, float)[:, None]
    for _ in range(9):
        u = (1 - k) / 2 * (1 + v**2 - w**2)
        p = np.array([1 - u + w, u + v, u - v, 1 - u - w]) / 2
        inside = (p > -1e-15).all(axis=0)
        w, v, p = w[inside], v[inside], np.maximum(p[:, inside], 1e-300)
        best = np.where(counts > 0, counts * np.log(p), 0).sum(axis=0).argmax()
        chosen, step = p[:, best], np.linspace(-1.5, 1.5, 31) * width
        w, v = (axis.ravel() for axis in np.meshgrid(w[best] + step, v[best] + step))
        width /= 6
    return float(((counts[:, 0] - n * chosen) ** 2 / (n * chosen)).sum())


@pytest.mark.parametrize("table", [(60, 20, 10, 10), (150, 4, 5, 1), (5, 30, 3, 2), (90, 6, 0, 4), (10, 10, 0, 0)])
def test_pearson_statistic_is_critical_at_both_ends(table):
    low, high = (end[0] for end in score_interval(np.array([table])))
    assert low < kappa_of(table) < high
    assert [slow_statistic(table, low), slow_statistic(table, high)] == pytest.approx([CRITICAL] * 2, abs=0.06)


def test_the_interval_of_a_large_sample_is_that_of_the_normal_approximation():
    table = np.array([[52_000, 18_000, 8_000, 22_000]])
    a, b, c, d = table[0] / table.sum()
    # Fleiss, Cohen and Everitt (1969): the standard error of kappa.
    observed, p1, p2 = a + d, a + b, a + c
    expected = p1 * p2 + (1 - p1) * (1 - p2)
    k = (observed - expected) / (1 - expected)
    diagonal = a * (1 - (p1 + p2) * (1 - k)) ** 2 + d * (1 - (2 - p1 - p2) * (1 - k)) ** 2
    rest = (1 - k) ** 2 * (b * (p2 + 1 - p1) ** 2 + c * (p1 + 1 - p2) ** 2)
    se = np.sqrt((diagonal + rest - (k - expected * (1 - k)) ** 2) / table.sum()) / (1 - expected)
    low, high = score_interval(table)
    assert [low[0], high[0]] == pytest.approx([k - 1.96 * se, k + 1.96 * se], abs=2e-5)


@pytest.mark.slow
def test_exchanges_do_not_change_the_interval():
    rng = np.random.default_rng(0)
    tables = rng.multinomial(60, [0.8, 0.08, 0.07, 0.05], 30)
    low, high = score_interval(tables)
    for order in ([0, 2, 1, 3], [3, 1, 2, 0], [3, 2, 1, 0]):  # exchange observers, or correct and wrong, or both
        np.testing.assert_array_equal(score_interval(tables[:, order]), (low, high))
    assert (low <= high).all() and len(score_interval(tables[:0])[0]) == 0
    huge = tables * 10**6  # the counts of many images do not overflow
    assert (score_interval(huge)[1] - score_interval(huge)[0] < high - low).all()


def test_extreme_tables():
    tables = [(160, 0, 0, 0), (0, 0, 0, 3), (0, 0, 0, 0), (80, 0, 0, 80), (0, 80, 80, 0), (150, 10, 0, 0), (1, 1, 0, 0)]
    low, high = score_interval(np.array(tables))
    assert np.isnan(low[:3]).all() and np.isnan(high[:3]).all()  # kappa is undefined
    assert high[3] == 1 and 0.9 < low[3] < 1 and low[4] == -1 and -1 < high[4] < -0.9
    assert low[5] < 0 < 0.1 < high[5]  # kappa is necessarily 0, but other kappas are compatible with the responses
    assert low[6] < -0.5 and high[6] > 0.5


@pytest.mark.parametrize(("n", "p1", "p2", "k"), [(160, 0.95, 0.95, 0.2), (640, 0.7, 0.6, 0.4), (160, 0.14, 0.9, 0.0)])
def test_coverage(n, p1, p2, k):
    """The interval contains the true kappa in 93 to 97 % of 4,000 simulated experiments (standard error .35 %)."""
    excess = k * (p1 * (1 - p2) + p2 * (1 - p1)) / 2
    p = [p1 * p2 + excess, p1 * (1 - p2) - excess, (1 - p1) * p2 - excess, (1 - p1) * (1 - p2) + excess]
    low, high = score_interval(np.random.default_rng(3).multinomial(n, p, 4000))
    assert 0.93 <= np.mean((low <= k) & (k <= high)) <= 0.97


def test_a_note_counts_the_pairs_with_few_errors():
    counts = np.array([(80, 10, 10, 20), (90, 3, 4, 3), (95, 5, 0, 0), (100, 0, 0, 0)])
    (note,) = rare_counts_note(counts)
    assert note.startswith("2 of 3 intervals of kappa are approximate") and f"fewer than {MIN_COUNT} errors" in note
    assert "in 1 of them an observer was always right or always wrong" in note
    assert rare_counts_note(counts[:1]) == [] and "arithmetic" not in rare_counts_note(counts[1:2])[0]


def test_the_table_of_pairs_has_score_intervals_of_shared_images():
    images = [f"{k}.png" for k in range(40)]
    first, second = "1" * 25 + "0" * 15, "1" * 20 + "0" * 16
    frame = pd.concat([
        correct_trials("a", "human", first, images=images), correct_trials("b", "human", second, images=images[:36]),
        correct_trials("c", "human", "1" * 40, images=images),
    ], ignore_index=True)  # fmt: skip
    table = error_consistency(frame).set_index(["observer_1", "observer_2"])
    low, high = score_interval(np.array([[20, 5, 0, 11]]))
    assert table.loc[("a", "b"), ["low", "high"]].tolist() == [low[0], high[0]]
    assert table.loc[("a", "c"), "kappa"] == 0 and table.loc[("a", "c"), "high"] > 0.05
    assert "2 of 3 intervals" in table.attrs["notes"][0]
    assert error_consistency(frame, intervals=False).attrs.get("notes", []) == []


@pytest.mark.slow
def test_a_mean_over_one_pair_has_the_interval_of_the_pair():
    images = [f"{k}.png" for k in range(30)]
    first, second, third = "1" * 25 + "0" * 5, "1" * 20 + "0" * 10, "10" * 15
    people = [correct_trials(name, "human", x, images=images) for name, x in (("p1", first), ("p2", second))]
    net = correct_trials("net", "generative", third, images=images)
    for frame in (pd.concat([*people, net]), pd.concat([people[0], net]), pd.concat(people)):
        frame = frame.reset_index(drop=True)
        pairs = error_consistency(frame).set_index(["observer_1", "observer_2"])[["low", "high"]]
        means = kappa_by_kind(frame, n_resamples=20).set_index(["kind_1", "kind_2", "n_pairs"])[["low", "high"]]
        ceiling = noise_ceiling(frame, n_resamples=20).set_index("observer")
        by_condition = consistency_by_condition(frame, n_resamples=20).set_index("observer")[["low", "high"]]
        if frame["observer"].nunique() == 2 and "net" in set(frame["observer"]):
            expected = pairs.loc[("p1", "net")].tolist()
            assert means.loc[("human", "generative", 1)].tolist() == pytest.approx(expected, abs=1e-12)
            assert ceiling.loc["net", ["low", "high"]].tolist() == pytest.approx(expected, abs=1e-12)
            assert by_condition.loc["net"].tolist() == pytest.approx(expected, abs=1e-12)
        else:
            expected = pairs.loc[("p1", "p2")].tolist()
            assert means.loc[("human", "human", 1)].tolist() == pytest.approx(expected, abs=1e-12)
            assert ceiling.loc["p1", ["low", "high"]].tolist() == pytest.approx(expected, abs=1e-12)
            assert ceiling.loc["p2", ["ceiling_low", "ceiling_high"]].tolist() == pytest.approx(expected, abs=1e-12)
            assert by_condition.loc["people"].tolist() == pytest.approx(expected, abs=1e-12)
