"""Stability of the clusters of observers: the tree is recomputed on resampled images.

Notation: O observers of one dataset, R resamples (paired bootstrap over images within each condition).
- Branch support: proportion of resampled trees that have a branch with exactly the same observers (Felsenstein 1985). It is
  1 for the root. It reflects the sampling of images, not the sampling of observers.
- Agreement with kinds: adjusted Rand index (Hubert & Arabie 1985) between the groups of the cut tree and the kinds of
  observer: 1 for identical partitions, 0 for chance agreement, NaN if there is only one kind or one group. The p value comes
  from a one-sided permutation test that permutes the kinds over the observers; the observed assignment counts as one
  permutation.
- Human range: an observer that is not a person is within the human range if its mean kappa with people is at least the
  lowest mean kappa of a person with the other people (leave one out); values that differ by at most 1e-9 are equal. If one
of two observers is always right or always wrong in a condition, their kappa is necessarily 0. A person for whom this holds
with all other people is not part of the range, and an observer for which it holds with all people is not compared with it.
  The table also has the proportion of resampled trees in which the observer belongs to the smallest cluster that contains
  all people.
"""

from collections.abc import Sequence
from math import factorial

import numpy as np
import pandas as pd
from attrs import frozen
from scipy.cluster.hierarchy import linkage

from analysis.io.notes import add_notes, change_notes
from analysis.io.number_format import format_value
from analysis.kappa.clustering import Clustering, cluster_observers, distances, node_leaves, node_sets
from analysis.kappa.condition_data import ResampledComparison, has_mixed_pairs, resample_comparisons
from analysis.kappa.consistency import Rule
from analysis.kappa.mean_intervals import rare_means_note
from analysis.kappa.pairs import PairKappas, ResampledKappas, resample_dataset
from analysis.kappa.people_intervals import people_intervals
from analysis.measures.resampling import N_RESAMPLES
from analysis.measures.ties import TOLERANCE

BRANCH_COLUMNS = ("branch", "height", "n", "support", "observers")
HUMAN_RANGE_COLUMNS = (
    "observer", "kind", "kappa", "low", "high", "people_lowest", "people_mean", "people_highest", "n_people",
    "n_people_below", "among_people", "in_cluster",
)  # fmt: skip
N_PERMUTATIONS = 10_000


@frozen(eq=False)
class ResampledTrees:
    """The tree of the observers of one dataset and its trees on resampled images.

    Attributes:
        pairs: Kappas of all pairs of observers.
        tree: Tree of the observers on all images.
        linkages: For each resample, the linkage matrix of its tree, with shape (O - 1, 4). Leaf o is the observer
            `pairs.names[o]`, and heights are in units of 1 - kappa.
    """

    pairs: PairKappas
    tree: Clustering
    linkages: tuple[np.ndarray, ...]


def resample_trees(
    trials: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> ResampledTrees:
    """Cluster the observers of one dataset, and cluster them again on every bootstrap resample of the images.

    Args:
        trials: Trials of one dataset, as returned by `read_trials`.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: Number of bootstrap resamples of the images.
        seed: Random seed of the bootstrap.

    Returns:
        The trees, which `branch_support`, `observer_groups` and `within_human_range` take as input.

    Raises:
        LogError: If there are fewer than two observers or several datasets, or if an observer responded to an image
            of one condition twice in one session.

    Example:
        >>> trees = resample_trees(frame[frame["dataset"] == "cue-conflict"])
        >>> branch_support(trees)
    """
    return cluster_resamples(resample_dataset(trials, rule, n_resamples, seed))


def cluster_resamples(kappas: ResampledKappas) -> ResampledTrees:
    """Return the trees of `resample_trees` from the kappas of a dataset.

    Raises LogError if the dataset has fewer than two observers.
    """
    tree = cluster_observers(kappas.data.matrix())
    linkages = (merges for block in kappas.summary(block_linkages) for merges in block)
    return ResampledTrees(kappas.data, tree, tuple(linkages))


def block_linkages(_: PairKappas, block: PairKappas) -> list[np.ndarray]:
    """Return the linkage matrix of every resample of a block; the list is empty with fewer than two observers."""
    if len(block.names) < 2:
        return []
    return [
        linkage(distances(np.ascontiguousarray(block.kappas[:, r])), method="average")
        for r in range(block.kappas.shape[1])
    ]


def branch_support(trees: ResampledTrees) -> pd.DataFrame:
    """Return the bootstrap support of every branch of the tree.

    Args:
        trees: The result of `resample_trees`.

    Returns:
        A table with `BRANCH_COLUMNS` and one row per branch of at least two observers, in order of increasing height.
        `height` is in units of 1 - kappa, `n` is the number of observers, and `support` is a proportion (NaN without
        resamples).
    """
    n_leaves, n_resamples = len(trees.tree.order), len(trees.linkages)
    leaf_of = {name: leaf for leaf, name in enumerate(trees.pairs.names)}
    branches = node_sets(trees.tree.linkage, [leaf_of[name] for name in trees.tree.order])[n_leaves:]
    counts = dict.fromkeys(branches, 0)
    for merges in trees.linkages:
        for branch in node_sets(merges)[n_leaves:]:
            if branch in counts:
                counts[branch] += 1
    rows = []
    for number, leaves in enumerate(node_leaves(trees.tree.linkage)[n_leaves:]):
        names = [trees.tree.order[leaf] for leaf in sorted(leaves)]
        support = counts[branches[number]] / n_resamples if n_resamples else np.nan
        rows.append((number + 1, trees.tree.linkage[number, 2], len(names), support, ", ".join(names)))
    return pd.DataFrame(rows, columns=list(BRANCH_COLUMNS))


def observer_groups(trees: ResampledTrees, n_groups: int | None = None) -> pd.DataFrame:
    """Cut the tree into groups of observers.

    Args:
        trees: The result of `resample_trees`.
        n_groups: Number of groups (default: the number of kinds of observer).

    Returns:
        A table with columns `observer`, `kind` and `group` (0, 1, …), with the rows in leaf order.

    Raises:
        LogError: If `n_groups` is not between 1 and the number of observers.
    """
    kind_of = dict(zip(trees.pairs.names, trees.pairs.kinds, strict=True))
    groups = trees.tree.groups(len(set(kind_of.values())) if n_groups is None else n_groups)
    return pd.DataFrame(
        {"observer": list(groups), "kind": [kind_of[name] for name in groups], "group": list(groups.values())}
    )


def agreement_with_kinds(groups: pd.DataFrame, *, seed: int = 0) -> tuple[float, float]:
    """Test whether groups of observers correspond to kinds of observer.

    Args:
        groups: A table with columns `kind` and `group`, as returned by `observer_groups`.
        seed: Random seed of the permutations.

    Returns:
        The adjusted Rand index and its one-sided p value from `N_PERMUTATIONS` permutations; both are NaN if there is only
        one kind or one group.
    """
    kind, group = pd.factorize(groups["kind"])[0], groups["group"].to_numpy()
    if len(set(kind)) < 2 or len(set(group)) < 2:
        return np.nan, np.nan
    index, rng = adjusted_rand_index(kind, group), np.random.default_rng(seed)
    # The only term of the index that a permutation changes is the number of pairs that share both kind and group, so this
    # number is compared.
    n_groups = int(group.max()) + 1
    n_combinations = (int(kind.max()) + 1) * n_groups
    drawn = rng.permuted(np.tile(kind, (N_PERMUTATIONS - 1, 1)), axis=1) * n_groups + group
    drawn += n_combinations * np.arange(N_PERMUTATIONS - 1)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=n_combinations * (N_PERMUTATIONS - 1)).reshape(-1, n_combinations)
    observed = np.bincount(kind * n_groups + group)
    n_at_least = np.sum((counts * (counts - 1)).sum(axis=1) >= (observed * (observed - 1)).sum())
    return index, float((1 + n_at_least) / N_PERMUTATIONS)


def smallest_p(groups: pd.DataFrame) -> float:
    """Return the smallest p value that `agreement_with_kinds` can reach: that of the highest index of all assignments.

    The highest index has at least one assignment of kinds to observers, and with kinds of equal sizes it has several.

    Args:
        groups: A table with columns `kind` and `group`, as returned by `observer_groups`.
    """
    sizes = groups["kind"].value_counts()
    n_assignments = factorial(len(groups))
    for size in sizes:
        n_assignments //= factorial(int(size))
    n_equal = 1
    for n_kinds in sizes.value_counts():
        n_equal *= factorial(int(n_kinds))
    return max(n_equal / n_assignments, 1 / N_PERMUTATIONS)


def adjusted_rand_index(labels_1: np.ndarray, labels_2: np.ndarray) -> float:
    """Return the adjusted Rand index of two partitions of the same observers.

    Each partition is an array of integer labels with shape (O,). The index is NaN if both partitions have only one
    group, or if both have as many groups as observers.
    """
    # scikit-learn has this index too, but it is not a dependency, and returns 1 where the index is undefined.
    table = np.zeros((int(labels_1.max()) + 1, int(labels_2.max()) + 1))
    np.add.at(table, (labels_1, labels_2), 1)

    def n_pairs(n: np.ndarray) -> float:
        return float((n * (n - 1) / 2).sum())

    both, first, second = n_pairs(table), n_pairs(table.sum(axis=1)), n_pairs(table.sum(axis=0))
    expected = first * second / max(n_pairs(np.array([len(labels_1)])), 1.0)
    largest_difference = (first + second) / 2 - expected
    return (both - expected) / largest_difference if abs(largest_difference) > 1e-12 else np.nan


def within_human_range(
    trials: pd.DataFrame,
    trees: ResampledTrees,
    *,
    rule: Rule = "undefined-is-nan",
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return whether each observer agrees with people at least as well as the least consistent person does.

    Args:
        trials: The trials of one dataset that were passed to `resample_trees`.
        trees: The result of `resample_trees`.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: 0 for a table without intervals. Any other number gives the same intervals, which are not resampled.
        seed: Has no effect, since the intervals are deterministic.

    Returns:
        A table with `HUMAN_RANGE_COLUMNS` and one row per observer that is not a person. `kappa` is its mean kappa with
        people; `people_lowest`, `people_mean` and `people_highest` summarize the mean kappa of each person with the other
        people. `among_people` tells whether the observer is within the human range (None if its kappa is undefined or
        necessarily 0, because one of two observers is always right or always wrong). `n_people` counts the people of the
        range. `in_cluster` is the proportion of resampled trees in which the observer belongs to the smallest cluster
        that contains all people. The table is empty if there are fewer than two people. `attrs["notes"]` says how many
        intervals depend on few errors or correct responses.
    """
    comparisons = resample_comparisons(trials, rule=rule, n_resamples=min(n_resamples, 1), seed=seed)
    table = human_range(comparisons, trees)
    add_notes(table, table.attrs.get("notes", []))
    return table


def human_range(comparisons: Sequence[ResampledComparison], trees: ResampledTrees) -> pd.DataFrame:
    """Return the table of `within_human_range` from the comparison of its dataset (an empty list without people)."""
    if not comparisons:
        return pd.DataFrame(columns=list(HUMAN_RANGE_COLUMNS))
    data, resampled = comparisons[0].data, comparisons[0].resampled
    people = data.per_person[2, :, 0]
    if len(people) < 2 or np.isnan(people).all():
        return pd.DataFrame(columns=list(HUMAN_RANGE_COLUMNS))
    # The kappa of an observer that is always right or always wrong is necessarily 0, so it is not compared.
    is_compared = has_mixed_pairs(comparisons[0].conditions, data.people, data.people)
    range_of_people = people[is_compared] if is_compared.any() else people
    lowest, mean, highest = np.nanmin(range_of_people), np.nanmean(range_of_people), np.nanmax(range_of_people)
    has_verdict = has_mixed_pairs(comparisons[0].conditions, data.names, data.people) & is_compared.any()
    low = high = np.full(len(data.names), np.nan)
    is_rare = np.zeros(len(data.names), bool)
    if resampled.with_people.shape[-1]:
        intervals = people_intervals(comparisons[0].conditions, data, comparisons[0].rule).with_people
        low, high, is_rare = intervals.low, intervals.high, intervals.is_rare
    leaf_of = {name: leaf for leaf, name in enumerate(trees.pairs.names)}
    leaves_of_people = sum(1 << leaf_of[name] for name in data.people)
    clusters = [_smallest_cluster(leaves_of_people, merges) for merges in trees.linkages]
    rows = []
    for k, (name, kind) in enumerate(zip(data.names, data.kinds, strict=True)):
        kappa = data.with_people[2, k, 0]
        is_within = bool(kappa >= lowest - TOLERANCE) if has_verdict[k] and not np.isnan(kappa) else None
        in_cluster = float(np.mean([cluster >> leaf_of[name] & 1 for cluster in clusters])) if clusters else np.nan
        n_below = int(np.sum(range_of_people < kappa - TOLERANCE))
        rows.append((name, kind, kappa, low[k], high[k], lowest, mean, highest, len(range_of_people), n_below, is_within,
                     in_cluster))  # fmt: skip
    table = pd.DataFrame(rows, columns=list(HUMAN_RANGE_COLUMNS))
    change_notes(table, rare_means_note(is_rare, int(table["low"].notna().sum())), [])  # the public function shows them
    return table


def _smallest_cluster(people: int, merges: np.ndarray) -> int:
    """Return the smallest branch that contains all people, joined with all branches that merge at the same height.

    Sets of observers are numbers as in `node_sets`.
    """
    branches = node_sets(merges)[len(merges) + 1 :]
    containing = [k for k, branch in enumerate(branches) if branch & people == people]
    lowest_height = merges[containing[0], 2]
    return [branches[k] for k in containing if merges[k, 2] <= lowest_height + 1e-9][-1]


def human_range_sentences(table: pd.DataFrame) -> list[str]:
    """Describe each row of the table of `within_human_range` in a sentence without a final period."""
    sentences = []
    for _, row in table.iterrows():
        name = f"{row.observer} ({row.kind})"
        if row.among_people is None:
            sentences.append(
                f"the kappa of {name} with people is undefined"
                if np.isnan(row.kappa)
                else f"{name} is not compared with the human range, because kappa is necessarily 0 if one of two "
                "observers is always right or always wrong"
            )
            continue
        comparison = (
            f"is within the human range: it agrees with people better than {row.n_people_below} of {row.n_people} people do"
            if row.among_people
            else "is below the human range: it agrees with people less than the least consistent person does"
        )
        numbers = (
            f"kappa with people {format_value(row.kappa)} [{format_value(row.low)}, {format_value(row.high)}]; kappa of "
            f"each of the {row.n_people} people with the others {format_value(row.people_lowest)} to "
            f"{format_value(row.people_highest)}, mean {format_value(row.people_mean)}"
        )
        cluster = f"it is in the cluster of the people in {100 * row.in_cluster:.0f} % of the resampled trees"
        sentences.append(f"{name} {comparison} ({numbers}); {cluster}")
    return sentences
