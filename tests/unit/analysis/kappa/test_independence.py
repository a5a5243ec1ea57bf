"""The independence test: equal to an enumeration of all tables, and to Fisher's exact test; degenerate cases; draws."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact, hypergeom
from statsmodels.stats.multitest import multipletests

from analysis.kappa.consistency import error_consistency
from analysis.kappa.exact_null import kappa_null
from analysis.kappa.holm import holm_correction
from analysis.kappa.independence import COLUMNS, independence_test, unbiased_kappa
from core.errors import LogError
from tests.unit.analysis.kappa.test_difference import make_frame, random_correct


def dependent_frame():
    """Return the trials of a and b, which share half of their errors, and of c, which is independent of both."""
    rng = np.random.default_rng(1)
    a = random_correct(rng, 200)
    b = np.where(random_correct(rng, 200, 0.5), a, random_correct(rng, 200))
    return make_frame({"a": a, "b": b, "c": random_correct(rng, 200)})


@pytest.mark.slow
@pytest.mark.parametrize("n_draws", [None, 500])
def test_independence_test_detects_dependent_observers(n_draws):
    frame = dependent_frame()
    table = independence_test(frame, n_draws=n_draws)
    assert tuple(table.columns) == COLUMNS
    (row, *others) = table.itertuples()
    assert row.kappa == pytest.approx(error_consistency(frame, intervals=False)["kappa"].iloc[0])
    assert row.null_low < 0 < row.null_high < row.kappa
    assert row.p == pytest.approx(2 / 501) if n_draws else row.p < 1e-9
    assert row.smallest_p == pytest.approx(2 / 501) if n_draws else row.smallest_p < row.p
    assert all(other.p > 0.01 for other in others)
    assert list(table["p_holm"]) == pytest.approx(list(multipletests(table["p"], method="holm")[1]))
    pd.testing.assert_frame_equal(table, independence_test(frame, n_draws=n_draws))


@pytest.mark.slow
def test_one_condition_is_fishers_exact_test():
    """The one-sided p values of Fisher's test are the two tails, and p is twice the smaller one."""
    frame = dependent_frame()
    correct = frame.pivot(index="observer", columns="stimulus", values="correct").astype(bool)
    for row in independence_test(frame).itertuples():
        table = pd.crosstab(correct.loc[row.observer_1], correct.loc[row.observer_2])
        tails = [fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
        assert row.p == pytest.approx(min(1, 2 * min(tails)), rel=1e-9)


def test_a_very_small_p_value_keeps_its_relative_accuracy():
    n, k1, k2, both = (np.array([[count]]) for count in (1280, 900, 800, 700))
    null = kappa_null(n, k1, k2, both)
    assert null.above.item() == pytest.approx(hypergeom.sf(699, 1280, 900, 800), rel=1e-8) and null.p.item() < 1e-60


def test_several_conditions_equal_an_enumeration_of_all_tables():
    """Equal numbers of images and accuracies have equal weights, so that nothing is rounded."""
    n, k1, k2 = np.array([12, 12, 12]), np.array([7, 5, 7]), np.array([6, 6, 6])
    supports = [range(max(0, a + b - m), min(a, b) + 1) for m, a, b in zip(n, k1, k2, strict=True)]
    tables = np.array(list(product(*supports)))
    p = np.prod([hypergeom.pmf(tables[:, c], n[c], k1[c], k2[c]) for c in range(3)], axis=0)
    total = tables.sum(axis=1)
    for both in ([3, 3, 5], [6, 5, 6], [2, 1, 1]):
        null = kappa_null(*(np.array(counts)[:, None] for counts in (n, k1, k2, both)))
        below, above = p[total <= sum(both)].sum(), p[total >= sum(both)].sum()
        assert (null.below.item(), null.above.item()) == (pytest.approx(below), pytest.approx(above))
        assert null.p.item() == pytest.approx(min(1, 2 * min(below, above)))
        assert null.mid_p.item() == pytest.approx(min(1, 2 * min(below, above) - p[total == sum(both)].sum()))
        # The weight of a condition is 2 / (n (1 - c_exp)) = 1/3, and kappa is averaged over the conditions.
        kappas = np.sort(np.repeat((total - (k1 * k2 / n).sum()) / 9, 1))
        order = np.argsort(total, kind="stable")
        low, high = (kappas[np.searchsorted(np.cumsum(p[order]), q)] for q in (0.025, 0.975))
        assert (null.low.item(), null.high.item()) == (pytest.approx(low), pytest.approx(high))
        assert null.smallest_p.item() == pytest.approx(
            2 * min(p[total == total.min()].sum(), p[total == total.max()].sum())
        )


def test_unequal_conditions_have_the_tails_of_simulated_tables():
    """The weights of unequal conditions are rounded to 1/8 of the smallest one, which hardly changes the tails."""
    rng = np.random.default_rng(3)
    n, k1, k2 = np.array([160, 120, 80]), np.array([150, 60, 20]), np.array([140, 80, 30])
    draws = np.array([rng.hypergeometric(a, m - a, b, size=100_000) for m, a, b in zip(n, k1, k2, strict=True)])
    weights = 2 / ((k1 * (n - k2) + k2 * (n - k1)) / n)
    simulated = (weights[:, None] * (draws - (k1 * k2 / n)[:, None])).mean(axis=0)
    for both in (draws[:, 0], draws[:, 1], np.array([134, 46, 12])):
        value = (weights * (both - k1 * k2 / n)).mean()
        null = kappa_null(*(counts[:, None] for counts in (n, k1, k2, both)))
        assert null.above.item() == pytest.approx((simulated >= value - 1e-9).mean(), abs=0.02)
        assert null.below.item() == pytest.approx((simulated <= value + 1e-9).mean(), abs=0.02)
    assert null.low.item() == pytest.approx(np.percentile(simulated, 2.5), abs=0.005)
    assert null.high.item() == pytest.approx(np.percentile(simulated, 97.5), abs=0.005)


def test_pairs_do_not_affect_each_other():
    """The tails of pairs that are computed together, on one grid, equal those of each pair alone."""
    rng = np.random.default_rng(4)
    n = rng.integers(1, 60, size=(4, 9))
    k1, k2 = rng.integers(0, n + 1), rng.integers(0, n + 1)
    both = rng.integers(np.maximum(0, k1 + k2 - n), np.minimum(k1, k2) + 1)
    together = kappa_null(n, k1, k2, both)
    for pair in range(9):
        alone = kappa_null(*(counts[:, [pair]] for counts in (n, k1, k2, both)))
        for name in ("p", "low", "high", "smallest_p"):
            assert getattr(alone, name).item() == pytest.approx(getattr(together, name)[pair], abs=1e-9, nan_ok=True)


@pytest.mark.slow
def test_too_few_draws_are_noted():
    frame = dependent_frame()
    (note,) = independence_test(frame, n_draws=50).attrs["notes"]
    assert note == (
        "50 draws cannot give a p value below 0.039, so with 3 tests of mine no p_holm can be below .05, however large the "
        "effect is; this needs at least 120 draws"
    )
    assert independence_test(frame, n_draws=120).attrs["notes"] == independence_test(frame).attrs["notes"] == []


@pytest.mark.slow
def test_independence_test_averages_conditions():
    """Independent observers would look dependent if two conditions of different difficulty were pooled."""
    rng = np.random.default_rng(2)
    parts = [
        make_frame({n: random_correct(rng, 200, p) for n in "ab"}, condition=c)
        for c, p in (("easy", 0.95), ("hard", 0.1))
    ]
    (row,) = independence_test(pd.concat(parts)).itertuples()
    assert row.n_conditions == 2 and row.n == 400 and row.p > 0.05
    pooled = {n: np.concatenate([part[part["observer"] == n]["correct"] for part in parts]) for n in "ab"}
    (pooled_row,) = independence_test(make_frame(pooled)).itertuples()
    assert pooled_row.p < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("n_draws", [None, 50])
def test_independence_test_degenerate_cases(n_draws):
    frame = make_frame({"all": [1, 1, 1, 1], "none": [0, 0, 0, 0], "some": [1, 0, 1, 0], "all-2": [1, 1, 1, 1]})
    table = independence_test(frame, n_draws=n_draws).set_index(["observer_1", "observer_2"])
    row = table.loc[("all", "all-2")]
    undefined = row[["kappa", "p", "p_holm", "unbiased", "null_low", "smallest_p"]].astype(float)
    assert np.isnan(undefined).all() and row["n_conditions"] == 0
    assert table.loc[("all", "none"), "kappa"] == 0 and table.loc[("all", "none"), "p"] == 1
    assert table.loc[("all", "some"), ["kappa", "p"]].tolist() == [0, 1]
    assert len(independence_test(frame[frame["observer"] == "all"])) == len(independence_test(frame[:0])) == 0
    with pytest.raises(LogError, match="twice"):
        independence_test(pd.concat([frame, frame]))
    other_images = make_frame({"x": [1, 0]}).assign(stimulus=["u", "v"])
    disjoint = independence_test(pd.concat([frame[frame["observer"] == "some"], other_images]), n_draws=n_draws)
    assert disjoint["n"].item() == 0 and np.isnan(disjoint["p"].item())


def test_unbiased_kappa():
    kappas = unbiased_kappa(np.array([0.4, np.nan, 1.0]), np.array([160, 160, 160]))
    assert kappas[0] == pytest.approx(160 * 0.4 / 159.4)
    assert np.isnan(unbiased_kappa(np.array([np.nan]), np.array([5.0]))[0])
    rng, p, true_kappa, plain, unbiased = np.random.default_rng(3), 0.6, 0.5, [], []
    for _ in range(4000):
        a = rng.random(12) < p
        b = np.where(rng.random(12) < true_kappa, a, rng.random(12) < p)
        expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
        if expected < 1:
            plain.append((np.mean(a == b) - expected) / (1 - expected))
            unbiased.append(unbiased_kappa(np.array(plain[-1]), np.array(12.0)))
    assert abs(np.mean(unbiased) - true_kappa) < abs(np.mean(plain) - true_kappa)


@pytest.mark.slow
def test_holm_correction_equals_its_definition():
    assert holm_correction(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02], abs=1e-12)
    p = np.random.default_rng(4).random(9) ** 3
    ordered = np.argsort(p)
    expected = np.minimum(1, np.maximum.accumulate(p[ordered] * np.arange(9, 0, -1)))
    assert holm_correction(p)[ordered] == pytest.approx(expected, abs=1e-12)
    assert holm_correction(np.array([0.02, np.nan, 0.01])).tolist() == [0.02, pytest.approx(np.nan, nan_ok=True), 0.02]
    assert np.isnan(holm_correction(np.array([np.nan]))).all() and len(holm_correction(np.array([]))) == 0
