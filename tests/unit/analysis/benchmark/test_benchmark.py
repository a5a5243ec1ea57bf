"""The benchmark measures on frames that are small enough to count by hand."""

import numpy as np
import pandas as pd
import pytest

from analysis.benchmark.benchmark import COLUMNS, benchmark_table
from core.errors import LogError


def dataset_trials(dataset, observer, kind, **letters_of):
    """Return one trial per letter ("1" is correct), given as `condition=letters`; `_` is the condition ""."""
    rows = [
        (dataset, observer, kind, condition.strip("_"), f"{i}.png", letter == "1")
        for condition, letters in letters_of.items()
        for i, letter in enumerate(letters)
    ]
    return pd.DataFrame(rows, columns=["dataset", "observer", "kind", "condition", "stimulus", "correct"])


PEOPLE = [
    dataset_trials("edge", "subject-01", "human", _="1110"),
    dataset_trials("edge", "subject-02", "human", _="1100"),
    dataset_trials("contrast", "subject-01", "human", c100="0000", c50="1111", c30="1100"),
    dataset_trials("contrast", "subject-02", "human", c100="0000", c50="1111", c30="1010"),
]
NET = [
    dataset_trials("edge", "net", "generative", _="1001"),
    dataset_trials("contrast", "net", "generative", c100="1111", c50="1111", c30="1100"),
]


def kappa(letters_1, letters_2):
    first, second = (np.array([float(x) for x in letters]) for letters in (letters_1, letters_2))
    expected = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    return (np.mean(first == second) - expected) / (1 - expected)


@pytest.mark.parametrize("rule", ["undefined-is-nan", "model-vs-human"])
def test_measures_match_calculation_by_hand(rule):
    table = benchmark_table(pd.concat(PEOPLE + NET), rule=rule)
    assert tuple(table.columns) == COLUMNS
    assert list(table["observer"]) == ["humans", "net"]
    assert list(table["kind"]) == ["human", "generative"]
    assert list(table["n_datasets"]) == [2, 2]
    humans, net = (row for _, row in table.iterrows())
    # c100 does not count. On c50 all observers are always right: kappa is undefined there, or 1 with the other rule.
    kappas_c50 = {"undefined-is-nan": [], "model-vs-human": [1.0]}[rule]
    assert humans["ood_accuracy"] == pytest.approx((5 / 8 + 12 / 16) / 2)
    assert net["ood_accuracy"] == pytest.approx((2 / 4 + 6 / 8) / 2)
    assert humans["accuracy_difference"] == pytest.approx((0.25**2 + 0) / 2)
    assert net["accuracy_difference"] == pytest.approx((np.mean([0.25**2, 0]) + 0) / 2)
    assert humans["observed_consistency"] == pytest.approx((3 / 4 + np.mean([1, 2 / 4])) / 2)
    on_edge = np.mean([kappa("1110", "1001"), kappa("1100", "1001")])
    on_contrast = np.mean([np.mean([*kappas_c50, kappa(person, "1100")]) for person in ("1100", "1010")])
    assert net["error_consistency"] == pytest.approx((on_edge + on_contrast) / 2)
    between_people = kappa("1110", "1100"), np.mean([*kappas_c50, kappa("1100", "1010")])
    assert humans["error_consistency"] == pytest.approx(np.mean(between_people))
    assert table.attrs["notes"] == ["the benchmark uses 2 of the 17 published datasets"]


def test_most_consistent_observer_is_first():
    similar = dataset_trials("edge", "similar", "discriminative", _="1110")
    table = benchmark_table(pd.concat([*PEOPLE, *NET, similar]))
    assert list(table["observer"]) == ["humans", "similar", "net"]
    assert list(table["n_datasets"]) == [2, 1, 2]


def test_dataset_without_people_is_excluded_for_all_observers():
    silhouette = dataset_trials("silhouette", "net", "generative", _="0000")
    only_baseline = [
        dataset_trials("colour", "subject-01", "human", cr="11"),
        dataset_trials("colour", "net", "generative", cr="11"),
    ]
    table = benchmark_table(pd.concat([*PEOPLE, *NET, silhouette, *only_baseline]))
    pd.testing.assert_frame_equal(table, benchmark_table(pd.concat(PEOPLE + NET)))
    assert table.attrs["notes"][1] == "datasets are excluded because no person responded to them: silhouette, colour"
    message = (
        "the benchmark compares observers with people, but no person responded to .*; add the logs of recorded people"
    )
    with pytest.raises(LogError, match=message):
        benchmark_table(pd.concat(only_baseline))


def test_same_name_with_two_kinds_is_two_observers():
    other = dataset_trials("contrast", "net", "simulated", c50="1110", c30="1100")
    table = benchmark_table(pd.concat([*PEOPLE, NET[0], other]))
    assert sorted(zip(table["observer"], table["kind"], table["n_datasets"], strict=True)) == [
        ("humans", "human", 2), ("net", "generative", 1), ("net", "simulated", 1),
    ]  # fmt: skip


def test_reference_observers_count_in_benchmark_conditions():
    contrast = [
        dataset_trials("contrast", "S", "simulated", c100="1100"),
        dataset_trials("contrast", "net", "generative", c50="1100"),
    ]
    with pytest.raises(
        LogError, match="the logs of the reference observers contain no condition of the benchmark; add their logs"
    ):
        benchmark_table(pd.concat(contrast), reference_observers=["S"])
    edge = [
        dataset_trials("edge", "S", "simulated", _="1110"),
        dataset_trials("edge", "net", "generative", _="1001"),
    ]
    table = benchmark_table(pd.concat([*contrast, *edge]), reference_observers=["S"])
    assert table["n_datasets"].tolist() == [1, 1]
    assert table.attrs["notes"] == [
        "datasets are excluded because no reference observer responded to them: contrast",
        "the row simulated people includes edge only in its OOD accuracy, because the other measures need at least two "
        "people per dataset",
    ]
    assert table.loc[0, list(COLUMNS[4:])].isna().all()


def test_reference_observers_give_the_numbers_of_people_on_any_dataset():
    frame = pd.concat(PEOPLE + NET)
    expected = benchmark_table(frame)
    simulated = frame.assign(kind=frame["kind"].replace("human", "simulated"))
    names = ["subject-01", "subject-02"]
    table = benchmark_table(simulated, reference_observers=names)
    assert table.loc[0, ["observer", "kind"]].tolist() == ["simulated people", "simulated"]
    pd.testing.assert_frame_equal(table.drop(columns=["observer", "kind"]), expected.drop(columns=["observer", "kind"]))
    unpublished = benchmark_table(
        simulated.assign(dataset=simulated["dataset"] + " of my own"), reference_observers=names
    )
    assert list(unpublished["n_datasets"]) == [2, 2]
    with pytest.raises(LogError, match="the logs contain none of the reference observers: absent"):
        benchmark_table(simulated, reference_observers=["absent"])


def test_reference_observers_exclude_people_and_their_datasets():
    frame = pd.concat(PEOPLE + NET)
    simulated = frame.assign(
        kind=frame["kind"].replace("human", "simulated"), observer=frame["observer"].replace("subject-01", "S1")
    )
    only_people = pd.concat([PEOPLE[0], NET[0]]).assign(dataset="theirs")
    table = benchmark_table(pd.concat([simulated, only_people]), reference_observers=["S1"])
    assert set(table["observer"]) == {"simulated people", "subject-02", "net"} and table["n_datasets"].max() == 2
    assert table.attrs["notes"] == [
        "people are excluded because reference observers replace them: subject-01",
        "datasets are excluded because no reference observer responded to them: theirs",
        "the row simulated people includes contrast, edge only in its OOD accuracy, because the other measures need at "
        "least two people per dataset",
    ]
