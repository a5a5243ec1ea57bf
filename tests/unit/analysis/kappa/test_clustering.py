"""Clustering of observers: groups, leaf order and degenerate cases."""

from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import pytest

from analysis.kappa.clustering import Clustering, cluster_observers, smallest_cluster_containing
from core.errors import LogError


def kappa_table(values, names="abcdefghij"):
    values = np.asarray(values, float)
    return pd.DataFrame(values, index=list(names[: len(values)]), columns=list(names[: len(values)]))


def three_pairs(names="paxqby", high=0.6, low=0.05, seed=0):
    """Return kappas in which the observers p and q, a and b, and x and y are similar, with a little noise."""
    pair_of = {name: i for i, pair in enumerate(("pq", "ab", "xy")) for name in pair}
    noise = np.random.default_rng(seed).normal(0, 0.01, (len(names), len(names)))
    values = [[high if pair_of[i] == pair_of[j] else low for j in names] for i in names] + noise + noise.T
    np.fill_diagonal(values, 1)
    return kappa_table(values, names)


def leaf_sets(tree):
    """Return the leaves below every node, computed independently of the tested code."""
    sets = [{leaf} for leaf in range(len(tree.order))]
    for left, right in tree.linkage[:, :2].astype(int):
        sets.append(sets[left] | sets[right])
    return sets


def test_similar_observers_form_groups():
    tree = cluster_observers(three_pairs())
    groups = tree.groups(3)
    assert sorted("".join(sorted(n for n in groups if groups[n] == g)) for g in range(3)) == ["ab", "pq", "xy"]
    assert [groups[name] for name in tree.order] == [0, 0, 1, 1, 2, 2]  # numbered in leaf order
    assert set(tree.groups(1).values()) == {0}
    assert tree.groups(6) == {name: i for i, name in enumerate(tree.order)}


def test_linkage_refers_to_ordered_leaves_and_its_heights_are_mean_distances():
    kappa = three_pairs()
    tree = cluster_observers(kappa)
    for (left, right, height, size), leaves in zip(tree.linkage, leaf_sets(tree)[6:], strict=True):
        left_leaves, right_leaves = (sorted(leaf_sets(tree)[int(child)]) for child in (left, right))
        between = [1 - kappa.loc[tree.order[i], tree.order[j]] for i in left_leaves for j in right_leaves]
        assert height == pytest.approx(np.mean(between))
        assert left_leaves < right_leaves  # the first child has the first leaves, so scipy's leaf order is 0, 1, …
        assert size == len(leaves) == len(left_leaves) + len(right_leaves)
        assert sorted(leaves) == list(range(min(leaves), max(leaves) + 1))  # branches do not cross


@pytest.mark.parametrize("seed", range(12))
def test_leaf_order_is_the_shortest_that_the_tree_allows(seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-0.2, 0.9, (6, 6))
    kappa = kappa_table((values + values.T) / 2)
    tree = cluster_observers(kappa)

    def length(order):
        return sum(1 - kappa.loc[i, j] for i, j in pairwise(order))

    clusters = [{tree.order[leaf] for leaf in node} for node in leaf_sets(tree)[6:]]
    allowed = [
        order
        for order in permutations(tree.order)
        if all(max(map(order.index, c)) - min(map(order.index, c)) == len(c) - 1 for c in clusters)
    ]
    assert len(allowed) == 2**5
    assert length(tree.order) == pytest.approx(min(map(length, allowed)))


def test_first_observer_is_in_the_first_half_and_results_repeat():
    for seed in range(10):
        kappa = three_pairs(seed=seed)
        tree = cluster_observers(kappa)
        assert tree.order.index("p") < 3
        repeated = cluster_observers(kappa)
        assert repeated.order == tree.order
        assert np.array_equal(repeated.linkage, tree.linkage)


def test_undefined_kappa_counts_as_zero_and_distances_are_not_negative():
    with_nan = cluster_observers(kappa_table([[1, 0.5, np.nan], [0.5, 1, -0.3], [np.nan, -0.3, 1]]))
    with_zero = cluster_observers(kappa_table([[1, 0.5, 0], [0.5, 1, -0.3], [0, -0.3, 1]]))
    assert with_nan.order == with_zero.order
    assert with_nan.linkage == pytest.approx(with_zero.linkage)
    assert with_nan.linkage[-1, 2] == pytest.approx((1 + 1.3) / 2)
    assert cluster_observers(kappa_table([[1, 1 + 1e-12], [1 + 1e-12, 1]])).linkage[0, 2] == 0


def test_two_observers():
    tree = cluster_observers(kappa_table([[1, 0.2], [0.2, 1]]))
    assert tree.order == ("a", "b")
    assert tree.linkage == pytest.approx(np.array([[0, 1, 0.8, 2]]))
    assert tree.groups(2) == {"a": 0, "b": 1}


def test_smallest_cluster_that_contains_members():
    tree = cluster_observers(three_pairs())
    assert smallest_cluster_containing(tree, ["p", "q"]) == (2, ())
    size, others = smallest_cluster_containing(tree, {"p", "a"})
    assert size == 2 + len(others)
    assert {"q", "b"} <= set(others)
    assert others == tuple(sorted(others, key=tree.order.index))
    assert smallest_cluster_containing(tree, "x") == (1, ())
    assert smallest_cluster_containing(tree, list("abpqxy")) == (6, ())


def test_identical_observers_share_a_cluster_in_any_order_of_merges():
    for names in permutations("pqm"):  # p, q and m are identical, o differs
        values = np.ones((4, 4))
        values[3, :3] = values[:3, 3] = 0.1
        tree = cluster_observers(kappa_table(values, [*names, "o"]))
        assert smallest_cluster_containing(tree, ["p", "q"]) == (3, ("m",))
        assert smallest_cluster_containing(tree, ["p"])[0] == 3
        assert sorted(tree.groups(4).values()) == [0, 1, 2, 3]


def test_invalid_input_is_rejected():
    with pytest.raises(LogError, match="clustering needs at least two observers, but the data have a"):
        cluster_observers(kappa_table([[1]]))
    with pytest.raises(LogError, match="the data have none"):
        cluster_observers(pd.DataFrame())
    with pytest.raises(ValueError, match="symmetric"):
        cluster_observers(kappa_table([[1, 0.1], [0.2, 1]]))
    with pytest.raises(ValueError, match="symmetric"):
        cluster_observers(kappa_table([[1, np.nan], [0.2, 1]]))
    with pytest.raises(ValueError, match="unique, got a, a"):
        cluster_observers(kappa_table(np.eye(2), "aa"))
    for wrong in (kappa_table(np.eye(3)).loc[:, ["a", "c", "b"]], kappa_table(np.eye(3)).iloc[:2]):
        with pytest.raises(ValueError, match="same observers in rows and columns"):
            cluster_observers(wrong)
    tree = cluster_observers(three_pairs())
    assert isinstance(tree, Clustering)
    for n in (0, 7):
        with pytest.raises(LogError, match=f"6 observers can be cut into 1 to 6 clusters, but {n} were requested"):
            tree.groups(n)
    with pytest.raises(ValueError, match="members must be observers of the tree, got absent"):
        smallest_cluster_containing(tree, ["p", "absent"])
    with pytest.raises(ValueError, match="got none"):
        smallest_cluster_containing(tree, [])
