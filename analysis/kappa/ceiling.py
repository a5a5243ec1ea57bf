"""The noise ceiling: the consistency with people that can be expected, given how consistent people are with each other.

Notation: P people of a dataset, R resamples. kappa is computed per condition, then averaged over conditions, then over
people. Each person in turn is left out and compared with each of the other people, just as any other observer is
compared with all people. `ceiling` is the mean of these values, which equals the mean over the pairs of people (Geirhos
et al. 2020): it is the kappa with people that one more person would have. `share` is kappa / ceiling: 1 means that the
observer agrees with people as well as people agree with each other.

The share can exceed 1, because a single person makes random errors, which an observer may lack. How high kappa with people
can be is bracketed by two bounds, which translate those of Nili et al. (2014) from correlations to kappa:
- Lower bound (row `MAJORITY`): each person is compared with the majority of the other people, image by image, without the
  person's own responses. The majority is correct on an image if more than half of the others were. In case of a tie, or if
  no other person responded to the image, it is wrong.
- Upper bound: each person is compared with the consensus of all people, including the person. The consensus is correct on
  an image if at least m of the P people were (m / P of those who responded to it). In every condition, m is the number for
  which the mean kappa of the consensus with people is greatest, as the mean of Nili et al. is the prediction with the
  greatest mean correlation. In the published data of people, no pattern of correct responses has a kappa with people that
  is more than .001 higher, so the upper bound is the highest kappa that any observer can have.
With two people, the majority of the others is the other person, so the lower bound is the ceiling. All three are NaN with
fewer than two people.
Intervals of kappa, of the ceiling and of the bounds: those of `analysis.kappa.mean_intervals`, 95 %, with the people, and
the m of the consensus, held fixed. Intervals of the share: paired bootstrap over images.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes, change_notes
from analysis.io.number_format import format_value
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
from core.names import abbreviate

COLUMNS = (
    "dataset", "observer", "kind", "n_people", "kappa", "low", "high", "ceiling", "ceiling_low", "ceiling_high", "share",
    "share_low", "share_high", "lower_bound", "lower_bound_low", "lower_bound_high", "upper_bound", "upper_bound_low",
    "upper_bound_high",
)  # fmt: skip
OF_DATASET = ("ceiling", "lower_bound", "upper_bound")
"""Columns, with their intervals, that have the same value in all rows of a dataset."""
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
        NaN if the ceiling is not above 0. The ceiling and its two bounds are the same in all rows of a dataset.
        `attrs["notes"]` lists the datasets that no person responded to, explains shares above 1, and says how many
        intervals of kappa and of ceilings depend on few errors or correct responses.

    Raises:
        LogError: If an observer responded to an image of one condition twice in one session.

    Example:
        >>> noise_ceiling(frame)[["dataset", "observer", "kappa", "share", "lower_bound", "upper_bound"]]
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
        with_majority, with_consensus = (
            _majority_arrays(conditions, data.people),
            _consensus_arrays(conditions, data.people),
        )
        n = len(data.people)
        names = [*data.people, MAJORITY, *data.names]
        kinds = ["human"] * (n + 1) + list(data.kinds)
        value = np.insert(kappas[:, 0], n, _consensus_kappa(with_majority, rule, unit_weights))
        drawn_majority = _consensus_kappa(with_majority, rule, bootstrap_weights(n_resamples, seed))
        drawn = np.insert(drawn, n, drawn_majority, axis=0)
        ceiling, drawn_ceiling = data.between_people[2, 0], resampled.between_people[2]
        low = high = np.full(len(names), np.nan)
        upper_bound = _consensus_kappa(with_consensus, rule, unit_weights)
        ceiling_low = ceiling_high = np.nan
        upper_low = upper_high = np.full(1, np.nan)
        if n_resamples:
            of_people = people_intervals(conditions, data, rule)
            of_majority = _consensus_interval(with_majority, rule, value[n : n + 1])
            ends = (of_people.per_person, of_majority, of_people.with_people)
            low, high = (np.concatenate([getattr(each, side) for each in ends]) for side in ("low", "high"))
            (ceiling_low,), (ceiling_high,) = of_people.between_people.low, of_people.between_people.high
            of_consensus = _consensus_interval(with_consensus, rule, upper_bound)
            upper_low, upper_high = of_consensus.low, of_consensus.high
            is_rare += [*(each.is_rare for each in ends), of_people.between_people.is_rare, of_consensus.is_rare]
            n_intervals += int(np.sum(~np.isnan([*low, ceiling_low, *upper_low])))
        share = _share_of_ceiling(value, np.array(ceiling))
        ends_of_share = percentiles(_share_of_ceiling(drawn, drawn_ceiling))
        share_low, share_high = np.where(np.isnan(share), np.nan, ends_of_share)  # resamples can have a ceiling above 0
        parts.append(pd.DataFrame({
            "dataset": data.dataset, "observer": names, "kind": kinds, "n_people": [n - 1] * n + [n] * (len(names) - n),
            "kappa": value, "low": low, "high": high, "ceiling": ceiling, "ceiling_low": ceiling_low,
            "ceiling_high": ceiling_high, "share": share,
            "share_low": share_low, "share_high": share_high, "lower_bound": value[n], "lower_bound_low": low[n],
            "lower_bound_high": high[n], "upper_bound": upper_bound[0], "upper_bound_low": upper_low[0],
            "upper_bound_high": upper_high[0],
        }))  # fmt: skip
    table = pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))
    notes = rare_means_note(np.concatenate(is_rare), n_intervals) if is_rare else []
    change_notes(table, [*_high_share_notes(table), *notes], [])  # the public function shows them
    return table


def _high_share_notes(table: pd.DataFrame) -> list[str]:
    """Return a note for every dataset in which other observers than people have a share above 1."""
    notes = []
    others = table[(table["kind"] != "human") & (table["share"] > 1 + TOLERANCE)]
    for dataset, rows in others.groupby("dataset", sort=False):
        highest = rows["upper_bound"].iloc[0] / rows["ceiling"].iloc[0]
        names = abbreviate(list(rows.sort_values("share", ascending=False, kind="stable")["observer"]))
        notes.append(
            f"a share above 1 in {dataset} ({names}) means that the observer agrees with people better than people agree "
            "with each other; this is possible because random errors of single people lower the kappa among people. The "
            f"highest share that any observer could have is {format_value(float(highest))}, at the upper bound"
        )
    return notes


def bounds_of_datasets(table: pd.DataFrame) -> pd.DataFrame:
    """Return the ceiling and its bounds with one row per dataset, from the table of `noise_ceiling`."""
    first = table.groupby("dataset", sort=False).first().reset_index()
    n_people = (table["kind"] == "human").groupby(table["dataset"], sort=False).sum() - 1  # without the row MAJORITY
    columns = [f"{name}{end}" for name in OF_DATASET for end in ("", "_low", "_high")]
    return first.assign(n_people=n_people.to_numpy())[["dataset", "n_people", *columns]]


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


def _consensus_arrays(conditions: Sequence[ConditionData], people: Sequence[str]) -> Arrays:
    """Return the responses of the P people in every condition, followed by P copies of their consensus.

    The arrays have the shape (2P, I). The rows of the consensus are 0 in a condition with only one person.
    """
    arrays = []
    for correct, answered in align_observers(conditions, people):
        n_correct, n_answered, n = correct.sum(axis=0), answered.sum(axis=0), len(people)
        has_several = answered.any(axis=1).sum() > 1
        candidates = []
        for m in range(1, n + 1):
            is_correct = ((n * n_correct >= m * n_answered) & (n_answered > 0) & has_several).astype(float)
            has_response = ((n_answered > 0) & has_several).astype(float)
            rows = [np.tile(row, (n, 1)) for row in (is_correct, has_response)]
            candidates.append((np.concatenate([correct, rows[0]]), np.concatenate([answered, rows[1]])))
        # kappa with the rule undefined-is-nan, so that a consensus that is always right is not preferred.
        kappas = np.array([_consensus_kappa([each], "undefined-is-nan", unit_weights)[0] for each in candidates])
        arrays.append(candidates[int(np.argmax(np.where(np.isnan(kappas), -np.inf, kappas)))])
    return arrays


def _consensus_kappa(arrays: Arrays, rule: Rule, image_weights: ImageWeights) -> np.ndarray:
    """Return the kappa of each person with the other half of the rows, averaged over people, with shape (R,).

    `arrays` is the result of `_majority_arrays` or `_consensus_arrays`.
    """
    per_condition = []
    for k, (correct, answered) in enumerate(arrays):
        weight = image_weights(correct.shape[1], k)
        person = np.arange(len(correct) // 2)
        both = correct.astype(weight.dtype), answered.astype(weight.dtype)
        _, _, expected, observed = weighted_agreement(*both, weight, person, len(person) + person)
        per_condition.append(kappa(observed, expected, rule))
    return nan_mean(nan_mean(np.array(per_condition), axis=0), axis=0)


def _consensus_interval(arrays: Arrays, rule: Rule, value: np.ndarray) -> MeanIntervals:
    """Return the interval of the mean of `_consensus_kappa`, whose value in the data has the shape (1,)."""
    person = np.arange(len(arrays[0][0]) // 2)
    pairs = pair_intervals(arrays, person, len(person) + person, rule)
    return mean_intervals(value, pairs, mean_weights(pairs, [person]))
