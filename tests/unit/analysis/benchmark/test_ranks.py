"""Ranks and bootstrap intervals of the benchmark: by hand, against a slow reference, and without a rank."""

import numpy as np
import pandas as pd
import pytest

from analysis.benchmark.benchmark import COLUMNS, benchmark_table
from analysis.benchmark.ranks import benchmark_intervals
from analysis.kappa.condition_data import bootstrap_weights
from analysis.kappa.pairs import kappa_by_kind
from core.errors import LogError
from tests.unit.analysis.frames import correct_trials

PEOPLE = [
    correct_trials("subject-01", "human", "11100010", dataset="edge"),
    correct_trials("subject-02", "human", "11010010", dataset="edge"),
]
KINDS = (("subject-01", "human"), ("subject-02", "human"), ("net", "generative"))


def test_columns_of_the_benchmark_table():
    assert COLUMNS == (
        "observer", "kind", "n_datasets", "ood_accuracy", "accuracy_difference", "observed_consistency",
        "error_consistency", "mean_rank", "ood_rank",
    )  # fmt: skip


def test_ranks_match_calculation_by_hand():
    nets = [
        correct_trials("best", "generative", "11110010", dataset="edge"),
        correct_trials("tied-1", "generative", "00001111", dataset="edge"),
        correct_trials("tied-2", "contrastive", "00001111", dataset="edge"),
    ]
    table = benchmark_table(pd.concat([*PEOPLE, *nets])).set_index("observer")
    assert table.loc["humans", ["mean_rank", "ood_rank"]].isna().all()
    # The accuracies are .625, .5 and .5, that of people .5: the tied observers differ least and are least consistent.
    assert list(table.loc[["best", "tied-1", "tied-2"], "ood_rank"]) == [1, 2.5, 2.5]
    assert table.loc["best", "accuracy_difference"] > table.loc["tied-1", "accuracy_difference"] == 0
    assert list(table.loc[["best", "tied-1", "tied-2"], "mean_rank"]) == pytest.approx(
        [(3 + 1 + 1) / 3, 6.5 / 3, 6.5 / 3]
    )


def test_ranks_compare_observers_that_answered_the_same_conditions():
    complete = [
        correct_trials(name, "generative", letters, dataset="edge")
        for name, letters in (("a", "11100010"), ("b", "00011101"))
    ]
    second_dataset = [f.assign(dataset="silhouette") for f in (*PEOPLE, *complete)]
    incomplete = correct_trials("incomplete", "generative", "11110010", dataset="edge")
    table = benchmark_table(pd.concat([*PEOPLE, *complete, *second_dataset, incomplete]))
    rows = table.set_index("observer")
    assert list(rows.loc[["a", "b"], "mean_rank"]) == pytest.approx([3.5 / 3, 5.5 / 3])  # their accuracies are equal
    assert rows.loc["incomplete", ["mean_rank", "ood_rank"]].isna().all()
    assert rows.loc["incomplete", "n_datasets"] == 1
    ending = "2 conditions of 2 datasets; without a rank: incomplete"
    assert any(note.endswith(ending) for note in table.attrs["notes"])
    intervals = benchmark_intervals(pd.concat([*PEOPLE, *complete, *second_dataset, incomplete]), n_resamples=2)
    *notes, note = intervals.attrs["notes"]
    assert notes == table.attrs["notes"] and intervals.attrs["rank_note"].endswith(ending)
    assert note.startswith("4 of 4 intervals of mean kappas are approximate")
    assert benchmark_intervals(pd.concat([*PEOPLE, *complete]), n_resamples=2).attrs["rank_note"] == ""


def test_missing_conditions_and_images_are_noted():
    people = [f.assign(dataset="contrast", condition=c) for c in ("c50", "c30") for f in PEOPLE]
    nets = [
        correct_trials(name, "generative", "11100010", dataset="contrast", condition=c)
        for name, c in (("a", "c50"), ("a", "c30"), ("b", "c50"))
    ]
    table = benchmark_table(pd.concat([*people, *nets]))
    assert table.set_index("observer")["ood_rank"].notna().to_dict() == {"humans": False, "a": True, "b": False}
    assert "without a rank: b" in table.attrs["notes"][1]
    short = correct_trials("short", "generative", "111", dataset="edge")
    assert (
        benchmark_table(pd.concat([*PEOPLE, short])).attrs["notes"][-1]
        == "some observers responded to only part of the images of a condition: short"
    )


def test_table_names_the_rule():
    frame = pd.concat([*PEOPLE, correct_trials("net", "generative", "11100010", dataset="edge")])
    assert benchmark_table(frame).attrs["rule"].startswith("rule undefined-is-nan")
    assert benchmark_table(frame, rule="model-vs-human").attrs["rule"].startswith("rule model-vs-human")


def slow_interval(correct, n_people, seed, n_resamples):
    """Return the interval of observed consistency with people, computed one resample and pair at a time."""
    weight = bootstrap_weights(n_resamples, seed)(correct.shape[1], 0)
    means = []
    for r in range(n_resamples):
        images = [i for i in range(correct.shape[1]) for _ in range(int(weight[i, r]))]
        means.append(np.mean([np.mean(correct[h, images] == correct[n_people, images]) for h in range(n_people)]))
    return np.percentile(means, [2.5, 97.5])


def test_intervals_equal_a_slow_reference():
    rng = np.random.default_rng(1)
    correct = (rng.random((3, 60)) < 0.6).astype(float)
    frame = pd.concat(
        [
            correct_trials(name, kind, "".join(map(str, row.astype(int))), dataset="edge")
            for (name, kind), row in zip(KINDS, correct, strict=True)
        ]
    )
    table = benchmark_intervals(frame, n_resamples=60, seed=3)
    row = table.set_index(["observer", "measure"]).loc[("net", "observed_consistency")]
    assert [row["low"], row["high"]] == pytest.approx(list(slow_interval(correct, 2, 3, 60)), abs=1e-9)
    assert row["value"] == pytest.approx(
        benchmark_table(frame).set_index("observer").loc["net", "observed_consistency"]
    )
    pd.testing.assert_frame_equal(table, benchmark_intervals(frame, n_resamples=60, seed=3))
    assert not table.equals(benchmark_intervals(frame, n_resamples=60, seed=4))


def test_intervals_of_error_consistency_are_those_of_mean_kappas():
    rng = np.random.default_rng(1)
    frames = [
        correct_trials(name, kind, "".join(map(str, (rng.random(100) < 0.6).astype(int))), dataset="edge")
        for name, kind in KINDS
    ]
    frame = pd.concat(frames)
    expected = kappa_by_kind(frame).set_index(["kind_1", "kind_2"])[["kappa", "low", "high"]]
    columns, measure = ["value", "low", "high"], "error_consistency"
    intervals = benchmark_intervals(frame, n_resamples=2).set_index(["measure", "observer"]).loc[measure, columns]
    twice = pd.concat([frame, frame.assign(dataset="silhouette")])
    two = benchmark_intervals(twice, n_resamples=2).set_index(["measure", "observer"]).loc[measure, columns]
    for observer, kinds in (("humans", ("human", "human")), ("net", ("human", "generative"))):
        assert intervals.loc[observer].tolist() == pytest.approx(expected.loc[kinds].tolist())
        value, low, high = intervals.loc[
            observer
        ]  # two independent datasets with the same data: the distances shrink by √2
        distances = ((value - low) / np.sqrt(2), (high - value) / np.sqrt(2))
        assert two.loc[observer].tolist() == pytest.approx([value, value - distances[0], value + distances[1]])


def test_rank_intervals_reflect_the_certainty_of_a_rank():
    rng = np.random.default_rng(2)
    human = rng.random(300) < 0.7
    correct_of = {
        "subject-01": human, "subject-02": np.where(rng.random(300) < 0.9, human, rng.random(300) < 0.7),
        "near": np.where(rng.random(300) < 0.8, human, rng.random(300) < 0.7),
        "far-1": rng.random(300) < 0.3, "far-2": rng.random(300) < 0.3,
    }  # fmt: skip
    frame = pd.concat([
        correct_trials(name, "human" if name.startswith("subject") else "generative",
                       "".join(map(str, correct.astype(int))), dataset="edge")
        for name, correct in correct_of.items()
    ])  # fmt: skip
    ranks = benchmark_intervals(frame, n_resamples=300).set_index(["measure", "observer"]).loc["mean_rank"]
    assert list(ranks.loc["near", ["value", "low", "high"]]) == [1, 1, 1]
    assert ranks.loc["far-1", "low"] < ranks.loc["far-1", "high"] and ranks.loc["far-1", "low"] > 1


def test_observers_that_are_always_right_or_always_wrong():
    """kappa is undefined everywhere: the mean rank is NaN, or kappa is 1 with the other rule."""
    frame = pd.concat([correct_trials(name, kind, "1111", dataset="edge") for name, kind in KINDS])
    table = benchmark_table(frame).set_index("observer")
    assert table[["error_consistency", "mean_rank"]].isna().all(axis=None)
    assert table.loc["net", "ood_rank"] == 1 and table.loc["humans", "observed_consistency"] == 1
    assert (benchmark_table(frame, rule="model-vs-human")["error_consistency"] == 1).all()
    wrong = benchmark_intervals(frame.assign(correct=False), n_resamples=20)
    assert wrong.loc[wrong["measure"] == "error_consistency", ["value", "low", "high"]].isna().all(axis=None)


def test_only_people_and_a_single_person():
    table = benchmark_table(pd.concat(PEOPLE))
    assert list(table["observer"]) == ["humans"] and table["error_consistency"].notna().all()
    single = benchmark_table(PEOPLE[0])
    assert single["error_consistency"].isna().all()
    assert single.attrs["notes"][-1].startswith("the row humans includes edge only in its OOD accuracy")


def test_observer_with_other_images_has_no_consistency():
    other = correct_trials("net", "generative", "1100", dataset="edge", images=["a", "b", "c", "d"])
    row = benchmark_table(pd.concat([*PEOPLE, other])).set_index("observer").loc["net"]
    assert row["ood_accuracy"] == 0.5 and np.isnan(row["error_consistency"]) and np.isnan(row["mean_rank"])


def test_duplicate_trials_are_rejected():
    with pytest.raises(LogError, match="twice"):
        benchmark_table(pd.concat([*PEOPLE, PEOPLE[0]]))
