"""Who errs like whom: hierarchical clustering of observers by error consistency (kappa).

Declared once: O observers. Conventions:
- distance = 1 - kappa, not below 0; undefined kappa (NaN) counts as kappa 0, which is what independent errors would give;
- average linkage (Sokal & Michener 1958), then the optimal ordering of the leaves (Bar-Joseph et al. 2001): of all orders
  that the tree allows the one with the least distance between neighbors. Of its two mirror images the one is taken in
  which the matrix's first observer stands in the half that begins;
- two observers are one cluster of two, in the order of the matrix;
- identical observers (kappa 1) merge at height 0. Where several merges have the same height, the binary tree shows them
  one after the other in an arbitrary, repeatable sequence; `groups` cuts within them if it must, and
  `smallest_pure_cluster` takes them as one merge, so that no observer is kept out of a cluster by that sequence.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd
from attrs import frozen
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from stimuli.errors import LogError


@frozen(eq=False)
class Clustering:
    """A tree over observers. `linkage` is as scipy has it, (O - 1, 4), and its leaf i is `order[i]`."""

    order: tuple[str, ...]
    linkage: np.ndarray

    def groups(self, n_clusters: int) -> dict[str, int]:
        """Observer -> group, from 0 in leaf order, after the last n_clusters - 1 merges are undone. Raises LogError."""
        if not 1 <= n_clusters <= len(self.order):
            raise LogError(f"{len(self.order)} observers make 1 to {len(self.order)} clusters, not {n_clusters}")
        kept = nodes(self.linkage)[: 2 * len(self.order) - n_clusters]
        first = [min(next(c for c in reversed(kept) if leaf in c)) for leaf in range(len(self.order))]
        number = {leaf: i for i, leaf in enumerate(sorted(set(first)))}
        return {name: number[leaf] for name, leaf in zip(self.order, first, strict=True)}


def cluster(matrix: pd.DataFrame) -> Clustering:
    """Cluster the observers of an O × O kappa matrix; its diagonal is not looked at.

    Raises LogError for fewer than two observers, ValueError for what is no such matrix.
    """
    distance = distances(matrix)
    if len(matrix) < 2:
        raise LogError(f"clustering needs two observers or more, got {', '.join(map(str, matrix.index)) or 'none'}")
    tree = linkage(squareform(distance, checks=False), method="average")
    leaves = _leaf_order(distance, tree)
    if 2 * leaves.index(0) > len(leaves) - 1:
        leaves.reverse()
    place = [*np.argsort(leaves), *range(len(leaves), 2 * len(leaves) - 1)]
    tree[:, :2] = np.array(place)[tree[:, :2].astype(int)]
    found = nodes(tree)
    tree[:, :2] = [sorted((int(one), int(other)), key=lambda i: min(found[i])) for one, other in tree[:, :2]]
    return Clustering(tuple(str(matrix.index[leaf]) for leaf in leaves), tree)


def distances(matrix: pd.DataFrame) -> np.ndarray:
    """1 - kappa of an O × O matrix, with the conventions above. Raises ValueError for what is no such matrix."""
    _validate(matrix)
    kappa = matrix.to_numpy(float)
    distance = np.clip(1 - np.where(np.isnan(kappa), 0.0, kappa), 0.0, None)
    np.fill_diagonal(distance, 0.0)
    return np.asarray((distance + distance.T) / 2)


def nodes(tree: np.ndarray) -> list[frozenset[int]]:
    """Leaves of every node of the tree: the O observers, then the O - 1 merges, from the lowest on."""
    out = [frozenset([leaf]) for leaf in range(len(tree) + 1)]
    for one, other in tree[:, :2].astype(int):
        out.append(out[one] | out[other])
    return out


def _leaf_order(distance: np.ndarray, tree: np.ndarray) -> list[int]:
    """The leaves in an order of least length, of those in which every node's leaves stand together.

    scipy.cluster.hierarchy.optimal_leaf_ordering is not used, because it settles every node before those above it and
    so misses the optimum (scipy issue 11227). For every node and every two leaves at its ends, `best` is the least length.
    """
    leaves = [[leaf] for leaf in range(len(distance))]
    best = [np.zeros((1, 1)) for _ in leaves]
    for one, other in tree[:, :2].astype(int):
        gap, n = distance[np.ix_(leaves[one], leaves[other])], len(leaves[one])
        to_gap = np.array([(row[:, None] + gap).min(axis=0) for row in best[one]])
        whole = np.array([(row[:, None] + best[other]).min(axis=0) for row in to_gap])
        ends = np.full((n + len(leaves[other]),) * 2, np.inf)
        ends[:n, n:], ends[n:, :n] = whole, whole.T
        leaves.append(leaves[one] + leaves[other])
        best.append(ends)
    order: list[int] = []
    first, last = (int(i) for i in np.unravel_index(best[-1].argmin(), best[-1].shape))
    todo = [(len(leaves) - 1, leaves[-1][first], leaves[-1][last])]
    while todo:
        node, begin, end = todo.pop()
        if node < len(distance):
            order.append(node)
            continue
        one, other = (int(child) for child in tree[node - len(distance), :2])
        if begin not in leaves[one]:
            one, other = other, one
        gap = distance[np.ix_(leaves[one], leaves[other])]
        length = best[one][leaves[one].index(begin)][:, None] + gap + best[other][:, leaves[other].index(end)]
        inner, outer = (int(i) for i in np.unravel_index(length.argmin(), length.shape))
        todo += [(other, leaves[other][outer], end), (one, begin, leaves[one][inner])]
    return order


def _validate(matrix: pd.DataFrame) -> None:
    if list(matrix.index) != list(matrix.columns):
        raise ValueError("a kappa matrix has the same observers in rows and columns, in the same order")
    if not matrix.index.is_unique:
        raise ValueError(f"observers must be unique, got {', '.join(map(str, matrix.index))}")
    values = matrix.to_numpy(float)
    if not np.allclose(values, values.T, atol=1e-9, equal_nan=True):
        raise ValueError("a kappa matrix is symmetric: the kappa of two observers has no direction")


def smallest_pure_cluster(clustering: Clustering, members: Collection[str]) -> tuple[int, tuple[str, ...]]:
    """Size of the smallest cluster that holds all members, and who else is in it, in leaf order.

    The members form a cluster of their own where nobody else is. One member is a cluster of its own unless another
    observer is identical to it. Raises ValueError for no members, or for one that is not in the tree.
    """
    unknown = set(members) - set(clustering.order)
    if unknown or not members:
        raise ValueError(f"expected observers of the tree, got {', '.join(sorted(unknown)) or 'none'}")
    wanted = frozenset(clustering.order.index(member) for member in members)
    heights = [*([0.0] * len(clustering.order)), *clustering.linkage[:, 2]]
    around = [(node, h) for node, h in zip(nodes(clustering.linkage), heights, strict=True) if wanted <= node]  # nested
    found = [node for node, h in around if h <= around[0][1] + 1e-9][-1]
    return len(found), tuple(clustering.order[leaf] for leaf in sorted(found - wanted))
