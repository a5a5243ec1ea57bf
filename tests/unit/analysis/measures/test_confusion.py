"""Confusion matrices and response entropy by hand, with missing responses and categories that were not shown."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy as scipy_entropy

from analysis.io.frame import read_trials
from analysis.measures.confusion import (
    COLUMNS,
    ENTROPY_COLUMNS,
    confusion_matrix,
    confusion_panels,
    confusion_table,
    entropy,
    frequent_errors,
    numbered_matrix,
    pool_by_kind,
    response_entropy,
)
from tests.conftest import real
from tests.unit.analysis.frames import response_trials

CATEGORIES = ["cat", "cat", "cat", "dog", "dog", "car"]
ONE = response_trials("one", "human", ["cat", "dog", "dog", "dog", "", "car"], CATEGORIES)
TWO = response_trials("two", "generative", ["cat"] * 6, CATEGORIES)


def test_counts_match_calculation_by_hand():
    table = confusion_table(pd.concat([ONE, TWO]))
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 2 * 3 * 4  # both observers have a column of missing responses
    matrix = confusion_matrix(table, "mine", "one")
    assert list(matrix.index) == ["car", "cat", "dog"] and list(matrix.columns) == ["car", "cat", "dog", ""]
    assert matrix.to_numpy() == pytest.approx(np.array([[1, 0, 0, 0], [0, 1 / 3, 2 / 3, 0], [0, 0, 1 / 2, 1 / 2]]))
    assert (confusion_matrix(table, "mine", "two")["cat"] == 1).all()
    with pytest.raises(ValueError, match="the table does not contain three on mine"):
        confusion_matrix(table, "mine", "three")
    row = table[(table["observer"] == "one") & (table["category"] == "cat") & (table["response"] == "dog")].iloc[0]
    assert (row["n"], row["n_shown"]) == (2, 3) and row["low"] < 2 / 3 < row["high"]


def test_categories_that_an_observer_was_not_shown_are_nan():
    few = ONE[ONE["category"] == "cat"].assign(observer="few")
    table = confusion_table(pd.concat([ONE, few]))
    matrix = confusion_matrix(table, "mine", "few")
    assert matrix.loc[["car", "dog"]].isna().all(axis=None) and matrix.loc["cat"].sum() == 1


def test_separate_conditions_sum_to_the_pooled_counts():
    frame = pd.concat(
        [TWO.assign(condition=c, response=["dog"] * 6) for c in ("10", "9")] + [ONE.assign(condition="9")]
    )
    separate, pooled = confusion_table(frame, by_condition=True), confusion_table(frame)
    assert list(dict.fromkeys(separate["condition"])) == ["9", "10"]
    keys = ["observer", "category", "response"]
    n_separate, n_pooled = (table.groupby(keys)["n"].sum() for table in (separate, pooled))
    pd.testing.assert_series_equal(n_separate, n_pooled, check_names=False)


def test_frequent_errors():
    table = frequent_errors(confusion_table(pd.concat([ONE, TWO])), n=1)
    assert list(table[["observer", "category", "response", "n"]].itertuples(index=False, name=None)) == [
        ("one", "cat", "dog", 2), ("two", "dog", "cat", 2),
    ]  # fmt: skip


def test_counts_of_a_kind_are_pooled():
    three = response_trials("three", "human", ["cat", "dog", "cat", "dog", "car", "car"], CATEGORIES)
    pooled = pool_by_kind(confusion_table(pd.concat([ONE, TWO, three])))
    assert tuple(pooled.columns) == COLUMNS and set(pooled["observer"]) == {"2 pooled", "1 observer"}
    (row,) = frequent_errors(pooled, n=1)[lambda f: f["kind"] == "human"].itertuples()
    assert (row.category, row.response, row.n, row.n_shown, row.share) == ("cat", "dog", 3, 6, 0.5)
    assert row.low == pytest.approx(0.1876, abs=1e-4) and row.high == pytest.approx(0.8124, abs=1e-4)


def test_a_matrix_for_the_terminal():
    shown = numbered_matrix(confusion_table(pd.concat([ONE, TWO])), "mine", "one")
    assert shown.columns.tolist() == ["category", "1", "2", "3", "none"]
    assert shown["category"].tolist() == [" 1 car", " 2 cat", " 3 dog"]
    assert shown.iloc[1].tolist()[1:] == [" · ", "33", "67", " · "]
    assert shown.iloc[2].tolist()[1:] == [" · ", " · ", "50", "50"]


def test_entropy_matches_calculation_by_hand():
    table = response_entropy(pd.concat([ONE, TWO]), n_resamples=50)
    assert tuple(table.columns) == ENTROPY_COLUMNS
    first, second = table.itertuples()
    # Of three cats, one received "cat" and two "dog": V is 3 · 1/3 · 2/3 for both responses, which were given 1 and 3 times.
    bias = (2 / 3 / 1 + 2 / 3 / 3) / (2 * 5 * np.log(2))
    assert first.entropy == pytest.approx(scipy_entropy([1, 3, 1], base=2) + bias) and (first.n, first.n_no_answer) == (
        5,
        1,
    )
    assert first.low <= first.entropy <= first.high
    assert (second.entropy, second.low, second.high) == (0, 0, 0)
    assert first.highest == pytest.approx(np.log2(3))


def test_the_correction_of_a_single_category_is_that_of_miller():
    responses = ["a"] * 30 + ["b"] * 20 + ["c"] * 10
    (row,) = response_entropy(response_trials("one", "human", responses, ["a"] * 60), n_resamples=20).itertuples()
    expected = scipy_entropy([30, 20, 10], base=2) + (3 - 1) / (2 * 60 * np.log(2))
    assert row.entropy == pytest.approx(min(expected, row.highest))


@pytest.mark.parametrize("n", [4, 12, 40, 160])
def test_the_entropy_is_within_its_interval(n):
    """Before the estimate was corrected for its bias, it could be below the corrected interval."""
    rng = np.random.default_rng(n)
    categories = [f"c{k % 16}" for k in range(n)]
    frame = pd.concat(response_trials(f"o{k}", "human", rng.choice(categories, n), categories) for k in range(20))
    table = response_entropy(frame, n_resamples=200)
    assert ((table["low"] <= table["entropy"]) & (table["entropy"] <= table["high"])).all()
    assert (table["entropy"] <= table["highest"]).all()


def test_panels_of_a_figure():
    table = confusion_table(pd.concat([ONE, TWO]))
    assert list(confusion_panels(table, "mine")) == ["one", "two"]
    people = [ONE.assign(observer=f"p{k}") for k in range(2)] + [TWO.assign(observer="p2", kind="human")]
    table = confusion_table(pd.concat([*people, TWO]))
    panels = confusion_panels(table, "mine", max_observers=3)
    assert list(panels) == ["people (n = 3)", "two"]
    assert panels["people (n = 3)"].loc["cat", "dog"] == pytest.approx(4 / 9)
    pd.testing.assert_frame_equal(panels["two"], confusion_matrix(table, "mine", "two"), check_names=False)


def test_entropy_of_an_observer_that_is_always_right_is_that_of_the_categories():
    (row,) = response_entropy(response_trials("one", "human", CATEGORIES, CATEGORIES), n_resamples=50).itertuples()
    expected = scipy_entropy([3, 2, 1], base=2)
    assert (row.entropy, row.low, row.high) == pytest.approx((expected,) * 3)


def test_entropy_without_responses_is_nan():
    (row,) = response_entropy(response_trials("one", "human", [""] * 6, CATEGORIES), n_resamples=50).itertuples()
    assert np.isnan([row.entropy, row.low, row.high]).all() and row.n_no_answer == 6
    assert np.isnan(entropy(np.zeros((3, 1)))[0])
    assert len(confusion_table(ONE[:0])) == len(response_entropy(ONE[:0])) == 0


def test_totals_of_published_responses():
    frame = read_trials([real("humans", "sketch")])
    table = confusion_table(frame)
    assert table["n"].sum() == len(frame)
    assert table.loc[table["category"] == table["response"], "n"].sum() == frame["correct"].sum()
    assert (response_entropy(frame, n_resamples=20)["entropy"] > 3.9).all()
