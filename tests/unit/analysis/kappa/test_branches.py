"""Support of branches, agreement of groups with kinds, the human range, and the map of observers."""

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from sklearn.metrics import adjusted_rand_score

from analysis.io.frame import read_trials
from analysis.kappa.branches import (
    BRANCH_COLUMNS,
    HUMAN_RANGE_COLUMNS,
    adjusted_rand_index,
    agreement_with_kinds,
    branch_support,
    human_range,
    human_range_sentences,
    observer_groups,
    resample_trees,
    within_human_range,
)
from analysis.kappa.clustering import cluster_observers
from analysis.kappa.condition_data import bootstrap_weights, resample_comparisons
from analysis.kappa.consistency import error_consistency, kappa_matrix
from analysis.kappa.embedding import map_observers
from analysis.kappa.pairs import pair_kappas
from analysis.report.sections.agreement import human_range_summary
from core.errors import LogError
from tests.conftest import real
from tests.unit.analysis.frames import correct_trials
from tests.unit.analysis.kappa.test_clustering import leaf_sets
from tests.unit.analysis.kappa.test_contrasts import KINDS, clustered_trials


def test_pair_kappas_equal_those_of_the_consistency_table():
    frame = pd.concat([clustered_trials(KINDS, seed).assign(condition=c) for seed, c in enumerate("12")])
    table = error_consistency(frame, intervals=False)
    pd.testing.assert_frame_equal(pair_kappas(frame).matrix(), kappa_matrix(table, "mine"))
    two_conditions = pair_kappas(frame, image_weights=bootstrap_weights(300, 0)).kappas
    one_condition = pair_kappas(clustered_trials(KINDS), image_weights=bootstrap_weights(300, 0)).kappas
    assert one_condition.std() > two_conditions.std() * 0.9 and two_conditions.shape == (28, 300)


def test_support_is_the_share_of_trees_with_the_branch():
    frame = clustered_trials(KINDS, n=80, share=0.5)
    trees = resample_trees(frame, n_resamples=25, seed=3)
    table = branch_support(trees)
    assert tuple(table.columns) == BRANCH_COLUMNS and len(table) == 7 and table["support"].iloc[-1] == 1
    resampled = pair_kappas(frame, image_weights=bootstrap_weights(25, 3))
    slow_trees = [cluster_observers(resampled.matrix(r)) for r in range(25)]
    branches = [[frozenset(tree.order[leaf] for leaf in node) for node in leaf_sets(tree)] for tree in slow_trees]
    for row in table.itertuples():
        observers = frozenset(row.observers.split(", "))
        assert row.support == pytest.approx(np.mean([observers in of_tree for of_tree in branches]))
    assert 0 < table["support"].min() < 1


def test_clear_clusters_are_supported_and_agree_with_kinds():
    frame = clustered_trials(KINDS, n=400, share=0.8)
    trees = resample_trees(frame, n_resamples=50)
    table = branch_support(trees).set_index("observers")
    assert {frozenset(o.split(", ")): s for o, s in table["support"].items()}[frozenset(["p1", "p2", "p3"])] == 1
    groups = observer_groups(trees)
    assert groups.groupby("group")["kind"].nunique().eq(1).all()
    index, p = agreement_with_kinds(groups)
    assert index == 1 and p < 0.02
    assert np.isnan(agreement_with_kinds(observer_groups(trees, 1))).all()
    with pytest.raises(LogError, match="8 observers can be cut into 1 to 8 clusters, but 9 were requested"):
        observer_groups(trees, 9)


def test_adjusted_rand_index_equals_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        labels_1, labels_2 = rng.integers(4, size=30), rng.integers(3, size=30)
        assert adjusted_rand_index(labels_1, labels_2) == pytest.approx(adjusted_rand_score(labels_1, labels_2))
    assert np.isnan(adjusted_rand_index(np.zeros(4, int), np.zeros(4, int)))


@pytest.mark.slow
def test_p_value_of_agreement_equals_a_slow_permutation_test():
    groups = pd.DataFrame({"kind": list("aaabbbcc"), "group": [0, 0, 1, 1, 1, 2, 2, 2]})
    index, p = agreement_with_kinds(groups, seed=1)
    kind, rng = pd.factorize(groups["kind"])[0], np.random.default_rng(2)
    permuted = [adjusted_rand_score(rng.permutation(kind), groups["group"]) for _ in range(600)]
    assert index == pytest.approx(adjusted_rand_score(kind, groups["group"]))
    assert p == pytest.approx(np.mean(np.array(permuted) >= index - 1e-12), abs=0.05)


def test_within_human_range():
    """The observer `like` makes errors on the images that people find hard, `apart` makes independent errors."""
    rng = np.random.default_rng(1)
    common = rng.random(400) < 0.6
    share_of = {"p1": 0.7, "p2": 0.7, "p3": 0.6, "like": 0.75, "apart": 0.0}
    frame = pd.concat([
        correct_trials(
            name, "human" if name.startswith("p") else "generative",
            "".join(str(int(x)) for x in np.where(rng.random(400) < share, common, rng.random(400) < 0.6)),
        )
        for name, share in share_of.items()
    ])  # fmt: skip
    trees = resample_trees(frame, n_resamples=100)
    table = within_human_range(frame, trees, n_resamples=100)
    assert tuple(table.columns) == HUMAN_RANGE_COLUMNS
    rows = table.set_index("observer")
    matrix = kappa_matrix(error_consistency(frame, intervals=False), "mine")
    people = ["p1", "p2", "p3"]
    leave_one_out = [matrix.loc[p, [q for q in people if q != p]].mean() for p in people]
    assert rows.loc["like", "kappa"] == pytest.approx(matrix.loc["like", people].mean())
    assert rows.loc["like", ["people_lowest", "people_mean", "people_highest"]].tolist() == pytest.approx(
        [min(leave_one_out), np.mean(leave_one_out), max(leave_one_out)]
    )
    assert bool(rows.loc["like", "among_people"]) and not rows.loc["apart", "among_people"]
    assert rows.loc["like", "in_cluster"] > 0.9 and rows.loc["apart", "in_cluster"] == 0
    sentences = dict(zip(table["observer"], human_range_sentences(table), strict=True))
    assert sentences["like"].startswith(
        "like (generative) is within the human range: it agrees with people better than "
    )
    assert sentences["apart"].startswith(
        "apart (generative) is below the human range: it agrees with people less than the least consistent person does "
        "(kappa with"
    )
    assert sentences["apart"].endswith("it is in the cluster of the people in 0 % of the resampled trees")


def test_human_range_without_two_people_or_defined_kappas():
    one_person = clustered_trials({"p1": "human", "g1": "generative", "g2": "generative"})
    assert len(within_human_range(one_person, resample_trees(one_person, n_resamples=5))) == 0
    no_people = one_person[one_person["kind"] != "human"]
    assert len(within_human_range(no_people, resample_trees(no_people, n_resamples=5))) == 0
    trials = clustered_trials({"p1": "human", "p2": "human", "g1": "generative"})
    people = trials[trials["observer"] != "g1"]
    other_images = trials[trials["observer"] == "g1"].assign(stimulus=lambda f: f["stimulus"] + "x")
    frame = pd.concat([people, other_images])
    table = within_human_range(frame, resample_trees(frame, n_resamples=5), n_resamples=5)
    assert human_range_sentences(table) == ["the kappa of g1 (generative) with people is undefined"]
    perfect = trials.assign(correct=True)
    assert len(within_human_range(perfect, resample_trees(perfect, n_resamples=5))) == 0


def test_trees_need_two_observers_and_one_dataset():
    with pytest.raises(LogError, match="clustering needs at least two observers, but the data have p1"):
        resample_trees(clustered_trials({"p1": "human"}))
    two_datasets = pd.concat([clustered_trials(KINDS), clustered_trials(KINDS).assign(dataset="other")])
    message = "expected the trials of one dataset, found mine, other; choose one with --dataset"
    with pytest.raises(LogError, match=message):
        resample_trees(two_datasets)


def test_map_of_points_in_a_plane_recovers_their_distances():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(7, 2)) * [0.3, 0.1]
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    names = [f"o{i}" for i in range(7)]
    table, share = map_observers(pd.DataFrame(1 - distance, index=names, columns=names))
    xy = table[["x", "y"]].to_numpy()
    assert np.linalg.norm(xy[:, None] - xy[None], axis=-1) == pytest.approx(distance)
    assert share == pytest.approx(1) and xy[:, 0].var() > xy[:, 1].var()
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in xy.T)


def test_map_of_degenerate_matrices():
    names = list("abc")
    single, share = map_observers(pd.DataFrame([[1.0]], index=["a"], columns=["a"]))
    assert (single[["x", "y"]] == 0).all(axis=None) and np.isnan(share)
    identical, share = map_observers(pd.DataFrame(np.ones((3, 3)), index=names, columns=names))
    assert (identical[["x", "y"]] == 0).all(axis=None) and np.isnan(share)
    undefined = pd.DataFrame([[1, np.nan], [np.nan, 1]], index=["a", "b"], columns=["a", "b"])
    assert map_observers(undefined)[0]["x"].tolist() == pytest.approx([0.5, -0.5])  # the distance of kappa 0
    with pytest.raises(ValueError, match="symmetric"):
        map_observers(pd.DataFrame([[1, 0.2], [0.1, 1]], index=["a", "b"], columns=["a", "b"]))


@pytest.mark.slow
def test_published_people_are_a_cluster_in_most_resamples():
    frame = read_trials([real("humans", "cue-conflict"), real("networks", "cue-conflict")])
    trees = resample_trees(frame, n_resamples=100)
    table = branch_support(trees)
    people = frozenset(f"subject-{i:02d}" for i in range(1, 11))
    support = {frozenset(o.split(", ")): s for o, s in zip(table["observers"], table["support"], strict=True)}
    assert support[people] > 0.5
    assert agreement_with_kinds(observer_groups(trees))[0] == 1
    networks = within_human_range(frame, trees, n_resamples=50)
    assert len(networks) == 26 and not networks["among_people"].any()
    assert (networks["people_mean"].round(4) == 0.3311).all()


def mixed_letters(rng, n=40):
    """Return n letters with both correct and wrong responses."""
    return "10" + "".join(rng.choice(list("10"), n - 2, p=[0.8, 0.2]))


def test_observers_that_are_always_right_or_wrong_are_not_compared():
    """Their kappa is necessarily 0: rounding must not decide whether they are within the human range."""
    rng = np.random.default_rng(0)
    parts = []
    for n, condition in ((39, "c1"), (38, "c2"), (37, "c3")):
        images = [f"{condition}-{k}" for k in range(n)]
        letters = {"never": "1" * n, "always": "0" * n, "mixed": mixed_letters(rng, n)}
        people = {f"p{k}": mixed_letters(rng, n) for k in range(3)} | {"perfect": "1" * n}
        parts += [correct_trials(o, "generative", x, condition=condition, images=images) for o, x in letters.items()]
        parts += [correct_trials(o, "human", x, condition=condition, images=images) for o, x in people.items()]
    frame = pd.concat(parts, ignore_index=True)
    trees = resample_trees(frame, n_resamples=5)
    table = within_human_range(frame, trees, n_resamples=5).set_index("observer", drop=False)
    assert table.loc[["never", "always"], "among_people"].tolist() == [None, None]
    assert table.loc[["never", "always"], "kappa"].tolist() == [0.0, 0.0]  # exactly, and not -1e-17
    assert isinstance(table.loc["mixed", "among_people"], bool)
    assert (table["n_people"] == 3).all()  # the person who is always right is not part of the range
    sentences = human_range_sentences(table.loc[["always", "never", "mixed"]])
    assert (
        sentences[0].replace("always", "never", 1) == sentences[1]
        and "not compared with the human range" in sentences[0]
    )
    assert "of 3 people do" in sentences[2] or "below the human range" in sentences[2]
    among = table.reset_index(drop=True)
    assert "always, never cannot be compared with people" in human_range_summary(among)
    only_perfect = frame[frame["kind"] == "generative"].assign(kind="human").query("observer != 'mixed'")
    frame = pd.concat([only_perfect, frame[frame["observer"] == "mixed"]], ignore_index=True)
    table = within_human_range(frame, resample_trees(frame, n_resamples=5), n_resamples=5)
    assert table["among_people"].tolist() == [None]
    assert human_range_summary(table).startswith("mixed cannot be compared with people")


def test_a_kappa_that_ties_with_that_of_a_person_is_within_the_human_range():
    rng = np.random.default_rng(1)
    people = {f"p{k}": mixed_letters(rng) for k in range(3)}
    parts = [correct_trials(o, "human", x) for o, x in people.items()]
    frame = pd.concat([*parts, correct_trials("net", "generative", mixed_letters(rng))], ignore_index=True)
    (comparison,) = resample_comparisons(frame, n_resamples=5)
    trees = resample_trees(frame, n_resamples=5)
    for shift, is_within in ((-1e-12, True), (-1e-6, False)):
        value = comparison.data.per_person[2, :, :1].min() + shift
        with_people = comparison.data.with_people.copy()
        with_people[2] = value
        tied = evolve(comparison, data=evolve(comparison.data, with_people=with_people))
        (row,) = human_range([tied], trees).itertuples()
        assert (row.among_people, row.n_people_below) == (is_within, 0)
