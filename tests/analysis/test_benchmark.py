"""The four numbers on frames small enough to count by hand."""

import numpy as np
import pandas as pd
import pytest

from analysis.benchmark import COLUMNS, benchmark
from stimuli.errors import LogError


def answers(dataset, observer, kind, **right):
    """One trial a letter: 1 right, 0 wrong; `condition=letters`, and `_` for a dataset without conditions."""
    rows = [
        (dataset, observer, kind, condition.strip("_"), f"{i}.png", letter == "1")
        for condition, letters in right.items()
        for i, letter in enumerate(letters)
    ]
    return pd.DataFrame(rows, columns=["dataset", "observer", "kind", "condition", "stimulus", "correct"])


PEOPLE = [
    answers("edge", "subject-01", "human", _="1110"),
    answers("edge", "subject-02", "human", _="1100"),
    answers("contrast", "subject-01", "human", c100="0000", c50="1111", c30="1100"),
    answers("contrast", "subject-02", "human", c100="0000", c50="1111", c30="1010"),
]
NET = [
    answers("edge", "net", "generative", _="1001"),
    answers("contrast", "net", "generative", c100="1111", c50="1111", c30="1100"),
]


def kappa(one, other):
    one, other = (np.array([float(x) for x in letters]) for letters in (one, other))
    expected = one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean())
    return (np.mean(one == other) - expected) / (1 - expected)


@pytest.mark.parametrize("rule", ["undefined-is-nan", "model-vs-human"])
def test_by_hand(rule):
    table = benchmark(pd.concat(PEOPLE + NET), rule=rule)
    assert tuple(table.columns) == COLUMNS
    assert list(table["observer"]) == ["humans", "net"]
    assert list(table["kind"]) == ["human", "generative"]
    assert list(table["n_datasets"]) == [2, 2]
    humans, net = (row for _, row in table.iterrows())
    # c100 does not count. On c50 all are always right: kappa is undefined there, or 1 by the other rule.
    alike = {"undefined-is-nan": [], "model-vs-human": [1.0]}[rule]
    assert humans["ood_accuracy"] == pytest.approx((5 / 8 + 12 / 16) / 2)
    assert net["ood_accuracy"] == pytest.approx((2 / 4 + 6 / 8) / 2)
    assert humans["accuracy_difference"] == pytest.approx((0.25**2 + 0) / 2)
    assert net["accuracy_difference"] == pytest.approx((np.mean([0.25**2, 0]) + 0) / 2)
    assert humans["observed_consistency"] == pytest.approx((3 / 4 + np.mean([1, 2 / 4])) / 2)
    on_edge = np.mean([kappa("1110", "1001"), kappa("1100", "1001")])
    on_contrast = np.mean([np.mean([*alike, kappa(person, "1100")]) for person in ("1100", "1010")])
    assert net["error_consistency"] == pytest.approx((on_edge + on_contrast) / 2)
    among = kappa("1110", "1100"), np.mean([*alike, kappa("1100", "1010")])
    assert humans["error_consistency"] == pytest.approx(np.mean(among))
    assert table.attrs["notes"] == ["2 of the 17 published datasets"]


def test_the_best_stands_first():
    like_them = answers("edge", "like-them", "discriminative", _="1110")
    table = benchmark(pd.concat([*PEOPLE, *NET, like_them]))
    assert list(table["observer"]) == ["humans", "like-them", "net"]
    assert list(table["n_datasets"]) == [2, 1, 2]


def test_a_dataset_without_people_counts_for_nobody():
    silhouette = answers("silhouette", "net", "generative", _="0000")
    only_baseline = answers("colour", "subject-01", "human", cr="11"), answers("colour", "net", "generative", cr="11")
    table = benchmark(pd.concat([*PEOPLE, *NET, silhouette, *only_baseline]))
    pd.testing.assert_frame_equal(table, benchmark(pd.concat(PEOPLE + NET)))
    assert table.attrs["notes"][1] == "left out, since no person answered them: silhouette, colour"
    with pytest.raises(LogError, match="the benchmark compares with people: give recorded people"):
        benchmark(pd.concat(only_baseline))


def test_one_name_of_two_kinds_is_two_observers():
    other = answers("contrast", "net", "simulated", c50="1110", c30="1100")
    table = benchmark(pd.concat([*PEOPLE, NET[0], other]))
    assert sorted(zip(table["observer"], table["kind"], table["n_datasets"], strict=True)) == [
        ("humans", "human", 2), ("net", "generative", 1), ("net", "simulated", 1),
    ]  # fmt: skip


def test_stand_ins_count_where_people_would():
    """As with people: in conditions that count."""
    one = answers("contrast", "S", "simulated", c100="1100"), answers("contrast", "net", "generative", c50="1100")
    with pytest.raises(LogError, match="those who stand in for people answered no condition that counts"):
        benchmark(pd.concat(one), stand_ins=["S"])
    edge = answers("edge", "S", "simulated", _="1110"), answers("edge", "net", "generative", _="1001")
    found = benchmark(pd.concat([*one, *edge]), stand_ins=["S"])
    assert found["n_datasets"].tolist() == [1, 1]
    assert found.attrs["notes"] == [
        "left out, since nobody who stands in for people answered them: contrast",
        "edge: one person, so that only the OOD accuracy of simulated people is over it",
    ]
    assert found.loc[0, list(COLUMNS[4:])].isna().all()


def test_others_can_stand_in_for_people_on_any_dataset():
    """The same numbers as with people, called by what they are."""
    frame = pd.concat(PEOPLE + NET)
    expected = benchmark(frame)
    posing = frame.assign(kind=frame["kind"].replace("human", "simulated"))
    found = benchmark(posing, stand_ins=["subject-01", "subject-02"])
    assert found.loc[0, ["observer", "kind"]].tolist() == ["simulated people", "simulated"]
    pd.testing.assert_frame_equal(found.drop(columns=["observer", "kind"]), expected.drop(columns=["observer", "kind"]))
    own = benchmark(posing.assign(dataset=posing["dataset"] + " of my own"), stand_ins=["subject-01", "subject-02"])
    assert list(own["n_datasets"]) == [2, 2]
    with pytest.raises(LogError, match="none of those who stand in for people is there: nobody"):
        benchmark(posing, stand_ins=["nobody"])
    # Beside people: they are left out, and a dataset that only they answered too.
    only = pd.concat([PEOPLE[0], NET[0]]).assign(dataset="theirs")
    mixed = benchmark(
        pd.concat([posing.assign(observer=posing["observer"].replace("subject-01", "S1")), only]), stand_ins=["S1"]
    )
    assert set(mixed["observer"]) == {"simulated people", "subject-02", "net"} and mixed["n_datasets"].max() == 2
    assert mixed.attrs["notes"] == [
        "left out, since others stand in for people: subject-01",
        "left out, since nobody who stands in for people answered them: theirs",
        "contrast, edge: one person, so that only the OOD accuracy of simulated people is over it",
    ]
