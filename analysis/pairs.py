"""Kappa of every two observers of a dataset in every resample of its images: what contrasts and clusters are tested by.

Declared once: O observers of one dataset, O (O - 1) / 2 pairs o < p in the order of `np.triu_indices`, R resamples. kappa is
per condition, then the mean over the conditions that count, over what is defined.
"""

import numpy as np
import pandas as pd
from attrs import frozen

from analysis.condition_data import Weigh, cells, once, resampling
from analysis.consistency import N_PAIRS, Rule, included, resampled_kappa
from analysis.frame import KINDS, dataset_order, observer_order
from analysis.resampling import N_RESAMPLES, nan_mean, percentiles
from stimuli.errors import LogError

COLUMNS = ("dataset", "kind_1", "kind_2", "n_pairs", "kappa", "low", "high")


@frozen(eq=False)
class Pairs:
    names: tuple[str, ...]  # people first
    kinds: tuple[str, ...]
    kappas: np.ndarray  # (pairs, R)

    def matrix(self, resample: int = 0) -> pd.DataFrame:
        """O × O, 1 on the diagonal."""
        out = np.eye(len(self.names))
        i, j = np.triu_indices(len(self.names), k=1)
        out[i, j] = out[j, i] = self.kappas[:, resample]
        return pd.DataFrame(out, index=list(self.names), columns=list(self.names))


def pairs(trials: pd.DataFrame, rule: Rule = "undefined-is-nan", weigh: Weigh = once) -> Pairs:
    """All pairs of one dataset's observers.

    Raises LogError for several datasets, for none that counts, and as `consistency` does.
    """
    if trials["dataset"].nunique() > 1:
        raise LogError(f"one dataset at a time, got {', '.join(sorted(trials['dataset'].unique()))}: give --dataset")
    found = cells(trials)
    if not found:
        raise LogError("there is no trial in a condition that counts in the benchmark: nothing can be compared")
    kind = {name: k for cell in found for name, k in zip(cell.names, cell.kinds, strict=True)}
    order = observer_order(pd.DataFrame({"observer": list(kind), "kind": list(kind.values())}))
    names = order["observer"].tolist()
    i, j = np.triu_indices(len(names), k=1)
    per_cell = []
    for k, cell in enumerate(found):
        weight = weigh(cell.right.shape[1], k)
        place = pd.Index(cell.names).get_indexer(pd.Index(order["observer"]))
        right, there = (
            np.where(place[:, None] >= 0, m[place], 0.0).astype(weight.dtype) for m in (cell.right, cell.answered)
        )
        chunks = [slice(begin, begin + N_PAIRS) for begin in range(0, len(i), N_PAIRS)]
        drawn = [resampled_kappa(right, there, weight, i[part], j[part], rule) for part in chunks]
        per_cell.append(np.concatenate([np.empty((0, weight.shape[1])), *drawn]))
    return Pairs(tuple(names), tuple(order["kind"]), nan_mean(np.array(per_cell), axis=0))


def between_kinds(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Mean kappa between two kinds of observer, a row for every dataset and pair of kinds, with COLUMNS.

    Over conditions within a pair of observers first, then over pairs, as the benchmark averages; `n_pairs` are those with a
    defined kappa. Interval: paired bootstrap over images, 95 %, observers as they are. Raises LogError as `pairs` does.
    """
    rows = []
    for dataset in dataset_order(frame["dataset"].unique()):
        trials = included(frame[frame["dataset"] == dataset], dataset)
        if trials.empty:
            continue
        data, drawn = pairs(trials, rule), pairs(trials, rule, resampling(n_resamples, seed))
        kinds = np.array(data.kinds, object)
        i, j = np.triu_indices(len(kinds), k=1)
        for n, one in enumerate(KINDS):
            for other in KINDS[n:]:
                here = ((kinds[i] == one) & (kinds[j] == other)) | ((kinds[i] == other) & (kinds[j] == one))
                if not here.any():
                    continue
                kappa = data.kappas[here, 0]
                low, high = percentiles(nan_mean(drawn.kappas[here], axis=0)[None])[:, 0]
                rows.append(
                    (dataset, one, other, int((~np.isnan(kappa)).sum()), nan_mean(kappa, axis=0).item(), low, high)
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))
