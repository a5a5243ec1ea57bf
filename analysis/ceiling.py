"""How consistent could an observer be with people? As consistent as a further person: the noise ceiling.

Declared once: P people of a dataset, R resamples. Conventions: kappa is per condition, then the mean over conditions, then
over people. Each person is left out in turn and compared with all the others, one by one, as an observer is compared with
all people; the ceiling is the mean of that over the people (it equals the mean over pairs of people, Geirhos et al. 2020).
share = kappa / ceiling, 1 for an observer who is to people as people are to each other. An observer may pass the ceiling:
a majority errs less by chance than any one person. The row MAJORITY says by how much: of the others' majority on each image
with the person left out, ties (and nobody there) being wrong.
Intervals: paired bootstrap over images, 95 %; people as they are. With fewer than two people there is no ceiling (NaN).
"""

import numpy as np
import pandas as pd

from analysis.condition_data import ConditionData, Weigh, by_dataset, cells, notes_on, once, resampling, with_people
from analysis.consistency import Rule, kappa, weighted_agreement
from analysis.resampling import N_RESAMPLES, nan_mean, percentiles

COLUMNS = (
    "dataset", "observer", "kind", "n_people", "kappa", "low", "high", "ceiling", "ceiling_low", "ceiling_high", "share",
    "share_low", "share_high",
)  # fmt: skip
MAJORITY = "majority of the others"


def noise_ceiling(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Rows for every dataset that people answered: each person, MAJORITY, and every other observer, with COLUMNS.

    `n_people` with whom one was compared. `attrs["notes"]` says which datasets no person answered. Raises LogError as
    `consistency` does.
    """
    parts, kept = [], []
    for dataset, of_dataset in by_dataset(cells(frame)).items():
        of_dataset = [cell for cell in of_dataset if cell.is_person.any()]
        if not of_dataset:
            continue
        kept.append(dataset)
        whole, boot = (with_people(of_dataset, rule, how) for how in (once, resampling(n_resamples, seed)))
        values, drawn = (np.concatenate([w.per_person[2], w.others[2]]) for w in (whole, boot))
        majority = [_majority(of_dataset, whole.people, rule, how) for how in (once, resampling(n_resamples, seed))]
        n = len(whole.people)
        names = [*whole.people, MAJORITY, *whole.names]
        kinds = ["human"] * (n + 1) + list(whole.kinds)
        value = np.insert(values[:, 0], n, majority[0])
        drawn = np.insert(drawn, n, majority[1], axis=0)
        top, tops = whole.among_people[2, 0], boot.among_people[2]
        top_low, top_high = percentiles(tops[None])[:, 0]
        low, high = percentiles(drawn)
        share_low, share_high = percentiles(_ratio(drawn, tops))
        parts.append(pd.DataFrame({
            "dataset": dataset, "observer": names, "kind": kinds, "n_people": [n - 1] * n + [n] * (len(names) - n),
            "kappa": value, "low": low, "high": high, "ceiling": top, "ceiling_low": top_low, "ceiling_high": top_high,
            "share": _ratio(value, np.array(top)), "share_low": share_low, "share_high": share_high,
        }))  # fmt: skip
    out = pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))
    out.attrs["notes"] = notes_on(frame, kept, "no person answered them in a condition that counts")
    return out


def _ratio(value: np.ndarray, ceiling: np.ndarray) -> np.ndarray:
    """NaN where the ceiling is not above 0: people who agree by chance only set no standard."""
    value, ceiling = np.broadcast_arrays(value, ceiling)
    return np.asarray(np.divide(value, ceiling, out=np.full(value.shape, np.nan), where=ceiling > 0))


def _majority(of_dataset: list[ConditionData], people: tuple[str, ...], rule: Rule, how: Weigh) -> np.ndarray:
    """Mean over people of the kappa of the majority of the others with the one left out, (R,)."""
    per_cell = []
    for k, cell in enumerate(of_dataset):
        weight = how(cell.right.shape[1], k)
        rows = np.flatnonzero(cell.is_person)
        right, there = cell.right[rows], cell.answered[rows]
        others = (2 * (right.sum(axis=0) - right) > there.sum(axis=0) - there).astype(float)
        n = np.arange(len(rows))
        correct, asked = (
            np.concatenate(m).astype(weight.dtype) for m in ((right, others), (there, np.ones(there.shape)))
        )
        _, _, expected, observed = weighted_agreement(correct, asked, weight, n, n + len(rows))
        out = np.full((len(people), weight.shape[1]), np.nan)
        if len(rows) > 1:
            out[[people.index(cell.names[o]) for o in rows]] = kappa(observed, expected, rule)
        per_cell.append(out)
    return nan_mean(nan_mean(np.array(per_cell), axis=0), axis=0)
