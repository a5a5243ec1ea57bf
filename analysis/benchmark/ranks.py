"""Intervals of the benchmark measures and ranks: the paired bootstrap over images within every condition.

Every resample recomputes all measures of `analysis.benchmark.benchmark` and ranks the observers again, so the interval of a
rank shows which ranks the observer would have had with other images of the same kind. People and observers are held fixed:
the interval does not describe other people. The ends of an interval are the 2.5 and 97.5 % percentiles. A squared
difference grows with noise, and a resample is noisier than the data, so the interval of the accuracy difference is
slightly too high, above all if the difference is near 0.

The interval of error consistency is not a bootstrap: it is that of `analysis.kappa.mean_intervals` for every dataset. The
datasets are independent, so the distances between their means and the ends of their intervals are combined as √(Σ d²) / n.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from analysis.benchmark.benchmark import MEASURES, TESTED, BenchmarkScores, benchmark_scores
from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import bootstrap_weights
from analysis.kappa.consistency import RULES, Rule
from analysis.kappa.mean_intervals import MeanIntervals, rare_means_note
from analysis.kappa.people_intervals import people_intervals
from analysis.measures.resampling import N_RESAMPLES, percentiles
from analysis.measures.ties import join_ties

COLUMNS = ("observer", "kind", "n_datasets", "measure", "value", "low", "high")


def benchmark_intervals(
    frame: pd.DataFrame,
    rule: Rule = "undefined-is-nan",
    reference_observers: Collection[str] | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
    every_dataset: bool = False,
) -> pd.DataFrame:
    """Return all measures and ranks of the benchmark with 95 % intervals.

    Args:
        frame: Trials as returned by `read_trials`, of people and of the observers to compare with them.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        reference_observers: Names of observers to use in place of people, see `analysis.benchmark_table`.
        n_resamples: Number of bootstrap resamples of the images.
        seed: Random seed of the bootstrap.
        every_dataset: Include unpublished datasets, see `analysis.benchmark.benchmark.benchmark_scores`.

    Returns:
        A table with `COLUMNS` and one row per measure and observer. Within a measure people are first, and the other
        observers follow from the best to the worst value. `attrs` are those of the benchmark table, and
        `attrs["rank_note"]` is the note about observers without a rank ("" if every observer has a rank).

    Raises:
        LogError: If no person (or no reference observer) responded to a benchmark condition, or if an observer responded
            to an image of one condition twice in one session.

    Example:
        >>> table = benchmark_intervals(frame, n_resamples=200)
        >>> table[table["measure"] == "mean_rank"]
    """
    frame = check_frame(frame)
    scores = benchmark_scores(frame, rule, reference_observers, every_dataset=every_dataset)
    weights = bootstrap_weights(n_resamples, seed)
    resampled = benchmark_scores(frame, rule, reference_observers, weights, every_dataset=every_dataset)
    low, high = percentiles(resampled.values)
    kappas, notes = MEASURES.index("error_consistency"), list(scores.notes)
    if n_resamples:
        of_kappa = _kappa_intervals(scores, rule)
        low[kappas], high[kappas] = of_kappa.low, of_kappa.high
        notes += rare_means_note(of_kappa.is_rare, int(np.sum(~np.isnan(of_kappa.low))))
    parts = []
    for index, measure in enumerate(MEASURES):
        value = scores.values[index, :, 0]
        part = pd.DataFrame({"observer": scores.names, "kind": scores.kinds, "n_datasets": scores.n_datasets})
        part = part.assign(measure=measure, value=value, low=low[index], high=high[index])
        sign = 1 if measure in ("accuracy_difference", "mean_rank", "ood_rank") else -1
        parts.append(part.loc[np.argsort(join_ties(np.where(part.index > 0, sign * value, -np.inf)), kind="stable")])
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    add_notes(table, notes)
    table.attrs |= {"rank_note": scores.rank_note, "rule": RULES[rule], TESTED: scores.tested}
    return table


def _kappa_intervals(scores: BenchmarkScores, rule: Rule) -> MeanIntervals:
    """Return the intervals of the error consistency of all observers, averaged over datasets, with shape (N,)."""
    keys = list(zip(scores.names, scores.kinds, strict=True))
    n, squares, is_rare = np.zeros(len(keys)), np.zeros((2, len(keys))), np.zeros(len(keys), bool)
    for conditions, data in scores.comparisons:
        intervals = people_intervals(conditions, data, rule)
        rows = np.array([0, *(keys.index(key) for key in zip(data.names, data.kinds, strict=True))])
        values = np.concatenate([data.between_people[2, :1], data.with_people[2, :, 0]])
        parts = (intervals.between_people, intervals.with_people)
        low, high, rare = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("low", "high", "is_rare")
        )
        is_defined = ~np.isnan(values)
        n[rows] += is_defined
        squares[:, rows] += np.where(is_defined, np.array([values - low, high - values]) ** 2, 0.0)
        is_rare[rows] |= rare
    below, above = np.divide(np.sqrt(squares), n, out=np.zeros_like(squares), where=n > 0)
    means = scores.values[MEASURES.index("error_consistency"), :, 0]
    return MeanIntervals(means - below, means + above, is_rare)
