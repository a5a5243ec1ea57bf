"""How certain the benchmark's numbers and ranks are: the paired bootstrap over images within every condition.

In each resample every number of `analysis.benchmark` is computed anew and the observers are ranked anew, so the interval of
a rank says which places the observer would have taken on other images of the same kind. People and observers are taken as
they are: the interval says nothing of other people. 95 % percentiles. A squared difference grows with noise, and a resample
is noisier than the data, so the interval of the accuracy difference lies somewhat high, most so where it is near 0.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from analysis.benchmark import MEASURES, scores
from analysis.condition_data import resampling
from analysis.consistency import RULES, Rule
from analysis.resampling import N_RESAMPLES, percentiles

COLUMNS = ("observer", "kind", "n_datasets", "measure", "value", "low", "high")


def benchmark_intervals(
    frame: pd.DataFrame,
    rule: Rule = "undefined-is-nan",
    stand_ins: Collection[str] | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    every_dataset: bool = False,
) -> pd.DataFrame:
    """A row for every measure of the benchmark and observer, with COLUMNS, people first, then by the measure's value.

    With `every_dataset` over unpublished datasets as well, as `analysis.benchmark.scores` says. Raises LogError as
    `benchmark` does.
    """
    found = scores(frame, rule, stand_ins, every_dataset=every_dataset)
    drawn = scores(frame, rule, stand_ins, resampling(n_resamples, seed), every_dataset=every_dataset)
    low, high = percentiles(drawn.values)
    parts = []
    for m, measure in enumerate(MEASURES):
        value = found.values[m, :, 0]
        part = pd.DataFrame({"observer": found.names, "kind": found.kinds, "n_datasets": found.n_datasets})
        part = part.assign(measure=measure, value=value, low=low[m], high=high[m])
        sign = 1 if measure in ("accuracy_difference", "mean_rank", "ood_rank") else -1
        parts.append(part.loc[np.argsort(np.where(part.index > 0, sign * value, -np.inf), kind="stable")])
    out = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    out.attrs["notes"], out.attrs["rule"] = list(found.notes), RULES[rule]
    return out
