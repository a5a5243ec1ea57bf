"""Error consistency with people in every condition, inside or outside the benchmark. Figures plot it over levels.

The kappa of an observer in a condition is the mean over the people who responded to that condition. For the row
`PEOPLE` (or `SIMULATED_PEOPLE`) it is the mean over the pairs of people. `rule` determines the value of an undefined
kappa; a mean over no values is NaN. Intervals: paired bootstrap over the images of the condition, 95 %, with the people
held fixed, or the score interval where a kappa is that of one pair.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from analysis.benchmark.benchmark import SIMULATED_PEOPLE
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import (
    bootstrap_weights,
    compare_with_people,
    excluded_datasets_note,
    single_pair_interval,
    split_by_condition,
    unit_weights,
)
from analysis.kappa.consistency import RULES, Rule
from analysis.measures.accuracy import PEOPLE
from analysis.measures.resampling import N_RESAMPLES, percentiles

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
    rows, used = [], []
    for k, condition in enumerate(split_by_condition(frame, reference_observers, every_condition=True)):
        n_people, n_images = int(condition.is_reference.sum()), condition.correct.shape[1]
        if not n_people:
            continue
        used.append(condition.dataset)
        data = compare_with_people([condition], rule, unit_weights, k)
        resampled = compare_with_people([condition], rule, bootstrap_weights(n_resamples, seed), k)
        names, kinds = [*data.names], [*data.kinds]
        kappas, (low, high) = [*data.with_people[2, :, 0]], percentiles(resampled.with_people[2]).tolist()
        people = [name for name, is_person in zip(condition.names, condition.is_reference, strict=True) if is_person]
        if n_people == 1 and n_resamples:
            ends = [single_pair_interval([condition], people[0], name) for name in data.names]
            low, high = ([e[side] if e else np.nan for e in ends] for side in (0, 1))
        if n_people > 1:
            people_low, people_high = percentiles(resampled.between_people[2][None])[:, 0]
            if n_people == 2 and n_resamples:
                people_low, people_high = single_pair_interval([condition], *people) or (people_low, people_high)
            names = [PEOPLE if reference_observers is None else SIMULATED_PEOPLE, *names]
            kinds = [condition.kinds[int(condition.is_reference.argmax())], *kinds]
            kappas = [data.between_people[2, 0], *kappas]
            low, high = [people_low, *low], [people_high, *high]
        for name, kind, *values in zip(names, kinds, kappas, low, high, strict=True):
            rows.append((condition.dataset, condition.condition, name, kind, n_people, n_images, *values))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    add_notes(table, excluded_datasets_note(frame, used, "no person responded to them"))
    table.attrs["rule"] = RULES[rule]
    return table
