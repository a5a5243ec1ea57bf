"""How certain the clusters of observers are: the tree is grown anew on resampled images.

Declared once: O observers of one dataset, R resamples (paired bootstrap over images within condition).
- support of a branch: share of resampled trees that have a branch of exactly the same observers (Felsenstein 1985). It is 1
  for the root, and says nothing of how many observers would have to be asked.
- agreement with kinds: adjusted Rand index (Hubert & Arabie 1985) of the tree, cut into groups, and the kinds: 1 is the same
  partition, 0 what chance gives. NaN with one kind, or one group, where there is nothing to agree on. p: permutation of the
  kinds over the observers, one-sided, from the seed, the observed assignment being one of them.
- among people: an observer who is none of them falls among the people if its mean kappa with them is not below that of
  every single person with the other people (leave one out). Beside it stands how often, in resampled trees, it is in the
  smallest cluster that holds all people.
"""

from collections import Counter

import numpy as np
import pandas as pd
from attrs import frozen
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from analysis.clustering import Clustering, cluster, distances, nodes
from analysis.condition_data import by_dataset, cells, once, resampling, with_people
from analysis.consistency import Rule
from analysis.pairs import Pairs, pairs
from analysis.resampling import N_RESAMPLES, percentiles

BRANCH_COLUMNS = ("branch", "height", "n", "support", "observers")
AMONG_COLUMNS = (
    "observer", "kind", "kappa", "low", "high", "people_lowest", "people_mean", "people_highest", "n_people",
    "n_people_below", "among_people", "in_cluster",
)  # fmt: skip
N_PERMUTATIONS = 10_000


@frozen(eq=False)
class ResampledTrees:
    """The tree of a dataset's observers and those of its resamples."""

    pairs: Pairs
    tree: Clustering
    resampled: tuple[tuple[frozenset[str], ...], ...]  # of every resample its branches, from the lowest on
    heights: tuple[np.ndarray, ...]


def grow(
    trials: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> ResampledTrees:
    """Trees of one dataset. Raises LogError for fewer than two observers, several datasets, and as `consistency` does."""
    data = pairs(trials, rule)
    tree = cluster(data.matrix())
    drawn = pairs(trials, rule, resampling(n_resamples, seed))
    branches, heights = [], []
    for r in range(drawn.kappas.shape[1]):
        grown = linkage(squareform(distances(drawn.matrix(r)), checks=False), method="average")
        named = [frozenset(data.names[leaf] for leaf in node) for node in nodes(grown)[len(data.names) :]]
        branches.append(tuple(named))
        heights.append(grown[:, 2])
    return ResampledTrees(data, tree, tuple(branches), tuple(heights))


def branches(grown: ResampledTrees) -> pd.DataFrame:
    """A row for every branch of two observers or more, from the lowest on, with BRANCH_COLUMNS."""
    counts = Counter(branch for those in grown.resampled for branch in those)
    n_leaves, n = len(grown.tree.order), len(grown.resampled)
    rows = []
    for number, leaves in enumerate(nodes(grown.tree.linkage)[n_leaves:]):
        names = [grown.tree.order[leaf] for leaf in sorted(leaves)]
        support = counts[frozenset(names)] / n if n else np.nan
        rows.append((number + 1, grown.tree.linkage[number, 2], len(names), support, ", ".join(names)))
    return pd.DataFrame(rows, columns=list(BRANCH_COLUMNS))


def groups_of(grown: ResampledTrees, n_groups: int | None = None) -> pd.DataFrame:
    """`observer`, `kind`, `group` in leaf order; as many groups as there are kinds unless given. Raises ValueError."""
    kind = dict(zip(grown.pairs.names, grown.pairs.kinds, strict=True))
    groups = grown.tree.groups(len(set(kind.values())) if n_groups is None else n_groups)
    return pd.DataFrame(
        {"observer": list(groups), "kind": [kind[name] for name in groups], "group": list(groups.values())}
    )


def agreement_with_kinds(groups: pd.DataFrame, *, seed: int = 0) -> tuple[float, float]:
    """Adjusted Rand index of `group` and `kind`, and its p."""
    kind, group = pd.factorize(groups["kind"])[0], groups["group"].to_numpy()
    if len(set(kind)) < 2 or len(set(group)) < 2:
        return np.nan, np.nan
    value, rng = adjusted_rand(kind, group), np.random.default_rng(seed)
    # Of a permutation only the pairs that are together in both partitions can change.
    n_cells = (int(kind.max()) + 1) * (int(group.max()) + 1)
    drawn = rng.permuted(np.tile(kind, (N_PERMUTATIONS - 1, 1)), axis=1) * (int(group.max()) + 1) + group
    drawn += n_cells * np.arange(N_PERMUTATIONS - 1)[:, None]
    n = np.bincount(drawn.ravel(), minlength=n_cells * (N_PERMUTATIONS - 1)).reshape(-1, n_cells)
    found = np.bincount(kind * (int(group.max()) + 1) + group)
    return value, float((1 + np.sum((n * (n - 1)).sum(axis=1) >= (found * (found - 1)).sum())) / N_PERMUTATIONS)


def adjusted_rand(one: np.ndarray, other: np.ndarray) -> float:
    """Of two partitions as numbers; NaN where both have but one group, or both as many as there are observers."""
    table = np.zeros((int(one.max()) + 1, int(other.max()) + 1))
    np.add.at(table, (one, other), 1)

    def pairs_in(n: np.ndarray) -> float:
        return float((n * (n - 1) / 2).sum())

    both, first, second = pairs_in(table), pairs_in(table.sum(axis=1)), pairs_in(table.sum(axis=0))
    expected = first * second / max(pairs_in(np.array([len(one)])), 1.0)
    room = (first + second) / 2 - expected
    return (both - expected) / room if abs(room) > 1e-12 else np.nan


def among_people(
    trials: pd.DataFrame,
    grown: ResampledTrees,
    *,
    rule: Rule = "undefined-is-nan",
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """A row for every observer who is no person, with AMONG_COLUMNS; no row with fewer than two people."""
    of_dataset = [cell for cell in next(iter(by_dataset(cells(trials)).values())) if cell.is_person.any()]
    if not of_dataset:
        return pd.DataFrame(columns=list(AMONG_COLUMNS))
    whole, boot = (with_people(of_dataset, rule, how) for how in (once, resampling(n_resamples, seed)))
    people = whole.per_person[2, :, 0]
    if len(people) < 2 or np.isnan(people).all():
        return pd.DataFrame(columns=list(AMONG_COLUMNS))
    low, high = percentiles(boot.others[2])
    inside = [_around(frozenset(whole.people), *tree) for tree in zip(grown.resampled, grown.heights, strict=True)]
    rows = []
    for k, (name, kind) in enumerate(zip(whole.names, whole.kinds, strict=True)):
        value = whole.others[2, k, 0]
        among = bool(value >= np.nanmin(people)) if not np.isnan(value) else None
        share = float(np.mean([name in those for those in inside])) if inside else np.nan
        rows.append((name, kind, value, low[k], high[k], np.nanmin(people), np.nanmean(people), np.nanmax(people),
                     len(people), int(np.sum(people < value)), among, share))  # fmt: skip
    return pd.DataFrame(rows, columns=list(AMONG_COLUMNS))


def _around(people: frozenset[str], tree: tuple[frozenset[str], ...], heights: np.ndarray) -> frozenset[str]:
    """The smallest branch with all people, and all that merge with it at the same height."""
    around = [(node, h) for node, h in zip(tree, heights, strict=True) if people <= node]
    return [node for node, h in around if h <= around[0][1] + 1e-9][-1]


def sentences(table: pd.DataFrame) -> list[str]:
    """Of every observer in the table of `among_people`: does it fall among the people, in numbers."""
    out = []
    for _, row in table.iterrows():
        where = (
            f"kappa with people {row.kappa:.3f} [{row.low:.3f}, {row.high:.3f}]; each of the {row.n_people} people with the "
            f"others {row.people_lowest:.3f} to {row.people_highest:.3f}, mean {row.people_mean:.3f}"
        )
        if row.among_people is None:
            out.append(f"{row.observer} ({row.kind}): its kappa with people is undefined")
            continue
        verdict = (
            f"falls among the people, above {row.n_people_below} of them"
            if row.among_people
            else "does not fall among the people: it is below every one of them"
        )
        cluster_ = f"in the people's cluster in {100 * row.in_cluster:.0f} % of resampled trees"
        out.append(f"{row.observer} ({row.kind}) {verdict} ({where}); {cluster_}")
    return out
