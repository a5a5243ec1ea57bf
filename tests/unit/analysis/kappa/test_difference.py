"""The difference test: exact where it can be checked, significant where two observers differ."""

import numpy as np
import pandas as pd
import pytest

from analysis.kappa.consistency import error_consistency
from analysis.kappa.difference import COLUMNS, difference_test
from core.errors import UnknownName
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


KINDS = {"near": "generative", "far": "generative", "like-far": "discriminative"}


def people_and_nets(rng, n=300, share=0.6):
    """Return two people, an observer that shares their errors (near), and two independent observers."""
    p1 = random_correct(rng, n)

    def similar(share):
        return np.where(random_correct(rng, n, share), p1, random_correct(rng, n))

    return {"p1": p1, "p2": similar(0.7), "near": similar(share), "far": similar(0.0), "like-far": similar(0.0)}


@pytest.mark.slow
def test_difference_test_detects_a_difference():
    frame = make_frame(people_and_nets(np.random.default_rng(5)), KINDS)
    table = difference_test(frame, n_draws=400)
    assert tuple(table.columns) == COLUMNS and len(table) == 3
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


@pytest.mark.slow
def test_difference_test_has_a_mean_over_datasets():
    rng = np.random.default_rng(8)
    frame = pd.concat([make_frame(people_and_nets(rng), KINDS, dataset=d) for d in ("edge", "sketch")])
    table = difference_test(frame, [("near", "far")], n_draws=200)
    assert list(table["dataset"]) == ["edge", "sketch", "all"]
    *datasets, mean = table.itertuples()
    assert mean.difference == pytest.approx(np.mean([row.difference for row in datasets]))
    assert mean.high - mean.low < max(row.high - row.low for row in datasets) and mean.n == 600


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_dataset_named_like_the_mean_over_datasets():
    observers = {"p": ("human", "1101001011"), "a": ("generative", "1001011011"), "b": ("generative", "0111001010")}
    frame = pd.concat(
        correct_trials(name, kind, letters, dataset=dataset)
        for dataset in ("all", "mine")
        for name, (kind, letters) in observers.items()
    ).reset_index(drop=True)
    assert difference_test(frame, n_draws=20)["dataset"].tolist() == ["dataset all", "mine", "all"]
