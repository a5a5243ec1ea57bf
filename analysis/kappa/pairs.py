"""Kappa of every pair of observers of a dataset in every resample of its images, for contrasts, clusters and maps.

Notation: O observers of one dataset, O (O - 1) / 2 pairs o < p in the order of `np.triu_indices`, R resamples. kappa is
computed per condition, then averaged over the benchmark conditions in which it is defined.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from attrs import frozen

from analysis.io.frame import dataset_order, observer_order
from analysis.kappa.condition_data import ImageWeights, bootstrap_weights, split_by_condition, unit_weights
from analysis.kappa.consistency import PAIRS_PER_PRODUCT, Rule, resampled_kappa, select_benchmark_conditions
from analysis.measures.resampling import N_RESAMPLES, nan_mean, percentiles
from core.errors import LogError
from core.kinds import KINDS

COLUMNS = ("dataset", "kind_1", "kind_2", "n_pairs", "kappa", "low", "high")


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


@frozen(eq=False)
class ResampledKappas:
    """The kappas of one dataset, which contrasts, clusters and means over kinds summarize.

    Attributes:
        dataset: Name of the dataset.
        data: Kappas of the data.
        resampled: Kappas in the bootstrap resamples of the images.
    """

    dataset: str
    data: PairKappas
    resampled: PairKappas


def pair_kappas(
    trials: pd.DataFrame, rule: Rule = "undefined-is-nan", image_weights: ImageWeights = unit_weights
) -> PairKappas:
    """Return the kappas of all pairs of observers of one dataset in every resample that `image_weights` defines.

    Raises LogError if the trials are from several datasets, if no trial belongs to a condition of the benchmark, or if an
    observer responded to an image of one condition twice.
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
    per_condition = []
    for k, condition in enumerate(conditions):
        weight = image_weights(condition.correct.shape[1], k)
        row = pd.Index(condition.names).get_indexer(pd.Index(order["observer"]))
        correct, answered = (
            np.where(row[:, None] >= 0, array[row], 0.0).astype(weight.dtype)
            for array in (condition.correct, condition.answered)
        )
        chunks = [slice(start, start + PAIRS_PER_PRODUCT) for start in range(0, len(i), PAIRS_PER_PRODUCT)]
        kappas = [resampled_kappa(correct, answered, weight, i[chunk], j[chunk], rule) for chunk in chunks]
        per_condition.append(np.concatenate([np.empty((0, weight.shape[1])), *kappas]))
    return PairKappas(tuple(names), tuple(order["kind"]), nan_mean(np.array(per_condition), axis=0))


def resample_kappas(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> list[ResampledKappas]:
    """Return the kappas of every dataset that has trials in a condition of the benchmark.

    The arguments are those of `kappa_by_kind`. Raises LogError if an observer responded to an image of one condition twice.
    """
    kappas = []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = select_benchmark_conditions(frame[frame["dataset"] == dataset], dataset)
        if len(trials):
            resampled = pair_kappas(trials, rule, bootstrap_weights(n_resamples, seed))
            kappas.append(ResampledKappas(dataset, pair_kappas(trials, rule), resampled))
    return kappas


def kappa_by_kind(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Return the mean kappa between every two kinds of observer, and within every kind.

    Args:
        frame: Trials as returned by `read_trials`.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: Number of bootstrap resamples of the images (0: no intervals).
        seed: Random seed of the bootstrap.

    Returns:
        A table with `COLUMNS` and one row per dataset and pair of kinds. kappa is averaged over the conditions of each pair
        of observers, then over the `n_pairs` pairs with a defined kappa, as in the benchmark. The interval is the paired
        bootstrap over images, 95 %, with the observers held fixed.

    Raises:
        LogError: If an observer responded to an image of one condition twice.
    """
    return mean_kappas(resample_kappas(frame, rule=rule, n_resamples=n_resamples, seed=seed))


def mean_kappas(kappas: Iterable[ResampledKappas]) -> pd.DataFrame:
    """Return the table of `kappa_by_kind` for the datasets whose kappas are given."""
    rows = []
    for of_dataset in kappas:
        kinds = np.array(of_dataset.data.kinds, object)
        i, j = np.triu_indices(len(kinds), k=1)
        for n, kind_1 in enumerate(KINDS):
            for kind_2 in KINDS[n:]:
                mask = ((kinds[i] == kind_1) & (kinds[j] == kind_2)) | ((kinds[i] == kind_2) & (kinds[j] == kind_1))
                if not mask.any():
                    continue
                values = of_dataset.data.kappas[mask, 0]
                low, high = percentiles(nan_mean(of_dataset.resampled.kappas[mask], axis=0)[None])[:, 0]
                n_pairs, mean = int((~np.isnan(values)).sum()), nan_mean(values, axis=0).item()
                rows.append((of_dataset.dataset, kind_1, kind_2, n_pairs, mean, low, high))
    return pd.DataFrame(rows, columns=list(COLUMNS))
