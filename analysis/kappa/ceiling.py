"""The noise ceiling: the consistency with people that can be expected, given how consistent people are with each other.

Notation: P people of a dataset, R resamples. kappa is computed per condition, then averaged over conditions, then over
people. Each person in turn is left out and compared with each of the other people, just as any other observer is
compared with all people. The ceiling is the mean of these values; it equals the mean over the pairs of people (Geirhos
et al. 2020). `share` is kappa / ceiling: 1 means that the observer agrees with people as well as people agree with each
other.

An observer can exceed the ceiling, because a majority makes fewer random errors than a single person. The row `MAJORITY`
shows by how much: it compares each person left out with the majority of the other people, image by image. In case of a
tie, or if no other person responded to an image, the majority counts as wrong.
Intervals: paired bootstrap over images, 95 %, with the people held fixed, or the score interval where a kappa is that of
one pair in one condition. The ceiling is NaN with fewer than two people.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.io.notes import add_notes
from analysis.kappa.condition_data import (
    ConditionData,
    ImageWeights,
    ResampledComparison,
    bootstrap_weights,
    excluded_datasets_note,
    resample_comparisons,
    single_pair_interval,
    unit_weights,
)
from analysis.kappa.consistency import Rule, kappa, weighted_agreement
from analysis.measures.resampling import N_RESAMPLES, nan_mean, percentiles
from analysis.measures.ties import TOLERANCE

COLUMNS = (
    "dataset", "observer", "kind", "n_people", "kappa", "low", "high", "ceiling", "ceiling_low", "ceiling_high", "share",
    "share_low", "share_high",
)  # fmt: skip
MAJORITY = "majority of the others"


def noise_ceiling(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Return the error consistency of every observer with people, and the noise ceiling of every dataset.

    Args:
        frame: Trials as returned by `read_trials`.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: Number of bootstrap resamples of the images.
        seed: Random seed of the bootstrap.

    Returns:
        A table with `COLUMNS`. Every dataset that people responded to has one row per person, the row `MAJORITY`, and
        one row per other observer. `n_people` is the number of people that the observer was compared with. `share` is
        NaN if the ceiling is not above 0. `attrs["notes"]` lists the datasets that no person responded to.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.

    Example:
        >>> noise_ceiling(frame)[["dataset", "observer", "kappa", "ceiling", "share"]]
    """
    comparisons = resample_comparisons(frame, rule=rule, n_resamples=n_resamples, seed=seed)
    table = ceiling_table(comparisons, rule=rule, n_resamples=n_resamples, seed=seed)
    reason = "no person responded to them in a condition of the benchmark"
    add_notes(table, excluded_datasets_note(frame, [c.data.dataset for c in comparisons], reason))
    return table


def ceiling_table(
    comparisons: Iterable[ResampledComparison], *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Return the table of `noise_ceiling`, without notes, from comparisons with the same settings."""
    parts = []
    for comparison in comparisons:
        conditions, data, resampled = comparison.conditions, comparison.data, comparison.resampled
        kappas, drawn = (np.concatenate([c.per_person[2], c.with_people[2]]) for c in (data, resampled))
        majority = [
            _majority_kappa(conditions, data.people, rule, weights)
            for weights in (unit_weights, bootstrap_weights(n_resamples, seed))
        ]
        n = len(data.people)
        names = [*data.people, MAJORITY, *data.names]
        kinds = ["human"] * (n + 1) + list(data.kinds)
        value = np.insert(kappas[:, 0], n, majority[0])
        drawn = np.insert(drawn, n, majority[1], axis=0)
        ceiling, drawn_ceiling = data.between_people[2, 0], resampled.between_people[2]
        ceiling_low, ceiling_high = percentiles(drawn_ceiling[None])[:, 0]
        low, high = percentiles(drawn)
        if (
            n <= 2 and not np.isnan(low).all()
        ):  # the mean of an observer, or of the people, is then the kappa of one pair
            people = data.people
            of_pairs = [
                single_pair_interval(conditions, people[0], name) for name in people[1:] + data.names * (n == 1)
            ]
            if n == 2 and of_pairs[0]:
                (low[:2], high[:2]), (ceiling_low, ceiling_high) = of_pairs[0], of_pairs[0]
            for row, ends in enumerate(of_pairs if n == 1 else [], start=2):
                low[row], high[row] = ends or (low[row], high[row])
        share_low, share_high = percentiles(_share_of_ceiling(drawn, drawn_ceiling))
        parts.append(pd.DataFrame({
            "dataset": data.dataset, "observer": names, "kind": kinds, "n_people": [n - 1] * n + [n] * (len(names) - n),
            "kappa": value, "low": low, "high": high, "ceiling": ceiling, "ceiling_low": ceiling_low,
            "ceiling_high": ceiling_high, "share": _share_of_ceiling(value, np.array(ceiling)),
            "share_low": share_low, "share_high": share_high,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))


def _share_of_ceiling(value: np.ndarray, ceiling: np.ndarray) -> np.ndarray:
    """Return value / ceiling; NaN where the ceiling is not above 0, because people then agree only by chance."""
    value, ceiling = np.broadcast_arrays(value, ceiling)
    return np.asarray(np.divide(value, ceiling, out=np.full(value.shape, np.nan), where=ceiling > TOLERANCE))


def _majority_kappa(
    conditions: list[ConditionData], people: tuple[str, ...], rule: Rule, image_weights: ImageWeights
) -> np.ndarray:
    """Return the kappa of each person with the majority of the other people, averaged over people, with shape (R,)."""
    per_condition = []
    for k, condition in enumerate(conditions):
        weight = image_weights(condition.correct.shape[1], k)
        rows = np.flatnonzero(condition.is_reference)
        correct, answered = condition.correct[rows], condition.answered[rows]
        majority = (2 * (correct.sum(axis=0) - correct) > answered.sum(axis=0) - answered).astype(float)
        n = np.arange(len(rows))
        both_correct = np.concatenate((correct, majority)).astype(weight.dtype)
        both_answered = np.concatenate((answered, np.ones(answered.shape))).astype(weight.dtype)
        _, _, expected, observed = weighted_agreement(both_correct, both_answered, weight, n, n + len(rows))
        kappas = np.full((len(people), weight.shape[1]), np.nan)
        if len(rows) > 1:
            kappas[[people.index(condition.names[o]) for o in rows]] = kappa(observed, expected, rule)
        per_condition.append(kappas)
    return nan_mean(nan_mean(np.array(per_condition), axis=0), axis=0)
