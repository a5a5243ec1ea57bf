"""Kappa of every pair of observers of a dataset in every resample of its images, for contrasts, clusters and maps.

Notation: O observers of one dataset, O (O - 1) / 2 pairs o < p in the order of `np.triu_indices`, R resamples. kappa is
computed per condition, then averaged over the benchmark conditions in which it is defined.
All kappas of 1,000 observers in 1,000 resamples would take 4 GB, so the resamples are divided into blocks with at most
MAX_VALUES kappas each. Summaries are computed block by block, and none of them depends on the size of the blocks.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from analysis.io.check_frame import check_frame
from analysis.io.frame import dataset_order, number_key, observer_order
from analysis.io.notes import add_notes, change_notes
from analysis.kappa.condition_data import (
    ImageWeights,
    align_observers,
    bootstrap_weights,
    split_by_condition,
    unit_weights,
)
from analysis.kappa.consistency import (
    PAIRS_PER_PRODUCT,
    Rule,
    resampled_kappa,
    select_benchmark_conditions,
)
from analysis.kappa.mean_intervals import PairIntervals, mean_intervals, mean_weights, pair_intervals, rare_means_note
from analysis.measures.resampling import N_RESAMPLES, nan_mean
from core.errors import LogError
from core.kinds import KINDS

COLUMNS = ("dataset", "kind_1", "kind_2", "n_pairs", "kappa", "low", "high")
MAX_VALUES = 2**26  # largest number of kappas in a block; with float64 they take 512 MB


@frozen(eq=False)
class PairKappas:
    """The kappas of all pairs of observers of one dataset.

    Attributes:
        names: Names of the O observers, people first.
        kinds: Kinds of the O observers.
        kappas: Kappa of each pair in each resample, with shape (pairs, R).
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    kappas: np.ndarray

    def array(self, resample: int = 0) -> np.ndarray:
        """Return the kappas of one resample as a symmetric array with shape (O, O) and 1 on the diagonal."""
        matrix = np.eye(len(self.names))
        i, j = np.triu_indices(len(self.names), k=1)
        matrix[i, j] = matrix[j, i] = self.kappas[:, resample]
        return matrix

    def matrix(self, resample: int = 0) -> pd.DataFrame:
        """Return the kappas of one resample as a symmetric O × O table with 1 on the diagonal."""
        return pd.DataFrame(self.array(resample), index=list(self.names), columns=list(self.names))


# A function that takes the kappas of the data and those of a block of resamples.
Summary = Callable[[PairKappas, PairKappas], Any]


@frozen(eq=False)
class ResampledKappas:
    """The kappas of one dataset, which contrasts, clusters and means over kinds summarize.

    Attributes:
        dataset: Name of the dataset.
        data: Kappas of the data.
        blocks: Function that yields the kappas in the bootstrap resamples of the images, one block of resamples after the
            other.
        trials: Trials of the dataset in conditions of the benchmark.
        rule: Treatment of undefined kappas.
        n_resamples: Number of bootstrap resamples.
    """

    dataset: str
    data: PairKappas
    blocks: Callable[[], Iterator[PairKappas]]
    trials: pd.DataFrame
    rule: Rule
    n_resamples: int
    _summaries: dict[Summary, list[Any]] = field(factory=dict, init=False, repr=False)

    @cached_property
    def intervals(self) -> PairIntervals:
        """The score intervals of the kappas of all pairs in every condition."""
        arrays = align_observers(split_by_condition(self.trials), self.data.names)
        return pair_intervals(arrays, *np.triu_indices(len(self.data.names), k=1), self.rule)

    def summarize(self, *summaries: Summary) -> None:
        """Compute several summaries of all blocks in one pass, so that the blocks are computed once."""
        missing = [summary for summary in summaries if summary not in self._summaries]
        if missing:
            results = [[summary(self.data, block) for summary in missing] for block in self.blocks()]
            self._summaries.update(zip(missing, map(list, zip(*results, strict=True)), strict=True))

    def summary(self, summary: Summary) -> list[Any]:
        """Return the results of a summary, one for each block."""
        self.summarize(summary)
        return self._summaries[summary]


def pair_kappas(
    trials: pd.DataFrame, rule: Rule = "undefined-is-nan", image_weights: ImageWeights = unit_weights
) -> PairKappas:
    """Return the kappas of all pairs of observers of one dataset in every resample that `image_weights` defines.

    Raises LogError if the trials are from several datasets, if no trial belongs to a condition of the benchmark, or if
    an observer responded to an image of one condition twice in one session.
    """
    if trials["dataset"].nunique() > 1:
        datasets = ", ".join(sorted(trials["dataset"].unique()))
        raise LogError(f"expected the trials of one dataset, found {datasets}; choose one with --dataset")
    conditions = split_by_condition(trials)
    if not conditions:
        raise LogError(
            "no trial belongs to a condition of the benchmark, so no observers can be compared; add logs of other conditions"
        )
    kind_of = {name: kind for c in conditions for name, kind in zip(c.names, c.kinds, strict=True)}
    order = observer_order(pd.DataFrame({"observer": list(kind_of), "kind": list(kind_of.values())}))
    names = order["observer"].tolist()
    i, j = np.triu_indices(len(names), k=1)
    arrays = []
    for k, (correct, answered) in enumerate(align_observers(conditions, names)):
        weight = np.ascontiguousarray(image_weights(correct.shape[1], k))
        arrays.append((correct.astype(weight.dtype), answered.astype(weight.dtype), weight))
    kappas = np.empty((len(i), arrays[0][2].shape[1]))
    for start in range(0, len(i), PAIRS_PER_PRODUCT):
        part = slice(start, start + PAIRS_PER_PRODUCT)
        per_condition = [resampled_kappa(*array, i[part], j[part], rule) for array in arrays]
        kappas[part] = nan_mean(np.array(per_condition), axis=0)
    return PairKappas(tuple(names), tuple(order["kind"]), kappas)


def resample_kappas(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> list[ResampledKappas]:
    """Return the kappas of every dataset that has trials in a condition of the benchmark.

    The arguments are those of `kappa_by_kind`. Raises LogError if an observer responded to an image of one condition
    twice in one session.
    """
    kappas = []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = select_benchmark_conditions(frame[frame["dataset"] == dataset], dataset)
        if len(trials):
            kappas.append(resample_dataset(trials, rule, n_resamples, seed))
    return kappas


def resample_dataset(trials: pd.DataFrame, rule: Rule, n_resamples: int, seed: int) -> ResampledKappas:
    """Return the kappas of one dataset. Raises LogError in the same cases as `pair_kappas`."""
    data = pair_kappas(trials, rule)
    weights = bootstrap_weights(n_resamples, seed)
    n_blocks = max(1, -(-len(data.kappas) * n_resamples // MAX_VALUES))
    parts = np.array_split(np.arange(n_resamples), n_blocks)

    def weights_of(part: np.ndarray) -> ImageWeights:
        return lambda n_images, k: weights(n_images, k)[:, part]

    def blocks() -> Iterator[PairKappas]:
        return (pair_kappas(trials, rule, weights_of(part)) for part in parts)

    return ResampledKappas(str(trials["dataset"].iloc[0]), data, blocks, trials, rule, n_resamples)


def kappa_by_kind(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Return the mean kappa between every two kinds of observer, and within every kind.

    Args:
        frame: Trials as returned by `read_trials`.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: 0 for a table without intervals. Any other number gives the same intervals, which are not resampled.
        seed: Has no effect, since the intervals are deterministic.

    Returns:
        A table with `COLUMNS` and one row per dataset and pair of kinds. kappa is averaged over the conditions of each
        pair of observers, then over the `n_pairs` pairs with a defined kappa, as in the benchmark. The interval is that of
        `analysis.kappa.mean_intervals`, 95 %, with the observers held fixed. `attrs["notes"]` says how many intervals
        depend on few errors or correct responses.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.
    """
    frame = check_frame(frame)
    table = mean_kappas(resample_kappas(frame, rule=rule, n_resamples=n_resamples, seed=seed))
    add_notes(table, table.attrs["notes"])
    return table


def mean_kappas(kappas: Iterable[ResampledKappas]) -> pd.DataFrame:
    """Return the table of `kappa_by_kind` for the datasets whose kappas are given, without showing its notes."""
    rows, is_rare = [], []
    for of_dataset in kappas:
        groups = list(_pairs_by_kind(of_dataset.data.kinds))
        values = [of_dataset.data.kappas[pairs, 0] for _, _, pairs in groups]
        means = np.array([nan_mean(value, axis=0).item() for value in values])
        low = high = np.full(len(groups), np.nan)
        if of_dataset.n_resamples:
            intervals = of_dataset.intervals
            ends = mean_intervals(means, intervals, mean_weights(intervals, [pairs for _, _, pairs in groups]))
            low, high = ends.low, ends.high
            is_rare += ends.is_rare.tolist()
        for (kind_1, kind_2, _), value, *ends_of_row in zip(groups, values, means, low, high, strict=True):
            rows.append((of_dataset.dataset, kind_1, kind_2, int((~np.isnan(value)).sum()), *ends_of_row))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    change_notes(
        table, rare_means_note(np.array(is_rare, bool), int(table["low"].notna().sum())), []
    )  # the public function shows them
    return table


def kind_order(kinds: Iterable[str]) -> list[str]:
    """Return the unique kinds in their usual order; the names of groups follow, sorted by the numbers in them."""
    unique = set(kinds)
    return [kind for kind in KINDS if kind in unique] + sorted(sorted(unique - set(KINDS)), key=number_key)


def _pairs_by_kind(kinds: tuple[str, ...]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield every two kinds that have a pair of observers, and the positions of their pairs."""
    order = kind_order(kinds)
    number = pd.Index(order).get_indexer(pd.Index(kinds))
    i, j = np.triu_indices(len(kinds), k=1)
    first, second = np.minimum(number[i], number[j]), np.maximum(number[i], number[j])
    for n, kind_1 in enumerate(order):
        for m, kind_2 in enumerate(order[n:], n):
            pairs = np.flatnonzero((first == n) & (second == m))
            if len(pairs):
                yield kind_1, kind_2, pairs
