"""The values that are published, or were measured with the field's own code, on the recorded people and networks."""

import pytest

from analysis.benchmark import benchmark
from analysis.ceiling import noise_ceiling
from analysis.clustering import cluster, smallest_pure_cluster
from analysis.consistency import consistency, included, kappa_matrix
from analysis.frame import read_trials
from analysis.ranks import benchmark_intervals
from analysis.shape_bias import pooled_shape_bias, shape_bias
from tests.conftest import real

HUMAN_KAPPA = {
    "cue-conflict": 0.3311, "edge": 0.3184, "silhouette": 0.4757, "sketch": 0.3696, "stylized": 0.5006, "colour": 0.4154,
    "contrast": 0.4370, "high-pass": 0.4401, "low-pass": 0.4689, "phase-scrambling": 0.4467, "power-equalisation": 0.5106,
    "false-colour": 0.4440, "rotation": 0.4385, "eidolonI": 0.3863, "eidolonII": 0.4540, "eidolonIII": 0.4595,
    "uniform-noise": 0.4341,
}  # fmt: skip
HUMAN_ACCURACY = {"cue-conflict": 0.776, "edge": 0.871, "silhouette": 0.753, "sketch": 0.916, "stylized": 0.471}
SHAPE_BIAS = {
    "resnet50": 0.2142, "resnet50-trained-on-SIN": 0.8137, "resnet50-trained-on-SIN-and-IN": 0.3465,
    "resnet50-trained-on-SIN-and-IN-then-finetuned-on-IN": 0.2054, "cornet-s": 0.1812, "alexnet": 0.2394,
}  # fmt: skip
KAPPA_WITH_PEOPLE = {"resnet50": 0.068, "cornet-s": 0.066, "alexnet": 0.080, "resnet50-trained-on-SIN": 0.195}
CATEGORIES_BY_SHAPE_BIAS = [
    "bicycle", "clock", "chair", "bottle", "truck", "car", "bird", "oven", "elephant", "cat", "keyboard", "dog", "bear",
    "airplane", "knife", "boat",
]  # fmt: skip


@pytest.fixture(scope="module")
def everyone():
    return read_trials([real("humans"), real("networks")])


@pytest.fixture(scope="module")
def cue_conflict(everyone):
    return everyone[everyone["dataset"] == "cue-conflict"]


def test_people_agree_with_each_other_as_published(everyone):
    table = consistency(everyone[everyone["kind"] == "human"], intervals=False)
    found = {}
    for name in HUMAN_KAPPA:
        pairs = included(table[table["dataset"] == name], name)
        found[name] = round(pairs.groupby(["observer_1", "observer_2"])["kappa"].mean().mean(), 4)
    assert found == HUMAN_KAPPA


def test_accuracy_of_people(everyone):
    people = everyone[everyone["kind"] == "human"]
    found = {name: round(people.loc[people["dataset"] == name, "correct"].mean(), 3) for name in HUMAN_ACCURACY}
    assert found == HUMAN_ACCURACY


@pytest.mark.parametrize("rule", ["undefined-is-nan", "model-vs-human"])
def test_benchmark_numbers(everyone, rule):
    table = benchmark(everyone, rule=rule).set_index("observer")
    columns = ["ood_accuracy", "accuracy_difference", "observed_consistency", "error_consistency"]
    assert list(table.loc["humans", columns].astype(float).round(4)) == [0.7228, 0.0066, 0.8085, 0.4312]
    assert list(table.loc["resnet50", columns].astype(float).round(4)) == [0.5588, 0.0872, 0.6649, 0.2083]
    published = {"simclr_resnet50x1": [0.596, 0.080, 0.667, 0.179], "bagnet33": [0.398, 0.156, 0.567, 0.137]}
    for name, values in published.items():
        assert list(table.loc[name, columns]) == pytest.approx(values, abs=0.0007)
    assert table.loc["resnet50", "n_datasets"] == 17


# Tables 2 and 3 of Jaini et al. (2024), and the people of Geirhos et al. (2021), as printed.
PRINTED = {
    "resnet50": [0.559, 0.087, 0.665, 0.208],
    "simclr_resnet50x1": [0.596, 0.080, 0.667, 0.179],
    "bagnet33": [0.398, 0.156, 0.567, 0.137],
}


def test_the_printed_table_digit_for_digit(everyone):
    table = benchmark(everyone, rule="model-vs-human")
    assert table.columns.tolist() == [
        "observer", "kind", "n_datasets", "ood_accuracy", "accuracy_difference", "observed_consistency",
        "error_consistency", "mean_rank", "ood_rank",
    ]  # fmt: skip
    rows = table.set_index("observer")
    for name, printed in PRINTED.items():
        assert rows.loc[name].iloc[2:6].astype(float).round(3).tolist() == printed
    assert table.iloc[0, :3].tolist() == ["humans", "human", 17]
    # Of the three that answered everything; in Tables 2 and 3 SimCLR stands before ResNet-50 in OOD accuracy as well.
    assert rows.loc[list(PRINTED), "ood_rank"].tolist() == [2, 1, 3]
    assert rows.loc[list(PRINTED), "mean_rank"].tolist() == pytest.approx([5 / 3, 4 / 3, 3])
    assert rows["mean_rank"].notna().sum() == 3
    assert "ranks are among those who answered the same 46 conditions of 17 datasets" in table.attrs["notes"][1]


def test_intervals_of_the_benchmark(everyone):
    table = benchmark_intervals(everyone, n_resamples=200).set_index(["measure", "observer"])
    assert table.loc[("error_consistency", "humans"), "value"] == pytest.approx(0.4312, abs=5e-5)
    within = table.loc[["ood_accuracy", "error_consistency", "observed_consistency"]]
    assert (within["low"] < within["value"]).all() and (within["value"] < within["high"]).all()
    people, net = table.loc[("error_consistency", "humans")], table.loc[("error_consistency", "resnet50")]
    assert net["high"] < people["low"]
    assert table.loc[("ood_rank", "bagnet33"), ["low", "value", "high"]].tolist() == [3, 3, 3]


def test_the_ceiling_is_the_mean_kappa_of_people(everyone):
    table = noise_ceiling(everyone[everyone["kind"] == "human"], n_resamples=2).groupby("dataset")["ceiling"].first()
    assert {name: round(value, 4) for name, value in table.items()} == HUMAN_KAPPA


def test_shape_bias_of_people(cue_conflict):
    table = shape_bias(cue_conflict)
    people = table[(table["kind"] == "human") & (table["category"] == "all")]["shape_bias"]
    assert (round(people.min(), 3), round(people.max(), 3), round(people.mean(), 4)) == (0.919, 0.987, 0.9576)
    pooled = pooled_shape_bias(cue_conflict).set_index("category")["shape_bias"]
    assert round(pooled["all"], 4) == 0.9587
    by_category = pooled.drop("all").sort_values(ascending=False)
    assert list(by_category.index) == CATEGORIES_BY_SHAPE_BIAS
    assert (round(by_category["bicycle"], 3), round(by_category["boat"], 3)) == (0.997, 0.872)
    assert set(table.loc[table["category"] == "all", "n_conflict"]) == {1200}


def test_shape_bias_of_networks(cue_conflict):
    table = shape_bias(cue_conflict)
    overall = table[table["category"] == "all"].set_index("observer")["shape_bias"]
    assert {name: round(overall[name], 4) for name in SHAPE_BIAS} == SHAPE_BIAS


def test_kappa_of_networks_with_people(cue_conflict):
    matrix = kappa_matrix(consistency(cue_conflict, intervals=False), "cue-conflict")
    people = [name for name in matrix if name.startswith("subject-")]
    assert {name: round(matrix.loc[name, people].mean(), 3) for name in KAPPA_WITH_PEOPLE} == KAPPA_WITH_PEOPLE
    assert round(matrix.loc["resnet50", "cornet-s"], 3) == 0.711


def test_people_form_one_cluster(cue_conflict):
    matrix = kappa_matrix(consistency(cue_conflict, intervals=False), "cue-conflict")
    people = [name for name in matrix if name.startswith("subject-")]
    assert (len(people), len(matrix)) == (10, 36)
    assert smallest_pure_cluster(cluster(matrix), people) == (10, ())


def test_pooling_conditions_would_inflate_kappa(everyone):
    contrast = everyone[(everyone["dataset"] == "contrast") & everyone["observer"].str.match("subject-|resnet50")]
    table = consistency(contrast, intervals=False)
    with_people = table[table["observer_2"] == "resnet50"]
    per_condition = included(with_people, "contrast").groupby("observer_1")["kappa"].mean().mean()
    images = contrast["stimulus"] + contrast["condition"]
    pooled = consistency(contrast.assign(condition="c100", stimulus=images), intervals=False)
    pooled_mean = pooled[pooled["observer_2"] == "resnet50"]["kappa"].mean()
    assert (round(pooled_mean, 3), round(per_condition, 3)) == (0.475, 0.225)
