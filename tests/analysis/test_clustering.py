from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import pytest

from analysis.clustering import Clustering, cluster, smallest_pure_cluster
from stimuli.errors import LogError


def matrix(values, names="abcdefghij"):
    values = np.asarray(values, float)
    return pd.DataFrame(values, index=list(names[: len(values)]), columns=list(names[: len(values)]))


def planted(names="paxqby", high=0.6, low=0.05, seed=0):
    """Observers p, q and a, b and x, y are alike, by pairs and a little noise."""
    pair = {name: i for i, both in enumerate(("pq", "ab", "xy")) for name in both}
    noise = np.random.default_rng(seed).normal(0, 0.01, (len(names), len(names)))
    values = [[high if pair[i] == pair[j] else low for j in names] for i in names] + noise + noise.T
    np.fill_diagonal(values, 1)
    return matrix(values, names)


def leaf_sets(found):
    sets = [{leaf} for leaf in range(len(found.order))]
    for one, other in found.linkage[:, :2].astype(int):
        sets.append(sets[one] | sets[other])
    return sets


def test_planted_groups_stand_together():
    found = cluster(planted())
    groups = found.groups(3)
    assert sorted("".join(sorted(n for n in groups if groups[n] == g)) for g in range(3)) == ["ab", "pq", "xy"]
    assert [groups[name] for name in found.order] == [0, 0, 1, 1, 2, 2]  # numbered in leaf order
    assert set(found.groups(1).values()) == {0}
    assert found.groups(6) == {name: i for i, name in enumerate(found.order)}


def test_linkage_is_over_leaves_in_order_and_its_heights_are_mean_distances():
    kappa = planted()
    found = cluster(kappa)
    for (left, right, height, size), leaves in zip(found.linkage, leaf_sets(found)[6:], strict=True):
        one, other = (sorted(leaf_sets(found)[int(child)]) for child in (left, right))
        between = [1 - kappa.loc[found.order[i], found.order[j]] for i in one for j in other]
        assert height == pytest.approx(np.mean(between))
        assert one < other  # the first child stands first, so that scipy's leaves are 0, 1, …
        assert size == len(leaves) == len(one) + len(other)
        assert sorted(leaves) == list(range(min(leaves), max(leaves) + 1))  # no branch crosses another


@pytest.mark.parametrize("seed", range(12))
def test_no_order_that_the_tree_allows_is_shorter(seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-0.2, 0.9, (6, 6))
    kappa = matrix((values + values.T) / 2)
    found = cluster(kappa)

    def length(order):
        return sum(1 - kappa.loc[i, j] for i, j in pairwise(order))

    clusters = [{found.order[leaf] for leaf in node} for node in leaf_sets(found)[6:]]
    allowed = [
        order
        for order in permutations(found.order)
        if all(max(map(order.index, c)) - min(map(order.index, c)) == len(c) - 1 for c in clusters)
    ]
    assert len(allowed) == 2**5
    assert length(found.order) == pytest.approx(min(map(length, allowed)))


def test_the_first_observer_stands_in_the_first_half_and_nothing_is_random():
    for seed in range(10):
        kappa = planted(seed=seed)
        found = cluster(kappa)
        assert found.order.index("p") < 3
        again = cluster(kappa)
        assert again.order == found.order
        assert np.array_equal(again.linkage, found.linkage)


def test_undefined_kappa_counts_as_zero_and_distance_is_not_negative():
    nan = cluster(matrix([[1, 0.5, np.nan], [0.5, 1, -0.3], [np.nan, -0.3, 1]]))
    zero = cluster(matrix([[1, 0.5, 0], [0.5, 1, -0.3], [0, -0.3, 1]]))
    assert nan.order == zero.order
    assert nan.linkage == pytest.approx(zero.linkage)
    assert nan.linkage[-1, 2] == pytest.approx((1 + 1.3) / 2)
    assert cluster(matrix([[1, 1 + 1e-12], [1 + 1e-12, 1]])).linkage[0, 2] == 0


def test_two_observers():
    found = cluster(matrix([[1, 0.2], [0.2, 1]]))
    assert found.order == ("a", "b")
    assert found.linkage == pytest.approx(np.array([[0, 1, 0.8, 2]]))
    assert found.groups(2) == {"a": 0, "b": 1}


def test_do_people_form_one_cluster():
    found = cluster(planted())
    assert smallest_pure_cluster(found, ["p", "q"]) == (2, ())
    size, others = smallest_pure_cluster(found, {"p", "a"})
    assert size == 2 + len(others)
    assert {"q", "b"} <= set(others)
    assert others == tuple(sorted(others, key=found.order.index))
    assert smallest_pure_cluster(found, "x") == (1, ())
    assert smallest_pure_cluster(found, list("abpqxy")) == (6, ())


def test_an_identical_observer_is_in_the_cluster_whatever_the_sequence_of_merges():
    for names in permutations("pqm"):  # p, q, m answer alike, o does not
        values = np.ones((4, 4))
        values[3, :3] = values[:3, 3] = 0.1
        found = cluster(matrix(values, [*names, "o"]))
        assert smallest_pure_cluster(found, ["p", "q"]) == (3, ("m",))
        assert smallest_pure_cluster(found, ["p"])[0] == 3
        assert sorted(found.groups(4).values()) == [0, 1, 2, 3]


def test_refused():
    with pytest.raises(LogError, match="two observers or more, got a"):
        cluster(matrix([[1]]))
    with pytest.raises(LogError, match="got none"):
        cluster(pd.DataFrame())
    with pytest.raises(ValueError, match="symmetric"):
        cluster(matrix([[1, 0.1], [0.2, 1]]))
    with pytest.raises(ValueError, match="symmetric"):
        cluster(matrix([[1, np.nan], [0.2, 1]]))
    with pytest.raises(ValueError, match="unique, got a, a"):
        cluster(matrix(np.eye(2), "aa"))
    for wrong in (matrix(np.eye(3)).loc[:, ["a", "c", "b"]], matrix(np.eye(3)).iloc[:2]):
        with pytest.raises(ValueError, match="same observers in rows and columns"):
            cluster(wrong)
    found = cluster(planted())
    assert isinstance(found, Clustering)
    for n in (0, 7):
        with pytest.raises(LogError, match=f"6 observers make 1 to 6 clusters, not {n}"):
            found.groups(n)
    with pytest.raises(ValueError, match="expected observers of the tree, got nobody"):
        smallest_pure_cluster(found, ["p", "nobody"])
    with pytest.raises(ValueError, match="got none"):
        smallest_pure_cluster(found, [])
