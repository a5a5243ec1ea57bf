"""Correlation compared with scipy, and the measures that can be correlated."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, rankdata, spearmanr, t

from analysis.benchmark.correlation import (
    COLUMNS,
    correlate,
    correlate_measures,
    disagreement_note,
    low_pass_datasets,
    observer_measure,
)
from analysis.io.frame import read_trials
from analysis.measures.accuracy import accuracy
from core.errors import LogError, UnknownName
from tests.conftest import real
from tests.unit.analysis.frames import correct_trials


def random_measures(n, r, seed=0):
    """Return two normal measures of n observers with the correlation r."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = r * x + np.sqrt(1 - r * r) * rng.normal(size=n)
    index = [f"o{i}" for i in range(n)]
    return pd.Series(x, index=index, name="x"), pd.Series(y, index=index, name="y")


@pytest.mark.parametrize("n", [4, 7, 60])
def test_coefficients_equal_their_formulas(n):
    """r of the values or of their ranks, p from Student's t, and the interval from Fisher's z."""
    x, y = random_measures(n, 0.6)
    y.iloc[: n // 10] = y.iloc[0]  # ties
    table = correlate(x, y)
    assert tuple(table.columns) == COLUMNS
    for row, (first, second), variance in zip(
        table.itertuples(), ((x, y), (rankdata(x), rankdata(y))), (1, 1 + spearmanr(x, y)[0] ** 2 / 2), strict=True
    ):
        r = np.corrcoef(first, second)[0, 1]
        half_width = norm.ppf(0.975) * np.sqrt(variance / (n - 3))
        interval = np.tanh(np.arctanh(r) - half_width), np.tanh(np.arctanh(r) + half_width)
        p = 2 * t.sf(abs(r) * np.sqrt((n - 2) / (1 - r * r)), n - 2)
        assert (row.r, row.low, row.high, row.p) == pytest.approx((r, *interval, p), abs=1e-12)
    assert set(table["n"]) == {n} and set(table["df"]) == {n - 2}  # as r(58) in the paper
    assert set(table["x"]) == {"x"} and set(table["y"]) == {"y"}


def test_only_observers_with_both_measures_count():
    x, y = random_measures(10, 0.9)
    y.iloc[3] = np.nan
    assert set(correlate(x.iloc[1:], y.iloc[:9])["n"]) == {7}
    with pytest.raises(ValueError, match="every observer must have one value of a measure"):
        correlate(pd.concat([x, x]), y)


def test_degenerate_cases():
    x, y = random_measures(10, 0.5)
    two = correlate(x.iloc[:2], y)
    assert two["r"].isna().all() and set(two["reason"]) == {"fewer than three observers"} and set(two["df"]) == {0}
    constant = correlate(x * 0 + 0.3, y)
    assert constant["r"].isna().all() and set(constant["reason"]) == {"a measure is the same for all observers"}
    three = correlate(x.iloc[:3], y)
    assert three["r"].notna().all() and three["low"].isna().all() and three["p"].notna().all()
    perfect = correlate(x, (2 * x).rename("y"))
    assert list(perfect["r"]) == pytest.approx([1, 1]) and perfect["low"].isna().all()
    assert list(perfect["p"]) == [0, pytest.approx(2 / 3628800)]
    assert correlate(x.iloc[:0], y)["r"].isna().all()


def test_measures_match_calculation_by_hand():
    frame = pd.concat([
        correct_trials("subject-01", "human", "1100", dataset="edge"),
        correct_trials("subject-02", "human", "1110", dataset="edge"),
        correct_trials("net", "generative", "1000", dataset="edge"),
        correct_trials("cnn", "discriminative", "0011", dataset="edge"),
    ])  # fmt: skip
    assert observer_measure(frame, "accuracy:edge", people=False).to_dict() == {"cnn": 0.5, "net": 0.25}
    assert observer_measure(frame, "accuracy:edge", people=True)["humans"] == 5 / 8
    kappas = observer_measure(frame, "consistency:edge", people=True)
    assert set(kappas.index) == {"humans", "net", "cnn"} and kappas["humans"] == pytest.approx(0.5)
    assert kappas.name == "consistency:edge"
    for name in ("accuracy", "shape-bias:edge", "beauty:edge"):
        with pytest.raises(UnknownName, match=f"no measure is named '{name}'"):
            observer_measure(frame, name)
    with pytest.raises(UnknownName, match="no dataset in these logs is named 'sketch'"):
        observer_measure(frame, "accuracy:sketch")
    with pytest.raises(
        LogError, match="consistency with people needs trials of people in a condition of the benchmark"
    ):
        observer_measure(frame[frame["kind"] != "human"], "consistency:edge")
    with pytest.raises(LogError, match="shape bias needs a cue-conflict experiment"):
        observer_measure(frame, "shape-bias")


def test_people_count_as_one_observer():
    """The people of two datasets are different people, so that they are pooled, and the note says so."""
    frame = pd.concat([
        correct_trials("subject-01", "human", "1100", dataset="edge"),
        correct_trials("subject-02", "human", "1110", dataset="edge"),
        correct_trials("subject-01", "human", "1000", dataset="sketch"),
        *(correct_trials(name, "discriminative", letters, dataset=dataset)
          for name, letters in (("a", "1000"), ("b", "0011"), ("c", "1111")) for dataset in ("edge", "sketch")),
    ])  # fmt: skip
    table = correlate_measures(frame, "accuracy:edge", "accuracy:sketch")
    x, y = (observer_measure(frame, f"accuracy:{dataset}") for dataset in ("edge", "sketch"))
    assert table["n"].tolist() == [4, 4] and x["humans"] == 5 / 8 and y["humans"] == 1 / 4
    pd.testing.assert_frame_equal(table, correlate(x, y))
    assert table.attrs["notes"] == [
        "the correlation is over 4 observers that have both measures; all people together count as one of them, humans "
        "(2 people for accuracy:edge and 1 person for accuracy:sketch, whose trials are pooled)"
    ]
    without = correlate_measures(frame, "accuracy:edge", "accuracy:sketch", people=False)
    assert without["n"].tolist() == [3, 3]
    assert without.attrs["notes"] == [
        "the correlation is over 3 observers that have both measures; people are not included"
    ]


@pytest.mark.slow
def test_published_networks():
    """The networks with both measures: shape bias and accuracy on low-pass images, as in section 4 of the paper."""
    frame = read_trials([real("networks"), real("humans", "low-pass"), real("humans", "cue-conflict")])
    x = observer_measure(frame, "accuracy:low-pass", people=True)
    y = observer_measure(frame, "shape-bias", people=True)
    assert set(x.index) == {"bagnet33", "resnet50", "simclr_resnet50x1", "humans"}
    assert round(y["resnet50"], 4) == 0.2142 and round(y["humans"], 4) == 0.9587
    table = accuracy(frame[frame["dataset"] == "low-pass"])
    rows = table[table["condition"].isin(["1", "3", "5", "7", "10"]) & (table["observer"] == "resnet50")]
    assert x["resnet50"] == pytest.approx(rows["n_correct"].sum() / rows["n"].sum())
    assert set(correlate(x, y)["df"]) == {2}


def test_a_note_says_where_p_and_the_interval_disagree():
    index = ["a", "b", "c", "d"]
    table = correlate(pd.Series([0, 1, 2, 3.0], index, name="x"), pd.Series([0, 1.8, 2, 3.2], index, name="y"))
    pearson = table.iloc[0]
    assert pearson["p"] < 0.05 and pearson["low"] < 0  # the t test rejects, the interval contains 0
    (note,) = disagreement_note(table)
    assert note.startswith("p and the 95 % interval of Pearson’s r disagree on whether r differs from 0")
    assert disagreement_note(correlate(*random_measures(60, 0.9))) == []
    assert disagreement_note(correlate(*random_measures(2, 0.9))) == []  # both are undefined


def test_datasets_with_the_distortion_low_pass():
    names = ["microcosm-low-pass", "edge", "low-pass", "microcosm-high-pass"]
    assert low_pass_datasets(pd.DataFrame({"dataset": names})) == ["low-pass", "microcosm-low-pass"]
