"""Hierarchical clustering of observers by error consistency (kappa).

Notation: O observers. Conventions:
- The distance is 1 - kappa, at least 0. An undefined kappa (NaN) counts as 0, the value that independent errors give.
- The linkage is average linkage (Sokal & Michener 1958). The leaves have the optimal order (Bar-Joseph et al. 2001): among
  all orders that the tree allows, the one with the smallest sum of distances between neighbors. This order or its mirror
  image is used, whichever has the first observer of the matrix in its first half.
- Two observers form one cluster of two, in the order of the matrix.
- Identical observers (kappa 1) merge at height 0. If several merges have the same height, the binary tree lists them in an
  arbitrary but repeatable order. `Clustering.groups` cuts between them if the number of groups requires it;
  `smallest_cluster_containing` treats them as one merge, so that this order cannot exclude an observer from a cluster.
"""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from attrs import frozen
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from core.errors import LogError


@frozen(eq=False)
class Clustering:
    """A tree of O observers.

    Attributes:
        order: Names of the O observers in leaf order.
        linkage: Linkage matrix in the format of scipy.cluster.hierarchy, with shape (O - 1, 4). Leaf i is `order[i]`.
    """

    order: tuple[str, ...]
    linkage: np.ndarray

    def groups(self, n_clusters: int) -> dict[str, int]:
        """Cut the tree into `n_clusters` groups and return the group index of every observer (0, 1, … in leaf order).

        Raises LogError if `n_clusters` is not between 1 and the number of observers.
        """
        if not 1 <= n_clusters <= len(self.order):
            raise LogError(
                f"{len(self.order)} observers can be cut into 1 to {len(self.order)} clusters, but {n_clusters} were "
                "requested"
            )
        # These nodes remain when the last n_clusters - 1 merges are undone. The group of a leaf is the last
        # remaining node that contains the leaf.
        remaining = node_leaves(self.linkage)[: 2 * len(self.order) - n_clusters]
        first = [min(next(node for node in reversed(remaining) if leaf in node)) for leaf in range(len(self.order))]
        number = {leaf: i for i, leaf in enumerate(sorted(set(first)))}
        return {name: number[leaf] for name, leaf in zip(self.order, first, strict=True)}


def cluster_observers(matrix: pd.DataFrame) -> Clustering:
    """Cluster observers by average linkage of 1 - kappa.

    Args:
        matrix: Symmetric O × O table of kappas with the same observers in rows and columns, as returned by
            `analysis.kappa.consistency.kappa_matrix`. The diagonal is ignored.

    Returns:
        The tree, with its leaves in optimal order.

    Raises:
        LogError: If the matrix has fewer than two observers.
        ValueError: If the matrix is not symmetric, or if its rows and columns differ.

    Example:
        >>> tree = cluster_observers(kappa_matrix(error_consistency(frame), "cue-conflict"))
        >>> tree.groups(2)
    """
    distance = kappa_distances(matrix)
    if len(matrix) < 2:
        names = ", ".join(map(str, matrix.index)) or "none"
        raise LogError(f"clustering needs at least two observers, but the data have {names}")
    tree = linkage(squareform(distance, checks=False), method="average")
    leaves = _optimal_leaf_order(distance, tree)
    if 2 * leaves.index(0) > len(leaves) - 1:
        leaves.reverse()
    # Renumber the leaves by their position, then put the child with the first leaf first.
    position = [*np.argsort(leaves), *range(len(leaves), 2 * len(leaves) - 1)]
    tree[:, :2] = np.array(position)[tree[:, :2].astype(int)]
    nodes = node_leaves(tree)
    tree[:, :2] = [sorted((int(left), int(right)), key=lambda i: min(nodes[i])) for left, right in tree[:, :2]]
    return Clustering(tuple(str(matrix.index[leaf]) for leaf in leaves), tree)


def kappa_distances(matrix: pd.DataFrame) -> np.ndarray:
    """Return the distances 1 - kappa of an O × O matrix, with the conventions of this module.

    Raises ValueError if the matrix is not symmetric, or if its rows and columns differ.
    """
    _validate(matrix)
    distance = distances(matrix.to_numpy(float))
    np.fill_diagonal(distance, 0.0)
    return np.asarray((distance + distance.T) / 2)


def distances(kappa: np.ndarray) -> np.ndarray:
    """Return the distances 1 - kappa, elementwise, with the conventions of this module."""
    return np.asarray(np.clip(1 - np.where(np.isnan(kappa), 0.0, kappa), 0.0, None))


def node_leaves(tree: np.ndarray) -> list[frozenset[int]]:
    """Return the leaves below every node of a linkage matrix: first the O leaves, then the O - 1 merges, lowest first."""
    nodes = [frozenset([leaf]) for leaf in range(len(tree) + 1)]
    for left, right in tree[:, :2].astype(int):
        nodes.append(nodes[left] | nodes[right])
    return nodes


def node_sets(tree: np.ndarray, leaves: Sequence[int] | None = None) -> list[int]:
    """Return the leaves below every node as a number in which bit i is 1 if the node contains leaf i.

    The order of the nodes is that of `node_leaves`. Such numbers are compared faster than sets. `leaves` renumbers the
    leaves: leaf k of the tree becomes leaf `leaves[k]`.
    """
    nodes = [1 << leaf for leaf in (range(len(tree) + 1) if leaves is None else leaves)]
    for left, right in tree[:, :2].astype(int).tolist():
        nodes.append(nodes[left] | nodes[right])
    return nodes


def _optimal_leaf_order(distance: np.ndarray, tree: np.ndarray) -> list[int]:
    """Return the order of the leaves with the smallest sum of neighbor distances, among the orders that the tree allows.

    scipy.cluster.hierarchy.optimal_leaf_ordering is not used, because it orders every node before the nodes above it
    and therefore can miss the optimum (scipy issue 11227). `best[node]` is the smallest sum of neighbor distances
    within the node, for every choice of its two outer leaves.
    """
    leaves = [[leaf] for leaf in range(len(distance))]
    best = [np.zeros((1, 1)) for _ in leaves]
    for left, right in tree[:, :2].astype(int):
        gap, n = distance[np.ix_(leaves[left], leaves[right])], len(leaves[left])
        to_gap = np.array([(row[:, None] + gap).min(axis=0) for row in best[left]])
        length = np.array([(row[:, None] + best[right]).min(axis=0) for row in to_gap])
        ends = np.full((n + len(leaves[right]),) * 2, np.inf)
        ends[:n, n:], ends[n:, :n] = length, length.T
        leaves.append(leaves[left] + leaves[right])
        best.append(ends)
    order: list[int] = []
    first, last = (int(i) for i in np.unravel_index(best[-1].argmin(), best[-1].shape))
    stack = [(len(leaves) - 1, leaves[-1][first], leaves[-1][last])]
    while stack:
        node, start, end = stack.pop()
        if node < len(distance):
            order.append(node)
            continue
        left, right = (int(child) for child in tree[node - len(distance), :2])
        if start not in leaves[left]:
            left, right = right, left
        gap = distance[np.ix_(leaves[left], leaves[right])]
        length = best[left][leaves[left].index(start)][:, None] + gap + best[right][:, leaves[right].index(end)]
        inner, outer = (int(i) for i in np.unravel_index(length.argmin(), length.shape))
        stack += [(right, leaves[right][outer], end), (left, start, leaves[left][inner])]
    return order


def _validate(matrix: pd.DataFrame) -> None:
    """Raise ValueError unless the matrix has the same unique observers in rows and columns and is symmetric."""
    if list(matrix.index) != list(matrix.columns):
        raise ValueError("a kappa matrix must have the same observers in rows and columns, in the same order")
    if not matrix.index.is_unique:
        raise ValueError(f"the observers of a kappa matrix must be unique, got {', '.join(map(str, matrix.index))}")
    values = matrix.to_numpy(float)
    if not np.allclose(values, values.T, atol=1e-9, equal_nan=True):
        raise ValueError("a kappa matrix must be symmetric: kappa does not depend on the order of the two observers")


def smallest_cluster_containing(clustering: Clustering, members: Collection[str]) -> tuple[int, tuple[str, ...]]:
    """Return the size of the smallest cluster that contains all members, and the names of its other observers.

    The names are in leaf order. Without other observers, the members form a cluster of their own. This is always so for a
    single member, unless another observer is identical to it. Raises ValueError if `members` is empty or contains a name
    that is not in the tree.
    """
    unknown = set(members) - set(clustering.order)
    if unknown or not members:
        raise ValueError(f"members must be observers of the tree, got {', '.join(sorted(unknown)) or 'none'}")
    leaves = frozenset(clustering.order.index(member) for member in members)
    heights = [*([0.0] * len(clustering.order)), *clustering.linkage[:, 2]]
    nodes = zip(node_leaves(clustering.linkage), heights, strict=True)
    containing = [(node, height) for node, height in nodes if leaves <= node]  # each node contains the one before it
    lowest_height = containing[0][1]
    smallest = [node for node, height in containing if height <= lowest_height + 1e-9][-1]
    return len(smallest), tuple(clustering.order[leaf] for leaf in sorted(smallest - leaves))
