"""Counts and entropy by hand; who never answered, what was never shown."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy as scipy_entropy

from analysis.confusion import (
    COLUMNS,
    ENTROPY_COLUMNS,
    confusion,
    confusion_matrix,
    entropy,
    frequent_errors,
    response_entropy,
)
from analysis.frame import read_trials
from tests.analysis.frames import answers
from tests.conftest import real

CATEGORIES = ["cat", "cat", "cat", "dog", "dog", "car"]
ONE = answers("one", "human", ["cat", "dog", "dog", "dog", "", "car"], CATEGORIES)
TWO = answers("two", "generative", ["cat"] * 6, CATEGORIES)


def test_counts_by_hand():
    table = confusion(pd.concat([ONE, TWO]))
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 2 * 3 * 4  # no answer is a column for both
    matrix = confusion_matrix(table, "mine", "one")
    assert list(matrix.index) == ["car", "cat", "dog"] and list(matrix.columns) == ["car", "cat", "dog", ""]
    assert matrix.to_numpy() == pytest.approx(np.array([[1, 0, 0, 0], [0, 1 / 3, 2 / 3, 0], [0, 0, 1 / 2, 1 / 2]]))
    assert (confusion_matrix(table, "mine", "two")["cat"] == 1).all()
    with pytest.raises(ValueError, match="the table has no rows of three on mine"):
        confusion_matrix(table, "mine", "three")
    row = table[(table["observer"] == "one") & (table["category"] == "cat") & (table["response"] == "dog")].iloc[0]
    assert (row["n"], row["n_shown"]) == (2, 3) and row["low"] < 2 / 3 < row["high"]


def test_what_was_not_shown_to_somebody_is_undefined_and_there():
    few = ONE[ONE["category"] == "cat"].assign(observer="few")
    table = confusion(pd.concat([ONE, few]))
    matrix = confusion_matrix(table, "mine", "few")
    assert matrix.loc[["car", "dog"]].isna().all(axis=None) and matrix.loc["cat"].sum() == 1


def test_conditions_apart_sum_to_the_whole():
    frame = pd.concat(
        [TWO.assign(condition=c, response=["dog"] * 6) for c in ("10", "9")] + [ONE.assign(condition="9")]
    )
    apart, whole = confusion(frame, by_condition=True), confusion(frame)
    assert list(dict.fromkeys(apart["condition"])) == ["9", "10"]
    keys = ["observer", "category", "response"]
    pd.testing.assert_series_equal(apart.groupby(keys)["n"].sum(), whole.groupby(keys)["n"].sum(), check_names=False)


def test_frequent_errors():
    found = frequent_errors(confusion(pd.concat([ONE, TWO])), n=1)
    assert list(found[["observer", "category", "response", "n"]].itertuples(index=False, name=None)) == [
        ("one", "cat", "dog", 2), ("two", "dog", "cat", 2),
    ]  # fmt: skip


def test_entropy_by_hand():
    table = response_entropy(pd.concat([ONE, TWO]), n_resamples=50)
    assert tuple(table.columns) == ENTROPY_COLUMNS
    one, two = table.itertuples()
    assert one.entropy == pytest.approx(scipy_entropy([1, 3, 1], base=2)) and (one.n, one.n_no_answer) == (5, 1)
    assert (two.entropy, two.low, two.high) == (0, 0, 0)
    assert one.highest == pytest.approx(np.log2(3))


def test_entropy_of_one_who_is_always_right_is_that_of_the_images():
    (row,) = response_entropy(answers("one", "human", CATEGORIES, CATEGORIES), n_resamples=50).itertuples()
    expected = scipy_entropy([3, 2, 1], base=2)
    assert (row.entropy, row.low, row.high) == pytest.approx((expected,) * 3)


def test_entropy_of_nobody():
    (row,) = response_entropy(answers("one", "human", [""] * 6, CATEGORIES), n_resamples=50).itertuples()
    assert np.isnan([row.entropy, row.low, row.high]).all() and row.n_no_answer == 6
    assert np.isnan(entropy(np.zeros((3, 1)))[0])
    assert len(confusion(ONE[:0])) == len(response_entropy(ONE[:0])) == 0


def test_the_interval_holds_the_entropy():
    """160 images, sixteen answers of known probabilities: 95 % of 200 intervals, less the bias that is left."""
    rng = np.random.default_rng(0)
    p, categories = rng.dirichlet(np.full(16, 1.0)), [f"c{k}" for k in range(16)] * 10
    true, held = scipy_entropy(p, base=2), 0
    for seed in range(200):
        said = [f"c{k}" for k in rng.choice(16, size=160, p=p)]
        (row,) = response_entropy(answers("one", "human", said, categories), n_resamples=200, seed=seed).itertuples()
        held += row.low <= true <= row.high
    assert 0.89 <= held / 200 <= 0.99


def test_people_on_sketches():
    """Sums of the published responses."""
    frame = read_trials([real("humans", "sketch")])
    table = confusion(frame)
    assert (
        table["n"].sum() == len(frame)
        and (table.loc[table["category"] == table["response"], "n"].sum()) == frame["correct"].sum()
    )
    assert (response_entropy(frame, n_resamples=20)["entropy"] > 3.9).all()
