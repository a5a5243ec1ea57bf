"""The tests of Klein et al. (2025): right where they can be checked, uniform where nothing is there, alert where it is."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from analysis.consistency import consistency
from analysis.kappa_tests import DIFFERENCE_COLUMNS, INDEPENDENCE_COLUMNS, difference, holm, independence, unbiased
from stimuli.errors import LogError, UnknownName
from tests.analysis.frames import right


def frame_of(rows, kinds=None, dataset="mine", condition=""):
    return pd.concat([
        right(name, (kinds or {}).get(name, "human"), "".join(str(int(x)) for x in row), dataset=dataset,
              condition=condition)
        for name, row in rows.items()
    ])  # fmt: skip


def luck(rng, n, p=0.6):
    return rng.random(n) < p


def test_independent_observers_are_found_so_about_as_often_as_they_should():
    rng, ps = np.random.default_rng(0), []
    for seed in range(150):
        frame = frame_of({"a": luck(rng, 160, 0.7), "b": luck(rng, 160, 0.5)})
        (row,) = independence(frame, n_draws=200, seed=seed).itertuples()
        ps.append(row.p)
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.045)
    assert np.mean(ps) == pytest.approx(0.5, abs=0.1)


def test_dependent_observers_are_found():
    rng = np.random.default_rng(1)
    one = luck(rng, 200)
    other = np.where(luck(rng, 200, 0.5), one, luck(rng, 200))
    frame = frame_of({"a": one, "b": other, "c": luck(rng, 200)})
    table = independence(frame, n_draws=500)
    assert tuple(table.columns) == INDEPENDENCE_COLUMNS
    (row, *others) = table.itertuples()
    assert row.kappa == pytest.approx(consistency(frame, intervals=False)["kappa"].iloc[0])
    assert row.p == pytest.approx(2 / 501) and row.null_low < 0 < row.null_high < row.kappa
    assert all(other.p > 0.01 for other in others)
    assert list(table["p_holm"]) == pytest.approx(list(multipletests(table["p"], method="holm")[1]))
    pd.testing.assert_frame_equal(table, independence(frame, n_draws=500))


def test_conditions_are_averaged_and_not_pooled():
    """Two conditions of different difficulty: pooled they would look dependent."""
    rng = np.random.default_rng(2)
    parts = [frame_of({n: luck(rng, 200, p) for n in "ab"}, condition=c) for c, p in (("easy", 0.95), ("hard", 0.1))]
    (row,) = independence(pd.concat(parts), n_draws=300).itertuples()
    assert row.n_conditions == 2 and row.n == 400 and row.p > 0.05
    (pooled,) = independence(
        frame_of({n: np.concatenate([(p[p["observer"] == n])["correct"] for p in parts]) for n in "ab"})
    ).itertuples()
    assert pooled.p < 0.01


def test_independence_degenerate():
    frame = frame_of({"all": [1, 1, 1, 1], "none": [0, 0, 0, 0], "some": [1, 0, 1, 0], "all-2": [1, 1, 1, 1]})
    table = independence(frame, n_draws=50).set_index(["observer_1", "observer_2"])
    row = table.loc[("all", "all-2")]
    assert (
        np.isnan(row[["kappa", "p", "p_holm", "unbiased", "null_low"]].astype(float)).all() and row["n_conditions"] == 0
    )
    assert table.loc[("all", "none"), "kappa"] == 0 and table.loc[("all", "none"), "p"] == 1
    assert table.loc[("all", "some"), ["kappa", "p"]].tolist() == [0, 1]
    assert len(independence(frame[frame["observer"] == "all"])) == len(independence(frame[:0])) == 0
    with pytest.raises(LogError, match="twice"):
        independence(pd.concat([frame, frame]))
    apart = frame_of({"x": [1, 0]}).assign(stimulus=["u", "v"])
    found = independence(pd.concat([frame[frame["observer"] == "some"], apart]), n_draws=50)
    assert found["n"].item() == 0 and np.isnan(found["p"].item())


def test_unbiased():
    assert unbiased(np.array([0.4, np.nan, 1.0]), np.array([160, 160, 160]))[0] == pytest.approx(160 * 0.4 / 159.4)
    assert np.isnan(unbiased(np.array([np.nan]), np.array([5.0]))[0])
    rng, p, true, plain, fair = np.random.default_rng(3), 0.6, 0.5, [], []
    for _ in range(4000):
        a = rng.random(12) < p
        b = np.where(rng.random(12) < true, a, rng.random(12) < p)
        expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
        if expected < 1:
            plain.append((np.mean(a == b) - expected) / (1 - expected))
            fair.append(unbiased(np.array(plain[-1]), np.array(12.0)))
    assert abs(np.mean(fair) - true) < abs(np.mean(plain) - true)


def test_holm_as_statsmodels_has_it():
    p = np.random.default_rng(4).random(9) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert np.isnan(holm(np.array([0.01, np.nan]))).tolist() == [False, True]
    assert holm(np.array([0.01, np.nan]))[0] == 0.01 and len(holm(np.array([]))) == 0


KINDS = {"near": "generative", "far": "generative", "like-far": "discriminative"}


def people_and_nets(rng, n=300, share=0.6):
    p1 = luck(rng, n)
    mix = lambda s: np.where(luck(rng, n, s), p1, luck(rng, n))  # noqa: E731
    return {"p1": p1, "p2": mix(0.7), "near": mix(share), "far": mix(0.0), "like-far": mix(0.0)}


def test_a_difference_is_found_where_there_is_one():
    frame = frame_of(people_and_nets(np.random.default_rng(5)), KINDS)
    table = difference(frame, n_draws=400)
    assert tuple(table.columns) == DIFFERENCE_COLUMNS and len(table) == 3
    row = table[(table["observer_1"] == "far") & (table["observer_2"] == "near")].iloc[0]
    pairs = consistency(frame, intervals=False).set_index(["observer_1", "observer_2"])["kappa"]
    assert row["kappa_2"] == pytest.approx(np.mean([pairs["p1", "near"], pairs["p2", "near"]]))
    assert (
        row["difference"] == pytest.approx(row["kappa_1"] - row["kappa_2"])
        and row["low"] < row["difference"] < row["high"] < 0
    )
    assert row["p"] == pytest.approx(2 / 401) and (row["n_people"], row["n"]) == (2, 300)
    other = table[(table["observer_1"] == "far") & (table["observer_2"] == "like-far")].iloc[0]
    assert other["p"] > 0.05 and other["low"] < 0 < other["high"]
    turned = difference(frame, [("near", "far")], n_draws=400).iloc[0]
    assert turned["difference"] == pytest.approx(-row["difference"])


def test_the_null_is_uniform():
    rng, ps = np.random.default_rng(6), []
    for seed in range(120):
        frame = frame_of(people_and_nets(rng, n=120, share=0.0), KINDS)
        ps.append(difference(frame, [("near", "far")], n_draws=150, seed=seed)["p"].item())
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.05)


def test_exchange_one_draw_at_a_time():
    """The p-value from the same draws, with plain loops."""
    rows = people_and_nets(np.random.default_rng(7), n=60)
    (row,) = difference(frame_of(rows, KINDS), [("near", "far")], n_draws=40, seed=2).itertuples()

    def k(a, b):
        expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
        return (np.mean(a == b) - expected) / (1 - expected)

    swap = np.random.default_rng([2, 0]).integers(2, size=(60, 40))
    null = []
    for r in range(40):
        one = np.where(swap[:, r] == 1, rows["far"], rows["near"])
        other = np.where(swap[:, r] == 1, rows["near"], rows["far"])
        null.append(
            np.mean([k(rows[p], one) for p in ("p1", "p2")]) - np.mean([k(rows[p], other) for p in ("p1", "p2")])
        )
    tails = [np.sum(np.array(null) <= row.difference + 1e-9), np.sum(np.array(null) >= row.difference - 1e-9)]
    assert row.p == pytest.approx(min(1, 2 * (1 + min(tails)) / 41))


def test_over_datasets_there_is_a_mean():
    rng = np.random.default_rng(8)
    frame = pd.concat([frame_of(people_and_nets(rng), KINDS, dataset=d) for d in ("edge", "sketch")])
    table = difference(frame, [("near", "far")], n_draws=200)
    assert list(table["dataset"]) == ["edge", "sketch", "all"]
    *apart, whole = table.itertuples()
    assert whole.difference == pytest.approx(np.mean([row.difference for row in apart]))
    assert whole.high - whole.low < max(row.high - row.low for row in apart) and whole.n == 600


def test_difference_degenerate():
    rows = people_and_nets(np.random.default_rng(9), n=40)
    frame = frame_of(rows, KINDS)
    with pytest.raises(
        UnknownName, match="there is no observer besides people in these logs named 'nera': did you mean near"
    ):
        difference(frame, [("nera", "far")])
    assert len(difference(frame[frame["kind"] != "human"])) == 0  # no people
    assert len(difference(frame[frame["observer"].isin(["p1", "near"])])) == 0  # nobody to compare with
    same = pd.concat([frame, frame[frame["observer"] == "near"].assign(observer="twin")])
    row = difference(same, [("near", "twin")], n_draws=50).iloc[0]
    assert row["difference"] == 0 and row["p"] == 1 and row["low"] == row["high"] == 0
    apart = frame[frame["observer"] == "near"].assign(observer="apart", stimulus=lambda f: f["stimulus"] + "x")
    row = difference(pd.concat([frame, apart]), [("near", "apart")], n_draws=50).iloc[0]
    assert row["n"] == 0 and np.isnan([row["difference"], row["p"], row["low"]]).all()
    perfect = frame_of({name: [1] * 20 for name in rows}, KINDS)
    row = difference(perfect, [("near", "far")], n_draws=50).iloc[0]
    assert np.isnan([row["difference"], row["p"]]).all()
    assert difference(perfect, [("near", "far")], rule="model-vs-human", n_draws=50).iloc[0]["kappa_1"] == 1
