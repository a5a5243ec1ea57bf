"""Error consistency with people in every condition, inside or outside the benchmark. Figures plot it over levels.

The kappa of an observer in a condition is the mean over the people who responded to that condition. For the row
`PEOPLE` (or `SIMULATED_PEOPLE`) it is the mean over the pairs of people. `rule` determines the value of an undefined
kappa; a mean over no values is NaN. Intervals: those of `analysis.kappa.mean_intervals`, 95 %, with the people held fixed;
they are left out if `n_resamples` is 0.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from analysis.benchmark.benchmark import SIMULATED_PEOPLE
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import (
    compare_with_people,
    excluded_datasets_note,
    split_by_condition,
    unit_weights,
)
from analysis.kappa.consistency import RULES, Rule
from analysis.kappa.mean_intervals import rare_means_note
from analysis.kappa.people_intervals import people_intervals
from analysis.measures.accuracy import PEOPLE
from analysis.measures.resampling import N_RESAMPLES

COLUMNS = ("dataset", "condition", "observer", "kind", "n_people", "n_images", "kappa", "low", "high")


def consistency_by_condition(
    frame: pd.DataFrame,
    *,
    rule: Rule = "undefined-is-nan",
    reference_observers: Collection[str] | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the error consistency with people of every observer in every condition that people responded to.

    The table has `COLUMNS`. Each condition has a row `PEOPLE` if at least two people responded to it, then one row per
    other observer. Observers named in `reference_observers` replace the people, who are then excluded. `attrs["notes"]`
    lists the datasets that no person responded to. Raises LogError if an observer responded to an image of one
    condition twice in one session.
    """
    if reference_observers is not None:
        reference_observers = set(reference_observers)
        frame = frame[(frame["kind"] != "human") | frame["observer"].isin(reference_observers)]
    rows, used, is_rare = [], [], [np.array([], bool)]
    for condition in split_by_condition(frame, reference_observers, every_condition=True):
        n_people, n_images = int(condition.is_reference.sum()), condition.correct.shape[1]
        if not n_people:
            continue
        used.append(condition.dataset)
        data = compare_with_people([condition], rule, unit_weights)
        names, kinds, kappas = [*data.names], [*data.kinds], [*data.with_people[2, :, 0]]
        low = high = np.full(len(names) + 1, np.nan)
        if n_resamples:
            intervals = people_intervals([condition], data, rule)
            ends = (intervals.between_people, intervals.with_people)
            low, high = (np.concatenate([getattr(each, side) for each in ends]) for side in ("low", "high"))
            is_rare += [intervals.between_people.is_rare, intervals.with_people.is_rare]
        if n_people > 1:
            names = [PEOPLE if reference_observers is None else SIMULATED_PEOPLE, *names]
            kinds = [condition.kinds[int(condition.is_reference.argmax())], *kinds]
            kappas = [data.between_people[2, 0], *kappas]
        else:
            low, high = low[1:], high[1:]
        for name, kind, *values in zip(names, kinds, kappas, low, high, strict=True):
            rows.append((condition.dataset, condition.condition, name, kind, n_people, n_images, *values))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    notes = excluded_datasets_note(frame, used, "no person responded to them")
    add_notes(table, notes + rare_means_note(np.concatenate(is_rare), int(table["low"].notna().sum())))
    table.attrs["rule"] = RULES[rule]
    return table
