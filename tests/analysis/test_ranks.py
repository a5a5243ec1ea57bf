"""Ranks and their intervals: by hand, against a slow reference, and who has none."""

import numpy as np
import pandas as pd
import pytest

from analysis.benchmark import COLUMNS, benchmark
from analysis.ranks import benchmark_intervals
from stimuli.errors import LogError
from tests.analysis.frames import right

PEOPLE = [
    right("subject-01", "human", "11100010", dataset="edge"),
    right("subject-02", "human", "11010010", dataset="edge"),
]


def test_columns_are_those_of_the_tables():
    assert COLUMNS == (
        "observer", "kind", "n_datasets", "ood_accuracy", "accuracy_difference", "observed_consistency",
        "error_consistency", "mean_rank", "ood_rank",
    )  # fmt: skip


def test_ranks_by_hand():
    nets = [
        right("best", "generative", "11110010", dataset="edge"),
        right("tied-1", "generative", "00001111", dataset="edge"),
        right("tied-2", "contrastive", "00001111", dataset="edge"),
    ]
    table = benchmark(pd.concat([*PEOPLE, *nets])).set_index("observer")
    assert table.loc["humans", ["mean_rank", "ood_rank"]].isna().all()
    # accuracies .625, .5, .5 and of people .5: the tied ones differ least, and are least consistent.
    assert list(table.loc[["best", "tied-1", "tied-2"], "ood_rank"]) == [1, 2.5, 2.5]
    assert table.loc["best", "accuracy_difference"] > table.loc["tied-1", "accuracy_difference"] == 0
    assert list(table.loc[["best", "tied-1", "tied-2"], "mean_rank"]) == pytest.approx(
        [(3 + 1 + 1) / 3, 6.5 / 3, 6.5 / 3]
    )


def test_ranks_are_among_those_who_answered_the_same():
    whole = [right(name, "generative", x, dataset="edge") for name, x in (("a", "11100010"), ("b", "00011101"))]
    more = [f.assign(dataset="silhouette") for f in (*PEOPLE, *whole)]
    few = right("few", "generative", "11110010", dataset="edge")
    table = benchmark(pd.concat([*PEOPLE, *whole, *more, few]))
    ranked = table.set_index("observer")
    assert list(ranked.loc[["a", "b"], "mean_rank"]) == pytest.approx([3.5 / 3, 5.5 / 3])  # of alike accuracy
    assert ranked.loc["few", ["mean_rank", "ood_rank"]].isna().all() and ranked.loc["few", "n_datasets"] == 1
    assert any(note.endswith("2 conditions of 2 datasets; without a rank: few") for note in table.attrs["notes"])


def test_a_missing_condition_and_missing_images_are_said():
    conditions = [f.assign(dataset="contrast", condition=c) for c in ("c50", "c30") for f in PEOPLE]
    nets = [
        right(n, "generative", "11100010", dataset="contrast", condition=c)
        for n, c in (("a", "c50"), ("a", "c30"), ("b", "c50"))
    ]
    table = benchmark(pd.concat([*conditions, *nets]))
    assert table.set_index("observer")["ood_rank"].notna().to_dict() == {"humans": False, "a": True, "b": False}
    assert "without a rank: b" in table.attrs["notes"][1]
    short = right("short", "generative", "111", dataset="edge")
    assert (
        benchmark(pd.concat([*PEOPLE, short])).attrs["notes"][-1]
        == "answered only part of the images of a condition: short"
    )


def test_the_rule_is_named():
    frame = pd.concat([*PEOPLE, right("net", "generative", "11100010", dataset="edge")])
    assert benchmark(frame).attrs["rule"].startswith("rule undefined-is-nan")
    assert benchmark(frame, rule="model-vs-human").attrs["rule"].startswith("rule model-vs-human")


def slow(correct, people, rng_seed, n_resamples):
    """Error consistency with people, one resample and pair at a time; the images drawn as the measure draws them."""
    from analysis.condition_data import resampling

    weight = resampling(n_resamples, rng_seed)(correct.shape[1], 0)
    out = []
    for r in range(n_resamples):
        images = [i for i in range(correct.shape[1]) for _ in range(int(weight[i, r]))]
        kappas = []
        for h in range(people):
            a, b = correct[h, images], correct[people, images]
            expected = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
            kappas.append((np.mean(a == b) - expected) / (1 - expected))
        out.append(np.mean(kappas))
    return np.percentile(out, [2.5, 97.5])


def test_intervals_against_a_slow_reference():
    rng = np.random.default_rng(1)
    correct = (rng.random((3, 60)) < 0.6).astype(float)
    who = (("subject-01", "human"), ("subject-02", "human"), ("net", "generative"))
    frame = pd.concat(
        [
            right(n, k, "".join(map(str, row.astype(int))), dataset="edge")
            for (n, k), row in zip(who, correct, strict=True)
        ]
    )
    table = benchmark_intervals(frame, n_resamples=60, seed=3)
    row = table[(table["observer"] == "net") & (table["measure"] == "error_consistency")].iloc[0]
    assert [row["low"], row["high"]] == pytest.approx(list(slow(correct, 2, 3, 60)), abs=1e-9)
    assert row["value"] == pytest.approx(benchmark(frame).set_index("observer").loc["net", "error_consistency"])
    pd.testing.assert_frame_equal(table, benchmark_intervals(frame, n_resamples=60, seed=3))
    assert not table.equals(benchmark_intervals(frame, n_resamples=60, seed=4))


def test_a_rank_is_certain_where_it_is_and_uncertain_where_it_is_not():
    rng = np.random.default_rng(2)
    human = rng.random(300) < 0.7
    letters = {
        "subject-01": human, "subject-02": np.where(rng.random(300) < 0.9, human, rng.random(300) < 0.7),
        "near": np.where(rng.random(300) < 0.8, human, rng.random(300) < 0.7),
        "far-1": rng.random(300) < 0.3, "far-2": rng.random(300) < 0.3,
    }  # fmt: skip
    frame = pd.concat([
        right(n, "human" if n.startswith("subject") else "generative", "".join(map(str, x.astype(int))), dataset="edge")
        for n, x in letters.items()
    ])  # fmt: skip
    ranks = benchmark_intervals(frame, n_resamples=300).set_index(["measure", "observer"]).loc["mean_rank"]
    assert list(ranks.loc["near", ["value", "low", "high"]]) == [1, 1, 1]
    assert ranks.loc["far-1", "low"] < ranks.loc["far-1", "high"] and ranks.loc["far-1", "low"] > 1


def test_all_right_and_all_wrong():
    """Kappa is undefined everywhere: no rank by it, no crash, and 1 by the other rule."""
    frame = pd.concat(
        [
            right(n, k, "1111", dataset="edge")
            for n, k in (("subject-01", "human"), ("subject-02", "human"), ("net", "generative"))
        ]
    )
    table = benchmark(frame).set_index("observer")
    assert table[["error_consistency", "mean_rank"]].isna().all(axis=None)
    assert table.loc["net", "ood_rank"] == 1 and table.loc["humans", "observed_consistency"] == 1
    assert (benchmark(frame, rule="model-vs-human")["error_consistency"] == 1).all()
    wrong = benchmark_intervals(frame.assign(correct=False), n_resamples=20)
    assert wrong.loc[wrong["measure"] == "error_consistency", ["value", "low", "high"]].isna().all(axis=None)


def test_only_people_and_one_person():
    table = benchmark(pd.concat(PEOPLE))
    assert list(table["observer"]) == ["humans"] and table["error_consistency"].notna().all()
    one = benchmark(PEOPLE[0])
    assert one["error_consistency"].isna().all() and "edge: one person" in one.attrs["notes"][-1]


def test_others_who_saw_other_images():
    apart = right("net", "generative", "1100", dataset="edge", images=["a", "b", "c", "d"])
    row = benchmark(pd.concat([*PEOPLE, apart])).set_index("observer").loc["net"]
    assert row["ood_accuracy"] == 0.5 and np.isnan(row["error_consistency"]) and np.isnan(row["mean_rank"])


def test_duplicates_are_refused():
    with pytest.raises(LogError, match="twice"):
        benchmark(pd.concat([*PEOPLE, PEOPLE[0]]))
