"""Responses per image, the 2 × 2 table of a pair, and the accuracy of a kind."""

import numpy as np
import pandas as pd
import pytest

from analysis.kappa.consistency import correct_matrix, error_consistency, pairwise_agreement
from analysis.kappa.contingency import COUNTS, contingency
from analysis.measures.accuracy import accuracy, accuracy_by_kind
from analysis.measures.by_image import COLUMNS, responses_by_image
from core.errors import LogError
from tests.unit.analysis.report.simulated_reports import trials

KINDS = {"subject-01": "human", "subject-02": "human", "net": "generative"}


def one_image(*responses, category="cat"):
    """Return the trials of one image, with one response per observer."""
    frame = trials("own", dict(list(KINDS.items())[: len(responses)]), n=1)
    frame["category"], frame["response"] = category, list(responses)
    return frame.assign(correct=frame["response"] == category)


@pytest.mark.parametrize(
    ("responses", "expected"),
    [
        (("cat", "cat", "dog"), (3, 2, 2, 2, "cat", 2 / 3)),
        (("dog", "cat", ""), (3, 1, 2, 1, "", 1 / 3)),  # a missing response counts like any other; ties go by name
        (("", "", ""), (3, 0, 2, 0, "", 1.0)),
        (("cat",), (1, 1, 1, 1, "cat", 1.0)),
    ],
)
def test_one_image(responses, expected):
    (row,) = responses_by_image(one_image(*responses)).to_dict("records")
    assert (row["dataset"], row["stimulus"], row["condition"], row["category"]) == ("own", "0.png", "", "cat")
    values = tuple(row[name] for name in ("n", "n_correct", "n_people", "n_people_correct", "response"))
    assert values == expected[:5]
    assert row["share"] == pytest.approx(expected[5])


def test_images_have_the_published_order():
    frame = pd.concat([trials("own", KINDS, n=4), trials("contrast", KINDS, ("c05", "c100"), n=4)], ignore_index=True)
    table = responses_by_image(frame.sample(frac=1, random_state=0))
    assert list(table.columns) == list(COLUMNS)
    assert list(table["dataset"].unique()) == ["contrast", "own"]
    assert list(table["condition"]) == ["c100"] * 4 + ["c05"] * 4 + [""] * 4
    assert list(table["category"][:4]) == ["cat", "cat", "dog", "dog"]
    assert responses_by_image(frame[:0]).empty
    n_correct = frame.groupby(["dataset", "stimulus", "condition"])["correct"].sum()
    for row in table.itertuples():
        assert row.n_correct == n_correct[row.dataset, row.stimulus, row.condition]


def test_contingency_table_gives_the_kappa_of_the_pair():
    frame = pd.concat([trials("own", KINDS), trials("contrast", KINDS, ("c100", "c05"), seed=1)], ignore_index=True)
    frame = frame.drop(index=[3, 30])  # two missing trials
    table, pairs = contingency(frame), error_consistency(frame, intervals=False)
    key = ["dataset", "condition", "observer_1", "observer_2"]
    pd.testing.assert_frame_equal(table[key], pairs[key])
    n = table["n"]
    assert (n == table[list(COUNTS)].sum(axis=1)).all() and (n == pairs["n"]).all() and (n < 24).any()
    np.testing.assert_allclose((table["both_right"] + table["both_wrong"]) / n, pairs["observed"])
    p1, p2 = (table["both_right"] + table["only_1"]) / n, (table["both_right"] + table["only_2"]) / n
    np.testing.assert_allclose(p1 * p2 + (1 - p1) * (1 - p2), pairs["expected"])
    _, correct, answered = correct_matrix(frame[frame["condition"] == "c05"])
    assert pairwise_agreement(correct, answered)[0][0, 1] == table.loc[table["condition"] == "c05", "n"].iloc[0]
    assert contingency(frame[:0]).empty
    with pytest.raises(LogError, match=r"responded to .* twice"):
        contingency(pd.concat([frame, frame]))


def test_mean_and_range_of_a_kind():
    frame = trials("own", KINDS, ("a", "b"))
    table = accuracy(frame)
    by_kind = accuracy_by_kind(table).set_index(["kind", "condition"])
    people = table[(table["kind"] == "human") & (table["condition"] == "a")]["accuracy"]
    row = by_kind.loc[("human", "a")]
    assert (row["n_observers"], row["accuracy"]) == (2, pytest.approx(people.mean()))
    assert (row["lowest"], row["highest"]) == (people.min(), people.max())
    assert by_kind.loc[("generative", "b"), "n_observers"] == 1
