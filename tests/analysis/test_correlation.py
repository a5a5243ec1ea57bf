"""Correlation against scipy, and the measures it is of."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from analysis.accuracy import accuracy
from analysis.correlation import COLUMNS, correlate, measure
from analysis.frame import read_trials
from stimuli.errors import LogError, UnknownName
from tests.analysis.frames import right
from tests.conftest import real


def drawn(n, r, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = r * x + np.sqrt(1 - r * r) * rng.normal(size=n)
    index = [f"o{i}" for i in range(n)]
    return pd.Series(x, index=index, name="x"), pd.Series(y, index=index, name="y")


def test_scipy_agrees():
    x, y = drawn(60, 0.6)
    y.iloc[:6] = y.iloc[0]  # ties
    table = correlate(x, y)
    assert tuple(table.columns) == COLUMNS
    pearson, spearman = table.itertuples()
    found = pearsonr(x, y)
    assert (pearson.r, pearson.p) == pytest.approx((found.statistic, found.pvalue))
    assert (pearson.low, pearson.high) == pytest.approx(tuple(found.confidence_interval(0.95)))
    found = spearmanr(x, y)
    assert (spearman.r, spearman.p) == pytest.approx((found.statistic, found.pvalue))
    assert (pearson.n, pearson.df, pearson.x, pearson.y) == (60, 58, "x", "y")  # as r(58) in the paper


@pytest.mark.parametrize("r", [0.0, 0.6])
def test_the_interval_holds_the_correlation(r):
    held = np.zeros(2)
    spearman = 6 / np.pi * np.arcsin(r / 2)  # of a bivariate normal
    for seed in range(200):
        table = correlate(*drawn(30, r, seed))
        held += (table["low"] <= [r, spearman]) & (table["high"] >= [r, spearman])
    assert (held / 200 >= 0.9).all() and (held / 200 <= 0.995).all()


def test_only_observers_with_both_count():
    x, y = drawn(10, 0.9)
    y.iloc[3] = np.nan
    assert set(correlate(x.iloc[1:], y.iloc[:9])["n"]) == {7}
    with pytest.raises(ValueError, match="an observer has one value of a measure"):
        correlate(pd.concat([x, x]), y)


def test_degenerate():
    x, y = drawn(10, 0.5)
    few = correlate(x.iloc[:2], y)
    assert few["r"].isna().all() and set(few["reason"]) == {"fewer than three observers"} and set(few["df"]) == {0}
    flat = correlate(x * 0 + 0.3, y)
    assert flat["r"].isna().all() and set(flat["reason"]) == {"a measure is the same for all"}
    three = correlate(x.iloc[:3], y)
    assert three["r"].notna().all() and three["low"].isna().all() and three["p"].notna().all()
    exact = correlate(x, (2 * x).rename("y"))
    assert list(exact["r"]) == pytest.approx([1, 1]) and exact["low"].isna().all()
    assert list(exact["p"]) == [0, pytest.approx(2 / 3628800)]
    assert correlate(x.iloc[:0], y)["r"].isna().all()


def test_measures_by_hand():
    frame = pd.concat([
        right("subject-01", "human", "1100", dataset="edge"), right("subject-02", "human", "1110", dataset="edge"),
        right("net", "generative", "1000", dataset="edge"), right("cnn", "discriminative", "0011", dataset="edge"),
    ])  # fmt: skip
    assert measure(frame, "accuracy:edge").to_dict() == {"cnn": 0.5, "net": 0.25}
    assert measure(frame, "accuracy:edge", people=True)["humans"] == 5 / 8
    kappas = measure(frame, "consistency:edge", people=True)
    assert set(kappas.index) == {"humans", "net", "cnn"} and kappas["humans"] == pytest.approx(0.5)
    assert kappas.name == "consistency:edge"
    for name in ("accuracy", "shape-bias:edge", "beauty:edge"):
        with pytest.raises(UnknownName, match=f"there is no measure named '{name}'"):
            measure(frame, name)
    with pytest.raises(UnknownName, match="there is no dataset in these logs named 'sketch'"):
        measure(frame, "accuracy:sketch")
    with pytest.raises(LogError, match="consistency with people needs people"):
        measure(frame[frame["kind"] != "human"], "consistency:edge")
    with pytest.raises(LogError, match="needs a cue-conflict experiment"):
        measure(frame, "shape-bias")


def test_published_networks():
    """Three networks with both: shape bias of the paper's section 4 against accuracy on blurred images."""
    frame = read_trials([real("networks"), real("humans", "low-pass"), real("humans", "cue-conflict")])
    x, y = measure(frame, "accuracy:low-pass", people=True), measure(frame, "shape-bias", people=True)
    assert set(x.index) == {"bagnet33", "resnet50", "simclr_resnet50x1", "humans"}
    assert round(y["resnet50"], 4) == 0.2142 and round(y["humans"], 4) == 0.9587
    table = accuracy(frame[frame["dataset"] == "low-pass"])
    included = table[table["condition"].isin(["1", "3", "5", "7", "10"]) & (table["observer"] == "resnet50")]
    assert x["resnet50"] == pytest.approx(included["n_correct"].sum() / included["n"].sum())
    assert set(correlate(x, y)["df"]) == {2}
