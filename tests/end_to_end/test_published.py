"""Values on the recorded people and networks that are published or were computed with the code of model-vs-human."""

import pytest

from analysis.benchmark.benchmark import benchmark_table
from analysis.benchmark.ranks import benchmark_intervals
from analysis.io.frame import read_trials
from analysis.kappa.ceiling import noise_ceiling
from analysis.kappa.clustering import cluster_observers, smallest_cluster_containing
from analysis.kappa.consistency import error_consistency, kappa_matrix, select_benchmark_conditions
from analysis.measures.shape_bias import pooled_shape_bias, shape_bias
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
def all_trials():
    """The trials of all recorded people and networks."""
    return read_trials([real("humans"), real("networks")])


@pytest.fixture(scope="module")
def cue_conflict(all_trials):
    """The trials on cue-conflict images."""
    return all_trials[all_trials["dataset"] == "cue-conflict"]


def test_kappa_between_people(all_trials):
    table = error_consistency(all_trials[all_trials["kind"] == "human"], intervals=False)
    kappas = {}
    for name in HUMAN_KAPPA:
        pairs = select_benchmark_conditions(table[table["dataset"] == name], name)
        kappas[name] = round(pairs.groupby(["observer_1", "observer_2"])["kappa"].mean().mean(), 4)
    assert kappas == HUMAN_KAPPA


def test_accuracy_of_people(all_trials):
    people = all_trials[all_trials["kind"] == "human"]
    accuracies = {name: round(people.loc[people["dataset"] == name, "correct"].mean(), 3) for name in HUMAN_ACCURACY}
    assert accuracies == HUMAN_ACCURACY


@pytest.mark.parametrize("rule", ["undefined-is-nan", "model-vs-human"])
def test_benchmark_numbers(all_trials, rule):
    table = benchmark_table(all_trials, rule=rule).set_index("observer")
    columns = ["ood_accuracy", "accuracy_difference", "observed_consistency", "error_consistency"]
    assert list(table.loc["humans", columns].astype(float).round(4)) == [0.7228, 0.0066, 0.8085, 0.4312]
    assert list(table.loc["resnet50", columns].astype(float).round(4)) == [0.5588, 0.0872, 0.6649, 0.2083]
    published = {"simclr_resnet50x1": [0.596, 0.080, 0.667, 0.179], "bagnet33": [0.398, 0.156, 0.567, 0.137]}
    for name, values in published.items():
        assert list(table.loc[name, columns]) == pytest.approx(values, abs=0.0007)
    assert table.loc["resnet50", "n_datasets"] == 17


# As printed in Tables 2 and 3 of Jaini et al. (2024), with the people of Geirhos et al. (2021).
PRINTED = {
    "resnet50": [0.559, 0.087, 0.665, 0.208],
    "simclr_resnet50x1": [0.596, 0.080, 0.667, 0.179],
    "bagnet33": [0.398, 0.156, 0.567, 0.137],
}


def test_table_equals_the_printed_table(all_trials):
    table = benchmark_table(all_trials, rule="model-vs-human")
    assert table.columns.tolist() == [
        "observer", "kind", "n_datasets", "ood_accuracy", "accuracy_difference", "observed_consistency",
        "error_consistency", "mean_rank", "ood_rank",
    ]  # fmt: skip
    rows = table.set_index("observer")
    for name, printed in PRINTED.items():
        assert rows.loc[name].iloc[2:6].astype(float).round(3).tolist() == printed
    assert table.iloc[0, :3].tolist() == ["humans", "human", 17]
    # These three answered all conditions. In Tables 2 and 3, SimCLR also precedes ResNet-50 in OOD accuracy.
    assert rows.loc[list(PRINTED), "ood_rank"].tolist() == [2, 1, 3]
    assert rows.loc[list(PRINTED), "mean_rank"].tolist() == pytest.approx([5 / 3, 4 / 3, 3])
    assert rows["mean_rank"].notna().sum() == 3
    assert (
        "ranks compare only the observers that responded to the same 46 conditions of 17 datasets"
        in table.attrs["notes"][1]
    )


def test_intervals_of_the_benchmark(all_trials):
    table = benchmark_intervals(all_trials, n_resamples=200).set_index(["measure", "observer"])
    assert table.loc[("error_consistency", "humans"), "value"] == pytest.approx(0.4312, abs=5e-5)
    measures = table.loc[["ood_accuracy", "error_consistency", "observed_consistency"]]
    assert (measures["low"] < measures["value"]).all() and (measures["value"] < measures["high"]).all()
    people, net = table.loc[("error_consistency", "humans")], table.loc[("error_consistency", "resnet50")]
    assert net["high"] < people["low"]
    assert table.loc[("ood_rank", "bagnet33"), ["low", "value", "high"]].tolist() == [3, 3, 3]


def test_ceiling_is_the_mean_kappa_between_people(all_trials):
    table = (
        noise_ceiling(all_trials[all_trials["kind"] == "human"], n_resamples=2).groupby("dataset")["ceiling"].first()
    )
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
    matrix = kappa_matrix(error_consistency(cue_conflict, intervals=False), "cue-conflict")
    people = [name for name in matrix if name.startswith("subject-")]
    assert {name: round(matrix.loc[name, people].mean(), 3) for name in KAPPA_WITH_PEOPLE} == KAPPA_WITH_PEOPLE
    assert round(matrix.loc["resnet50", "cornet-s"], 3) == 0.711


def test_people_form_one_cluster(cue_conflict):
    matrix = kappa_matrix(error_consistency(cue_conflict, intervals=False), "cue-conflict")
    people = [name for name in matrix if name.startswith("subject-")]
    assert (len(people), len(matrix)) == (10, 36)
    assert smallest_cluster_containing(cluster_observers(matrix), people) == (10, ())


def test_pooling_conditions_inflates_kappa(all_trials):
    contrast = all_trials[(all_trials["dataset"] == "contrast") & all_trials["observer"].str.match("subject-|resnet50")]
    table = error_consistency(contrast, intervals=False)
    with_people = table[table["observer_2"] == "resnet50"]
    per_condition = select_benchmark_conditions(with_people, "contrast").groupby("observer_1")["kappa"].mean().mean()
    images = contrast["stimulus"].astype("str") + contrast["condition"].astype("str")
    pooled = error_consistency(contrast.assign(condition="c100", stimulus=images), intervals=False)
    pooled_mean = pooled[pooled["observer_2"] == "resnet50"]["kappa"].mean()
    assert (round(pooled_mean, 3), round(per_condition, 3)) == (0.475, 0.225)
