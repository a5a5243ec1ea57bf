"""The noise ceiling: the consistency with people that can be expected, given how consistent people are with each other.

Notation: P people of a dataset, R resamples. kappa is computed per condition, then averaged over conditions, then over
people. Each person in turn is left out and compared with each of the other people, just as any other observer is
compared with all people. The ceiling is the mean of these values; it equals the mean over the pairs of people (Geirhos
et al. 2020). `share` is kappa / ceiling: 1 means that the observer agrees with people as well as people agree with each
other.

An observer can exceed the ceiling, because a majority makes fewer random errors than a single person. The row `MAJORITY`
shows by how much: it compares each person left out with the majority of the other people, image by image. In case of a
tie, or if no other person responded to an image, the majority counts as wrong.
Intervals of kappa and of the ceiling: those of `analysis.kappa.mean_intervals`, 95 %, with the people held fixed. Intervals
of the share: paired bootstrap over images. The ceiling is NaN with fewer than two people.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes, change_notes
from analysis.kappa.condition_data import (
    ConditionData,
    ImageWeights,
    ResampledComparison,
    align_observers,
    bootstrap_weights,
    excluded_datasets_note,
    resample_comparisons,
    unit_weights,
)
from analysis.kappa.consistency import Rule, kappa, weighted_agreement
from analysis.kappa.mean_intervals import (
    Arrays,
    MeanIntervals,
    mean_intervals,
    mean_weights,
    pair_intervals,
    rare_means_note,
)
from analysis.kappa.people_intervals import people_intervals
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
        n_resamples: Number of bootstrap resamples of the images for the intervals of the share (0: no intervals).
        seed: Random seed of the bootstrap.

    Returns:
        A table with `COLUMNS`. Every dataset that people responded to has one row per person, the row `MAJORITY`, and
        one row per other observer. `n_people` is the number of people that the observer was compared with. `share` is
        NaN if the ceiling is not above 0. `attrs["notes"]` lists the datasets that no person responded to, and says how many
        intervals of kappa and of ceilings depend on few errors or correct responses.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.

    Example:
        >>> noise_ceiling(frame)[["dataset", "observer", "kappa", "ceiling", "share"]]
    """
    frame = check_frame(frame)
    comparisons = resample_comparisons(frame, rule=rule, n_resamples=n_resamples, seed=seed)
    table = ceiling_table(comparisons, rule=rule, n_resamples=n_resamples, seed=seed)
    reason = "no person responded to them in a condition of the benchmark"
    notes = excluded_datasets_note(frame, [c.data.dataset for c in comparisons], reason)
    add_notes(table, [*notes, *table.attrs["notes"]])
    return table


def ceiling_table(
    comparisons: Iterable[ResampledComparison], *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Return the table of `noise_ceiling` from comparisons with the same settings, without showing its notes."""
    parts, is_rare, n_intervals = [], [], 0
    for comparison in comparisons:
        conditions, data, resampled = comparison.conditions, comparison.data, comparison.resampled
        kappas, drawn = (np.concatenate([c.per_person[2], c.with_people[2]]) for c in (data, resampled))
        with_majority = _majority_arrays(conditions, data.people)
        n = len(data.people)
        names = [*data.people, MAJORITY, *data.names]
        kinds = ["human"] * (n + 1) + list(data.kinds)
        value = np.insert(kappas[:, 0], n, _majority_kappa(with_majority, rule, unit_weights))
        drawn_majority = _majority_kappa(with_majority, rule, bootstrap_weights(n_resamples, seed))
        drawn = np.insert(drawn, n, drawn_majority, axis=0)
        ceiling, drawn_ceiling = data.between_people[2, 0], resampled.between_people[2]
        low = high = np.full(len(names), np.nan)
        ceiling_low = ceiling_high = np.nan
        if n_resamples:
            of_people = people_intervals(conditions, data, rule)
            of_majority = _majority_interval(with_majority, rule, value[n : n + 1])
            ends = (of_people.per_person, of_majority, of_people.with_people)
            low, high = (np.concatenate([getattr(each, side) for each in ends]) for side in ("low", "high"))
            (ceiling_low,), (ceiling_high,) = of_people.between_people.low, of_people.between_people.high
            is_rare += [*(each.is_rare for each in ends), of_people.between_people.is_rare]
            n_intervals += int(np.sum(~np.isnan([*low, ceiling_low])))
        share_low, share_high = percentiles(_share_of_ceiling(drawn, drawn_ceiling))
        parts.append(pd.DataFrame({
            "dataset": data.dataset, "observer": names, "kind": kinds, "n_people": [n - 1] * n + [n] * (len(names) - n),
            "kappa": value, "low": low, "high": high, "ceiling": ceiling, "ceiling_low": ceiling_low,
            "ceiling_high": ceiling_high, "share": _share_of_ceiling(value, np.array(ceiling)),
            "share_low": share_low, "share_high": share_high,
        }))  # fmt: skip
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))
    change_notes(
        table, rare_means_note(np.concatenate(is_rare), n_intervals) if is_rare else [], []
    )  # the public function shows them
    return table


def _share_of_ceiling(value: np.ndarray, ceiling: np.ndarray) -> np.ndarray:
    """Return value / ceiling; NaN where the ceiling is not above 0, because people then agree only by chance."""
    value, ceiling = np.broadcast_arrays(value, ceiling)
    return np.asarray(np.divide(value, ceiling, out=np.full(value.shape, np.nan), where=ceiling > TOLERANCE))


def _majority_arrays(conditions: Sequence[ConditionData], people: Sequence[str]) -> Arrays:
    """Return the responses of the P people in every condition, followed by the majorities of the others of each person.

    The arrays have the shape (2P, I). The rows of the majorities are 0 in a condition
    with only one person.
    """
    arrays = []
    for correct, answered in align_observers(conditions, people):
        has_others = np.full(answered.shape, answered.any(axis=1).sum() > 1)
        is_correct = (2 * (correct.sum(axis=0) - correct) > answered.sum(axis=0) - answered) & has_others
        arrays.append((np.concatenate([correct, is_correct]), np.concatenate([answered, has_others])))
    return arrays


def _majority_kappa(arrays: Arrays, rule: Rule, image_weights: ImageWeights) -> np.ndarray:
    """Return the kappa of each person with the majority of the other people, averaged over people, with shape (R,)."""
    per_condition = []
    for k, (correct, answered) in enumerate(arrays):
        weight = image_weights(correct.shape[1], k)
        person = np.arange(len(correct) // 2)
        both = correct.astype(weight.dtype), answered.astype(weight.dtype)
        _, _, expected, observed = weighted_agreement(*both, weight, person, len(person) + person)
        per_condition.append(kappa(observed, expected, rule))
    return nan_mean(nan_mean(np.array(per_condition), axis=0), axis=0)


def _majority_interval(arrays: Arrays, rule: Rule, value: np.ndarray) -> MeanIntervals:
    """Return the interval of the mean of `_majority_kappa`, whose value in the data has the shape (1,)."""
    person = np.arange(len(arrays[0][0]) // 2)
    pairs = pair_intervals(arrays, person, len(person) + person, rule)
    return mean_intervals(value, pairs, mean_weights(pairs, [person]))
