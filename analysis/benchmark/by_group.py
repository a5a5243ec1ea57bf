"""The benchmark averaged over groups of observers (see `analysis.selection.groups`).

The value of a group is the mean over its observers, with the 95 % bootstrap over observers of `analysis.measures.by_group`.
All people remain the reference, and the row of the people stays first, with its intervals over images.
Groups are not ranked. `n_datasets` is the smallest number of datasets that an observer of the group responded to. Means over
different conditions cannot be compared, and a note says so if the observers of a group responded to different ones.
"""

from collections.abc import Collection, Mapping

import pandas as pd

from analysis.benchmark.benchmark import DIFFERENT, TESTED
from analysis.benchmark.ranks import benchmark_intervals
from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes
from analysis.kappa.consistency import Rule
from analysis.measures.by_group import average_groups
from analysis.measures.resampling import N_RESAMPLES
from analysis.selection.groups import Groups, group_observers
from core.errors import LogError

COLUMNS = ("group", "kind", "n_observers", "n_datasets", "measure", "value", "low", "high")
RANKS = ("mean_rank", "ood_rank")


def benchmark_by_group(
    frame: pd.DataFrame, by: str, rule: Rule = "undefined-is-nan", reference_observers: Collection[str] | None = None, *,
    n_resamples: int = N_RESAMPLES, seed: int = 0, every_dataset: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Return the measures of the benchmark, averaged over the observers of each group.

    Args:
        frame: Trials as returned by `read_trials`, of people and of the observers to compare with them.
        by: Column whose values are the groups: `kind`, `group` (of a labels file) or another column of the trials.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        reference_observers: Names of observers to use in place of people, see `benchmark_table`.
        n_resamples: Number of bootstrap resamples of the observers of a group, and of the images for the people.
        seed: Random seed of the bootstrap.
        every_dataset: Include unpublished datasets, see `benchmark_intervals`.

    Returns:
        A table with `COLUMNS` and one row per measure and group, with people first. `attrs` are those of
        `benchmark_intervals`; `attrs["tested"]` has the conditions of each group, or `DIFFERENT`.

    Raises:
        UnknownName: If the frame does not have the column.
        LogError: If there are only people, if an observer belongs to several groups, or in the cases of `benchmark_table`.

    Example:
        >>> benchmark_by_group(frame, "kind")
    """
    frame = check_frame(frame)
    is_reference = frame["kind"] == "human"
    if reference_observers is not None:
        is_reference |= frame["observer"].isin(list(reference_observers))
    if is_reference.all():
        raise LogError(
            "all observers are people, who are the reference of the benchmark and are not grouped: add logs of other "
            "observers"
        )
    groups = group_observers(frame[~is_reference], by)
    _refuse_several_groups(groups)
    table = benchmark_intervals(
        frame, rule, reference_observers, n_resamples=n_resamples, seed=seed, every_dataset=every_dataset
    )
    attributes = table.attrs
    is_first = ~table["measure"].duplicated()
    people = table[is_first].rename(columns={"observer": "group"})
    people = people.assign(n_observers=len(frame.loc[is_reference, ["dataset", "observer"]].drop_duplicates()))
    means = average_groups(table[~is_first], groups, ("measure",), "value", (), n_resamples, seed)
    members = groups.members[["observer", "group"]].drop_duplicates()
    of_groups = table[~is_first].merge(members, on="observer")
    means["n_datasets"] = means["group"].map(of_groups.groupby("group")["n_datasets"].min())
    tested = _conditions_of_groups(of_groups, attributes[TESTED])
    rank = {measure: i for i, measure in enumerate(people["measure"])}
    result = pd.concat([people, means], ignore_index=True)
    result = result[~result["measure"].isin(RANKS)].sort_values(
        "measure", key=lambda names: names.map(rank), kind="stable"
    )
    result = result[list(COLUMNS)].reset_index(drop=True)
    different = sorted(group for group, conditions in tested.items() if conditions == DIFFERENT)
    notes = [note for note in attributes["notes"] if note != attributes["rank_note"]]
    if different:
        notes.append(
            f"observers of {', '.join(different)} responded to different conditions, so the mean of such a group cannot be "
            "compared with other means"
        )
    add_notes(result, [*notes, *groups.notes])
    keys = dict(zip(means["group"], means["kind"], strict=True)).items()
    result.attrs |= {"rank_note": "", "rule": attributes["rule"], TESTED: {key: tested[key[0]] for key in keys}}
    return result


def _conditions_of_groups(
    rows: pd.DataFrame, tested: Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the conditions that all observers of each group responded to, or DIFFERENT if they are not the same.

    `rows` has the columns `observer`, `kind` and `group`, and `tested` the conditions of each observer.
    """
    sets: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    for observer, kind, group in rows[["observer", "kind", "group"]].itertuples(index=False, name=None):
        sets.setdefault(str(group), set()).add(tested[observer, kind])
    return {group: next(iter(each)) if len(each) == 1 else DIFFERENT for group, each in sets.items()}


def _refuse_several_groups(groups: Groups) -> None:
    """Raise LogError if an observer belongs to several groups, because the benchmark averages over all of its trials."""
    members = groups.members[["observer", "group"]].drop_duplicates()
    if groups.is_split or members["observer"].duplicated().any():
        raise LogError(
            f"some observers belong to several groups by {groups.by}; the benchmark averages over all datasets of an "
            f"observer, so group by another column, or split the observers with --by {groups.by}"
        )
