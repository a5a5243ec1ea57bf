"""Support of branches, agreement with kinds, who is among the people, and the map."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from analysis.branches import (
    AMONG_COLUMNS,
    BRANCH_COLUMNS,
    adjusted_rand,
    agreement_with_kinds,
    among_people,
    branches,
    groups_of,
    grow,
    sentences,
)
from analysis.clustering import cluster
from analysis.condition_data import resampling
from analysis.consistency import consistency, kappa_matrix
from analysis.embedding import embed
from analysis.frame import read_trials
from analysis.pairs import pairs
from stimuli.errors import LogError
from tests.analysis.frames import right
from tests.analysis.test_clustering import leaf_sets
from tests.analysis.test_contrasts import KINDS, clumped
from tests.conftest import real


def test_pairs_are_those_of_the_table_and_of_its_bootstrap():
    frame = pd.concat([clumped(KINDS, seed).assign(condition=c) for seed, c in enumerate("12")])
    table = consistency(frame, intervals=False)
    found = pairs(frame)
    pd.testing.assert_frame_equal(found.matrix(), kappa_matrix(table, "mine"))
    drawn = pairs(frame, weigh=resampling(300, 0)).kappas
    one = clumped(KINDS)
    assert pairs(one, weigh=resampling(300, 0)).kappas.std() > drawn.std() * 0.9 and drawn.shape == (28, 300)


def test_support_is_the_share_of_trees_with_the_branch():
    frame = clumped(KINDS, n=80, share=0.5)
    grown = grow(frame, n_resamples=25, seed=3)
    table = branches(grown)
    assert tuple(table.columns) == BRANCH_COLUMNS and len(table) == 7 and table["support"].iloc[-1] == 1
    drawn = pairs(frame, weigh=resampling(25, 3))
    trees = [cluster(drawn.matrix(r)) for r in range(25)]
    sets = [[frozenset(tree.order[leaf] for leaf in node) for node in leaf_sets(tree)] for tree in trees]
    for row in table.itertuples():
        assert row.support == pytest.approx(np.mean([frozenset(row.observers.split(", ")) in those for those in sets]))
    assert 0 < table["support"].min() < 1


def test_clear_clusters_are_supported_and_agree_with_kinds():
    frame = clumped(KINDS, n=400, share=0.8)
    grown = grow(frame, n_resamples=50)
    table = branches(grown).set_index("observers")
    assert {frozenset(o.split(", ")): s for o, s in table["support"].items()}[frozenset(["p1", "p2", "p3"])] == 1
    groups = groups_of(grown)
    assert groups.groupby("group")["kind"].nunique().eq(1).all()
    value, p = agreement_with_kinds(groups)
    assert value == 1 and p < 0.02
    one = groups_of(grown, 1)
    assert np.isnan(agreement_with_kinds(one)).all()
    with pytest.raises(LogError, match="8 observers make 1 to 8 clusters, not 9"):
        groups_of(grown, 9)


def test_scikit_learn_agrees():
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = rng.integers(4, size=30), rng.integers(3, size=30)
        assert adjusted_rand(one, other) == pytest.approx(adjusted_rand_score(one, other))
    assert np.isnan(adjusted_rand(np.zeros(4, int), np.zeros(4, int)))


def test_the_permutation_test_one_by_one():
    groups = pd.DataFrame({"kind": list("aaabbbcc"), "group": [0, 0, 1, 1, 1, 2, 2, 2]})
    value, p = agreement_with_kinds(groups, seed=1)
    kind, rng = pd.factorize(groups["kind"])[0], np.random.default_rng(2)
    drawn = [adjusted_rand_score(rng.permutation(kind), groups["group"]) for _ in range(600)]
    assert value == pytest.approx(adjusted_rand_score(kind, groups["group"]))
    assert p == pytest.approx(np.mean(np.array(drawn) >= value - 1e-12), abs=0.05)


def test_among_people():
    """`like` errs as people do, `apart` on its own."""
    rng = np.random.default_rng(1)
    hard = rng.random(400) < 0.6
    mix = {"p1": 0.7, "p2": 0.7, "p3": 0.6, "like": 0.75, "apart": 0.0}
    frame = pd.concat([
        right(n, "human" if n.startswith("p") else "generative",
              "".join(str(int(x)) for x in np.where(rng.random(400) < share, hard, rng.random(400) < 0.6)))
        for n, share in mix.items()
    ])  # fmt: skip
    grown = grow(frame, n_resamples=100)
    table = among_people(frame, grown, n_resamples=100)
    assert tuple(table.columns) == AMONG_COLUMNS
    rows = table.set_index("observer")
    matrix = kappa_matrix(consistency(frame, intervals=False), "mine")
    people = ["p1", "p2", "p3"]
    own = [matrix.loc[p, [q for q in people if q != p]].mean() for p in people]
    assert rows.loc["like", "kappa"] == pytest.approx(matrix.loc["like", people].mean())
    assert rows.loc["like", ["people_lowest", "people_mean", "people_highest"]].tolist() == pytest.approx(
        [min(own), np.mean(own), max(own)]
    )
    assert bool(rows.loc["like", "among_people"]) and not rows.loc["apart", "among_people"]
    assert rows.loc["like", "in_cluster"] > 0.9 and rows.loc["apart", "in_cluster"] == 0
    said = dict(zip(table["observer"], sentences(table), strict=True))
    assert said["like"].startswith("like (generative) falls among the people, above ")
    assert said["apart"].startswith(
        "apart (generative) does not fall among the people: it is below every one of them (kappa with"
    )
    assert said["apart"].endswith("in the people's cluster in 0 % of resampled trees")


def test_among_people_degenerate():
    few = clumped({"p1": "human", "g1": "generative", "g2": "generative"})
    assert len(among_people(few, grow(few, n_resamples=5))) == 0
    nobody = few[few["kind"] != "human"]
    assert len(among_people(nobody, grow(nobody, n_resamples=5))) == 0
    whole = clumped({"p1": "human", "p2": "human", "g1": "generative"})
    mute = whole[whole["observer"] != "g1"]
    apart = whole[whole["observer"] == "g1"].assign(stimulus=lambda f: f["stimulus"] + "x")
    frame = pd.concat([mute, apart])
    table = among_people(frame, grow(frame, n_resamples=5), n_resamples=5)
    assert sentences(table) == ["g1 (generative): its kappa with people is undefined"]
    perfect = whole.assign(correct=True)
    assert len(among_people(perfect, grow(perfect, n_resamples=5))) == 0


def test_refused():
    with pytest.raises(LogError, match="two observers or more, got p1"):
        grow(clumped({"p1": "human"}))
    two = pd.concat([clumped(KINDS), clumped(KINDS).assign(dataset="other")])
    with pytest.raises(LogError, match="one dataset at a time, got mine, other: give --dataset"):
        grow(two)


def test_a_map_of_points_in_the_plane_is_those_points():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(7, 2)) * [0.3, 0.1]
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    names = [f"o{i}" for i in range(7)]
    found, share = embed(pd.DataFrame(1 - distance, index=names, columns=names))
    xy = found[["x", "y"]].to_numpy()
    assert np.linalg.norm(xy[:, None] - xy[None], axis=-1) == pytest.approx(distance)
    assert share == pytest.approx(1) and xy[:, 0].var() > xy[:, 1].var()
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in xy.T)


def test_maps_that_are_not_flat():
    names = list("abc")
    one, share = embed(pd.DataFrame([[1.0]], index=["a"], columns=["a"]))
    assert (one[["x", "y"]] == 0).all(axis=None) and np.isnan(share)
    same, share = embed(pd.DataFrame(np.ones((3, 3)), index=names, columns=names))
    assert (same[["x", "y"]] == 0).all(axis=None) and np.isnan(share)
    undefined = pd.DataFrame([[1, np.nan], [np.nan, 1]], index=["a", "b"], columns=["a", "b"])
    assert embed(undefined)[0]["x"].tolist() == pytest.approx([0.5, -0.5])  # as far as kappa 0
    with pytest.raises(ValueError, match="symmetric"):
        embed(pd.DataFrame([[1, 0.2], [0.1, 1]], index=["a", "b"], columns=["a", "b"]))


def test_published_people_are_a_cluster_in_most_resamples():
    frame = read_trials([real("humans", "cue-conflict"), real("networks", "cue-conflict")])
    grown = grow(frame, n_resamples=100)
    table = branches(grown)
    people = ", ".join(f"subject-{i:02d}" for i in range(1, 11))
    support = {frozenset(o.split(", ")): s for o, s in zip(table["observers"], table["support"], strict=True)}
    assert support[frozenset(people.split(", "))] > 0.5
    assert agreement_with_kinds(groups_of(grown))[0] == 1
    among = among_people(frame, grown, n_resamples=50)
    assert len(among) == 26 and not among["among_people"].any() and (among["people_mean"].round(4) == 0.3311).all()
