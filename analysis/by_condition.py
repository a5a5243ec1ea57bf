"""Error consistency with people in every condition by itself, those left out of the benchmark too: curves over levels.

Declared once: C conditions, each a cell of its own (`analysis.condition_data`). kappa of an observer is the mean over the people who
answered that condition, of the row PEOPLE (or STAND_INS) the mean over the pairs of people; undefined kappas as `rule`
says, a mean over none is NaN. Intervals: paired bootstrap over the images of the condition, 95 %; people as they are.
"""

from collections.abc import Collection

import pandas as pd

from analysis.accuracy import PEOPLE
from analysis.benchmark import STAND_INS
from analysis.condition_data import cells, notes_on, once, resampling, with_people
from analysis.consistency import RULES, Rule
from analysis.resampling import N_RESAMPLES, percentiles

COLUMNS = ("dataset", "condition", "observer", "kind", "n_people", "n_images", "kappa", "low", "high")


def consistency_by_condition(
    frame: pd.DataFrame,
    *,
    rule: Rule = "undefined-is-nan",
    stand_ins: Collection[str] | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """A row for PEOPLE, where two or more answered, and for every other observer, in every condition that people answered.

    Observers named in `stand_ins` take the place of people, who are left out. `attrs["notes"]` says which datasets no person
    answered. Raises LogError if an observer answered an image of one condition twice.
    """
    if stand_ins is not None:
        stand_ins = set(stand_ins)
        frame = frame[(frame["kind"] != "human") | frame["observer"].isin(stand_ins)]
    rows, kept = [], []
    for k, cell in enumerate(cells(frame, stand_ins, every_condition=True)):
        n_people, n_images = int(cell.is_person.sum()), cell.right.shape[1]
        if not n_people:
            continue
        kept.append(cell.dataset)
        whole, drawn = with_people([cell], rule, once, k), with_people([cell], rule, resampling(n_resamples, seed), k)
        names, kinds = [*whole.names], [*whole.kinds]
        value, (low, high) = [*whole.others[2, :, 0]], percentiles(drawn.others[2]).tolist()
        if n_people > 1:
            ends = percentiles(drawn.among_people[2][None])[:, 0]
            names, value = [PEOPLE if stand_ins is None else STAND_INS, *names], [whole.among_people[2, 0], *value]
            kinds = [cell.kinds[int(cell.is_person.argmax())], *kinds]
            low, high = [ends[0], *low], [ends[1], *high]
        for row in zip(names, kinds, value, low, high, strict=True):
            rows.append((cell.dataset, cell.condition, *row[:2], n_people, n_images, *row[2:]))
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    out.attrs["notes"], out.attrs["rule"] = notes_on(frame, kept, "no person answered them"), RULES[rule]
    return out
