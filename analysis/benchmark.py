"""The benchmark of Geirhos et al. 2021: four numbers an observer, averaged over datasets in the published way; two ranks.

Conventions (d dataset, C_d its included conditions, H_d its people), as in Tables 1 to 3 of Jaini et al. (2024):
- OOD accuracy: all trials of a dataset's included conditions pooled (for "humans": of all its people), then the mean over d;
- accuracy difference (squared), observed and error consistency with people: mean over d of mean over h in H_d of mean over
  c in C_d; for "humans" over the unordered pairs of people instead of h;
- mean rank: mean of the ranks by accuracy difference (least first), observed and error consistency (highest first);
  OOD rank: by OOD accuracy (highest first). Ties share their mean rank; people have none.
Datasets an observer has not answered are left out of its means: `n_datasets` says how many it has. Means over different
datasets cannot be compared, so ranks are among the observers who answered the same conditions, as many as anybody did; the
others have none (NaN). A dataset that no person answered, in a condition that counts, is left out for everyone.
`attrs["notes"]` of the table says who and which, `attrs["rule"]` what was done where kappa is undefined.
"""

from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd
from attrs import frozen
from scipy.stats import rankdata

from analysis.condition_data import ConditionData, Weigh, by_dataset, cells, once, with_people
from analysis.consistency import RULES, Rule
from analysis.resampling import nan_mean
from stimuli.datasets import DATASETS
from stimuli.errors import LogError

COLUMNS = (
    "observer", "kind", "n_datasets", "ood_accuracy", "accuracy_difference", "observed_consistency", "error_consistency",
    "mean_rank", "ood_rank",
)  # fmt: skip
MEASURES = COLUMNS[3:]
HUMANS, STAND_INS = "humans", "simulated people"
MAX_NAMES = 3  # in a note


@frozen(eq=False)
class Scores:
    """MEASURES of N observers, the people as the first, in R resamples."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    n_datasets: np.ndarray  # (N,)
    values: np.ndarray  # (6, N, R)
    notes: tuple[str, ...]


def benchmark(
    frame: pd.DataFrame, rule: Rule = "undefined-is-nan", stand_ins: Collection[str] | None = None
) -> pd.DataFrame:
    """A row for all people together and one for every other observer, with COLUMNS, by error consistency.

    Observers named in `stand_ins` take the place of people, who are left out, on the datasets that they answered, published
    or not; their row is STAND_INS, of their own kind. Raises LogError if no dataset (without stand-ins: no published one) is
    there that people, or those who stand in for them, answered.
    """
    found = scores(frame, rule, stand_ins)
    out = pd.DataFrame({"observer": found.names, "kind": found.kinds, "n_datasets": found.n_datasets})
    for name, values in zip(MEASURES, found.values, strict=True):
        out[name] = values[:, 0]
    order = out["error_consistency"].where(out.index > 0, np.inf).sort_values(ascending=False, kind="stable").index
    out = out.loc[order, list(COLUMNS)].reset_index(drop=True)
    out.attrs["notes"], out.attrs["rule"] = list(found.notes), RULES[rule]
    return out


def scores(
    frame: pd.DataFrame,
    rule: Rule,
    stand_ins: Collection[str] | None = None,
    weigh: Weigh = once,
    *,
    every_dataset: bool = False,
) -> Scores:
    """The numbers behind `benchmark`, in every resample that `weigh` makes. Raises LogError as it does.

    With `every_dataset` unpublished ones count too, and where people answered none of them, the datasets count without
    people: then only OOD accuracy and its rank are defined, and the people's row is NaN.
    """
    notes, row = [], (HUMANS, "human")
    published_only = stand_ins is None and not every_dataset
    if published_only:
        frame = frame[frame["dataset"].isin(DATASETS)]
    elif stand_ins is not None:
        frame, row, left_out = _without_people(frame, set(stand_ins))
        notes += left_out
    there, unseen = [], []
    found = cells(frame, None if stand_ins is None else set(stand_ins))
    alone = every_dataset and stand_ins is None and not any(cell.is_person.any() for cell in found)
    for dataset, of_dataset in by_dataset(found).items():
        seen = [cell for cell in of_dataset if alone or cell.is_person.any()]
        there += seen
        unseen += [] if seen else [dataset]
    nobody = set(frame["dataset"]) - {cell.dataset for cell in there} - set(unseen)
    unseen = [d for d in frame["dataset"].unique() if d in {*unseen, *nobody}]
    if unseen:
        who = "no person" if stand_ins is None else "nobody who stands in for people"
        notes.append(f"left out, since {who} answered them: {', '.join(unseen)}")
    if not there and stand_ins is not None:
        raise LogError("those who stand in for people answered no condition that counts: have them answer more")
    if not there:
        raise LogError(
            "the benchmark compares with people: give recorded people of a published dataset as well, in conditions that "
            "count in it"
        )
    if published_only:
        n = len({cell.dataset for cell in there})
        notes.insert(0, f"{n} of the {len(DATASETS)} published datasets")
    return _scores(there, rule, row, notes, weigh)


def _without_people(frame: pd.DataFrame, names: set[str]) -> tuple[pd.DataFrame, tuple[str, str], list[str]]:
    """The frame without people, the row of those who stand in for them, and a note on who was left out."""
    there = frame["observer"].isin(names)
    if not there.any():
        raise LogError(f"none of those who stand in for people is there: {', '.join(sorted(names))}")
    is_person = (frame["kind"] == "human") & ~there
    people = sorted(set(frame.loc[is_person, "observer"]))
    notes = [f"left out, since others stand in for people: {', '.join(people)}"] if people else []
    return frame[~is_person], (STAND_INS, str(frame.loc[there, "kind"].iloc[0])), notes


def _scores(there: list[ConditionData], rule: Rule, row: tuple[str, str], notes: list[str], weigh: Weigh) -> Scores:
    begin, parts = 0, []
    for of_dataset in by_dataset(there).values():
        parts.append(with_people(of_dataset, rule, weigh, begin))
        begin += len(of_dataset)
    keys = [row, *dict.fromkeys(key for part in parts for key in zip(part.names, part.kinds, strict=True))]
    values = np.full((4, len(keys), len(parts), parts[0].among_people.shape[-1]), np.nan)
    for d, part in enumerate(parts):
        values[0, 0, d], values[1:, 0, d] = part.people_accuracy, part.among_people
        place = [keys.index(key) for key in zip(part.names, part.kinds, strict=True)]
        values[0, place, d], values[1:, place, d] = part.accuracy, part.others
    answered = {key: [(c.dataset, c.condition) for c in there if _answers(c, key)] for key in keys[1:]}
    n_datasets = [len(parts), *(len({dataset for dataset, _ in answered[key]}) for key in keys[1:])]
    ranked, said = _comparable(answered)
    notes += said + _few_people(parts, row[0]) + _few_images(there)
    means = nan_mean(values, axis=2)  # (4, N, R)
    ranks = np.full((2, *means.shape[1:]), np.nan)
    rows = [keys.index(key) for key in ranked]
    if rows:
        by = [rankdata(sign * means[m, rows], axis=0, nan_policy="omit") for m, sign in ((1, 1), (2, -1), (3, -1))]
        ranks[0, rows] = np.mean(by, axis=0)
        ranks[1, rows] = rankdata(-means[0, rows], axis=0, nan_policy="omit")
    names, kinds = zip(*keys, strict=True)
    return Scores(names, kinds, np.array(n_datasets), np.concatenate([means, ranks]), tuple(notes))


def _answers(cell: ConditionData, key: tuple[str, str]) -> bool:
    return key in set(zip(cell.names, cell.kinds, strict=True))


def _comparable(
    answered: dict[tuple[str, str], list[tuple[str, str]]],
) -> tuple[list[tuple[str, str]], list[str]]:
    """Who answered the same cells, as many as anybody did (the most who did, where there are several), and who did not."""
    sets = Counter(tuple(those) for those in answered.values())
    if not sets:
        return [], []
    most, _ = max(sets.items(), key=lambda item: (len(item[0]), item[1]))
    others = [key for key, those in answered.items() if tuple(those) != most]
    if not others:
        return list(answered), []
    n = len({dataset for dataset, _ in most})
    where = f"{len(most)} conditions of {n} dataset{'s' if n > 1 else ''}"
    note = (
        f"ranks are among those who answered the same {where}; without a rank: {_named([name for name, _ in others])}"
    )
    return [key for key in answered if key not in others], [note]


def _few_people(parts: list, row: str) -> list[str]:  # type: ignore[type-arg]
    alone = [part.dataset for part in parts if len(part.people) == 1]
    return [f"{', '.join(alone)}: one person, so that only the OOD accuracy of {row} is over it"] if alone else []


def _few_images(there: list[ConditionData]) -> list[str]:
    """Who answered fewer images of a cell than others did."""
    fewer = {
        name
        for cell in there
        for name, n in zip(cell.names, cell.answered.sum(axis=1), strict=True)
        if n < cell.answered.shape[1]
    }
    return [f"answered only part of the images of a condition: {_named(sorted(fewer))}"] if fewer else []


def _named(names: list[str]) -> str:
    return ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else "")
