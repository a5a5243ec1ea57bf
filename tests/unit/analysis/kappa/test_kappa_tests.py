"""The tests of Klein et al. (2025): exact where it can be checked, uniform under the null, significant otherwise."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from analysis.kappa.consistency import error_consistency
from analysis.kappa.kappa_tests import (
    DIFFERENCE_COLUMNS,
    INDEPENDENCE_COLUMNS,
    difference_test,
    holm_correction,
    independence_test,
    unbiased_kappa,
)
from core.errors import LogError, UnknownName
from tests.unit.analysis.frames import correct_trials


def make_frame(correct_of, kinds=None, dataset="mine", condition=""):
    """Return the trials of observers from {name: array of 0 and 1}."""
    return pd.concat([
        correct_trials(name, (kinds or {}).get(name, "human"), "".join(str(int(x)) for x in row), dataset=dataset,
                       condition=condition)
        for name, row in correct_of.items()
    ])  # fmt: skip


def random_correct(rng, n, p=0.6):
    return rng.random(n) < p


def test_independence_test_detects_dependent_observers():
    rng = np.random.default_rng(1)
    a = random_correct(rng, 200)
    b = np.where(random_correct(rng, 200, 0.5), a, random_correct(rng, 200))
    frame = make_frame({"a": a, "b": b, "c": random_correct(rng, 200)})
    table = independence_test(frame, n_draws=500)
    assert tuple(table.columns) == INDEPENDENCE_COLUMNS
    (row, *others) = table.itertuples()
    assert row.kappa == pytest.approx(error_consistency(frame, intervals=False)["kappa"].iloc[0])
    assert row.p == pytest.approx(2 / 501) and row.null_low < 0 < row.null_high < row.kappa
    assert all(other.p > 0.01 for other in others)
    assert list(table["p_holm"]) == pytest.approx(list(multipletests(table["p"], method="holm")[1]))
    pd.testing.assert_frame_equal(table, independence_test(frame, n_draws=500))


def test_independence_test_averages_conditions():
    """Independent observers would look dependent if two conditions of different difficulty were pooled."""
    rng = np.random.default_rng(2)
    parts = [
        make_frame({n: random_correct(rng, 200, p) for n in "ab"}, condition=c)
        for c, p in (("easy", 0.95), ("hard", 0.1))
    ]
    (row,) = independence_test(pd.concat(parts), n_draws=300).itertuples()
    assert row.n_conditions == 2 and row.n == 400 and row.p > 0.05
    pooled = {n: np.concatenate([part[part["observer"] == n]["correct"] for part in parts]) for n in "ab"}
    (pooled_row,) = independence_test(make_frame(pooled)).itertuples()
    assert pooled_row.p < 0.01


def test_independence_test_degenerate_cases():
    frame = make_frame({"all": [1, 1, 1, 1], "none": [0, 0, 0, 0], "some": [1, 0, 1, 0], "all-2": [1, 1, 1, 1]})
    table = independence_test(frame, n_draws=50).set_index(["observer_1", "observer_2"])
    row = table.loc[("all", "all-2")]
    undefined = row[["kappa", "p", "p_holm", "unbiased", "null_low"]].astype(float)
    assert np.isnan(undefined).all() and row["n_conditions"] == 0
    assert table.loc[("all", "none"), "kappa"] == 0 and table.loc[("all", "none"), "p"] == 1
    assert table.loc[("all", "some"), ["kappa", "p"]].tolist() == [0, 1]
    assert len(independence_test(frame[frame["observer"] == "all"])) == len(independence_test(frame[:0])) == 0
    with pytest.raises(LogError, match="twice"):
        independence_test(pd.concat([frame, frame]))
    other_images = make_frame({"x": [1, 0]}).assign(stimulus=["u", "v"])
    disjoint = independence_test(pd.concat([frame[frame["observer"] == "some"], other_images]), n_draws=50)
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


def test_holm_correction_equals_its_definition():
    assert holm_correction(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02], abs=1e-12)
    p = np.random.default_rng(4).random(9) ** 3
    ordered = np.argsort(p)
    expected = np.minimum(1, np.maximum.accumulate(p[ordered] * np.arange(9, 0, -1)))
    assert holm_correction(p)[ordered] == pytest.approx(expected, abs=1e-12)
    assert holm_correction(np.array([0.02, np.nan, 0.01])).tolist() == [0.02, pytest.approx(np.nan, nan_ok=True), 0.02]
    assert np.isnan(holm_correction(np.array([np.nan]))).all() and len(holm_correction(np.array([]))) == 0


KINDS = {"near": "generative", "far": "generative", "like-far": "discriminative"}


def people_and_nets(rng, n=300, share=0.6):
    """Return two people, an observer that shares their errors (near), and two independent observers."""
    p1 = random_correct(rng, n)

    def similar(share):
        return np.where(random_correct(rng, n, share), p1, random_correct(rng, n))

    return {"p1": p1, "p2": similar(0.7), "near": similar(share), "far": similar(0.0), "like-far": similar(0.0)}


def test_difference_test_detects_a_difference():
    frame = make_frame(people_and_nets(np.random.default_rng(5)), KINDS)
    table = difference_test(frame, n_draws=400)
    assert tuple(table.columns) == DIFFERENCE_COLUMNS and len(table) == 3
    row = table[(table["observer_1"] == "far") & (table["observer_2"] == "near")].iloc[0]
    pairs = error_consistency(frame, intervals=False).set_index(["observer_1", "observer_2"])["kappa"]
    assert row["kappa_2"] == pytest.approx(np.mean([pairs["p1", "near"], pairs["p2", "near"]]))
    assert row["difference"] == pytest.approx(row["kappa_1"] - row["kappa_2"])
    assert row["low"] < row["difference"] < row["high"] < 0
    assert row["p"] == pytest.approx(2 / 401) and (row["n_people"], row["n"]) == (2, 300)
    other = table[(table["observer_1"] == "far") & (table["observer_2"] == "like-far")].iloc[0]
    assert other["p"] > 0.05 and other["low"] < 0 < other["high"]
    reversed_pair = difference_test(frame, [("near", "far")], n_draws=400).iloc[0]
    assert reversed_pair["difference"] == pytest.approx(-row["difference"])


def test_difference_test_equals_one_exchange_at_a_time():
    """The p value from the same draws, with plain loops."""
    correct = people_and_nets(np.random.default_rng(7), n=60)
    (row,) = difference_test(make_frame(correct, KINDS), [("near", "far")], n_draws=40, seed=2).itertuples()

    def kappa(a, b):
        expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
        return (np.mean(a == b) - expected) / (1 - expected)

    exchange = np.random.default_rng([2, 0]).integers(2, size=(60, 40))
    null = []
    for r in range(40):
        first = np.where(exchange[:, r] == 1, correct["far"], correct["near"])
        second = np.where(exchange[:, r] == 1, correct["near"], correct["far"])
        kappas = [np.mean([kappa(correct[p], observer) for p in ("p1", "p2")]) for observer in (first, second)]
        null.append(kappas[0] - kappas[1])
    tails = [np.sum(np.array(null) <= row.difference + 1e-9), np.sum(np.array(null) >= row.difference - 1e-9)]
    assert row.p == pytest.approx(min(1, 2 * (1 + min(tails)) / 41))


def test_difference_test_has_a_mean_over_datasets():
    rng = np.random.default_rng(8)
    frame = pd.concat([make_frame(people_and_nets(rng), KINDS, dataset=d) for d in ("edge", "sketch")])
    table = difference_test(frame, [("near", "far")], n_draws=200)
    assert list(table["dataset"]) == ["edge", "sketch", "all"]
    *datasets, mean = table.itertuples()
    assert mean.difference == pytest.approx(np.mean([row.difference for row in datasets]))
    assert mean.high - mean.low < max(row.high - row.low for row in datasets) and mean.n == 600


def test_difference_test_degenerate_cases():
    correct = people_and_nets(np.random.default_rng(9), n=40)
    frame = make_frame(correct, KINDS)
    message = "no non-human observer in these logs is named 'nera': did you mean near"
    with pytest.raises(UnknownName, match=message):
        difference_test(frame, [("nera", "far")])
    assert len(difference_test(frame[frame["kind"] != "human"])) == 0  # no people
    assert len(difference_test(frame[frame["observer"].isin(["p1", "near"])])) == 0  # a single other observer
    twins = pd.concat([frame, frame[frame["observer"] == "near"].assign(observer="twin")])
    row = difference_test(twins, [("near", "twin")], n_draws=50).iloc[0]
    assert row["difference"] == 0 and row["p"] == 1 and row["low"] == row["high"] == 0
    near = frame[frame["observer"] == "near"]
    other_images = near.assign(observer="other", stimulus=lambda f: f["stimulus"] + "x")
    row = difference_test(pd.concat([frame, other_images]), [("near", "other")], n_draws=50).iloc[0]
    assert row["n"] == 0 and np.isnan([row["difference"], row["p"], row["low"]]).all()
    perfect = make_frame({name: [1] * 20 for name in correct}, KINDS)
    row = difference_test(perfect, [("near", "far")], n_draws=50).iloc[0]
    assert np.isnan([row["difference"], row["p"]]).all()
    other_rule = difference_test(perfect, [("near", "far")], rule="model-vs-human", n_draws=50)
    assert other_rule.iloc[0]["kappa_1"] == 1


def test_a_dataset_named_like_the_mean_over_datasets():
    observers = {"p": ("human", "1101001011"), "a": ("generative", "1001011011"), "b": ("generative", "0111001010")}
    frame = pd.concat(
        correct_trials(name, kind, letters, dataset=dataset)
        for dataset in ("all", "mine")
        for name, (kind, letters) in observers.items()
    ).reset_index(drop=True)
    assert difference_test(frame, n_draws=20)["dataset"].tolist() == ["dataset all", "mine", "all"]
