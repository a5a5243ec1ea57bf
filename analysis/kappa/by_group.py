"""Error consistency within and between groups of observers (see `analysis.selection.groups`).

The means and contrasts are those of `analysis.kappa.pairs` and `analysis.kappa.contrasts`, with groups in place of
kinds. If an observer belongs to several groups, as with `session`, its parts are different observers, and the pair of two
of its own parts counts as a pair between the two groups.
"""

import pandas as pd
from attrs import evolve

from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import excluded_datasets_note
from analysis.kappa.consistency import Rule
from analysis.kappa.contrasts import contrast_kinds
from analysis.kappa.pairs import ResampledKappas, mean_kappas, resample_kappas
from analysis.measures.resampling import N_RESAMPLES
from analysis.selection.groups import Groups, group_observers

NAMES = {"kind_1": "group_1", "kind_2": "group_2"}
EXCLUDED = "none of their conditions count in the benchmark"


def kappa_by_group(
    frame: pd.DataFrame, by: str, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Return the mean kappa between every two groups of observers, and within every group.

    Args:
        frame: Trials as returned by `read_trials`.
        by: Column whose values are the groups: `kind`, `group` (of a labels file), `session` or another column.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: 0 for a table without intervals. Any other number gives the same intervals, which are not resampled.
        seed: Has no effect, since the intervals are deterministic.

    Returns:
        A table with one row per dataset and pair of groups: `dataset`, `group_1`, `group_2`, `n_pairs`, `kappa`, `low` and
        `high`. kappa and its interval are those of `kappa_by_kind`: the interval is about images, not about observers.

    Raises:
        UnknownName: If the frame does not have the column.
        LogError: If the column is empty or has too many values, or if an observer responded to an image of one condition
            twice in one session.

    Example:
        >>> kappa_by_group(label_observers(frame, "labels.csv"), "group")
    """
    frame = check_frame(frame)
    groups = group_observers(frame, by)
    table = mean_kappas(_resample(groups, rule, n_resamples, seed)).rename(columns=NAMES)
    add_notes(table, [*groups.notes, *table.attrs["notes"]])
    return table


def group_contrasts(
    frame: pd.DataFrame, by: str, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Compare kappa within groups of observers with kappa between them.

    Args:
        frame: Trials as returned by `read_trials`.
        by: Column whose values are the groups: `kind`, `group` (of a labels file), `session` or another column.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: 0 for a table without intervals. Any other number gives the same intervals, which are not resampled.
        seed: Random seed of the permutations.

    Returns:
        The table of `kind_contrasts`, with `group_1` and `group_2` in place of `kind_1` and `kind_2`. The contrast "with
        people" is computed only if one of the groups is named human.

    Raises:
        UnknownName: If the frame does not have the column.
        LogError: If the column is empty or has too many values, or if an observer responded to an image of one condition
            twice in one session.

    Example:
        >>> group_contrasts(label_observers(frame, "labels.csv"), "group")
    """
    frame = check_frame(frame)
    groups = group_observers(frame, by)
    kappas = _resample(groups, rule, n_resamples, seed)
    table = contrast_kinds(kappas, seed=seed).rename(columns=NAMES)
    notes = excluded_datasets_note(groups.frame, [of_dataset.dataset for of_dataset in kappas], EXCLUDED)
    add_notes(table, [*groups.notes, *notes, *table.attrs["notes"]])
    return table


def _resample(groups: Groups, rule: Rule, n_resamples: int, seed: int) -> list[ResampledKappas]:
    """Return the kappas of every dataset, in which the kind of an observer is its group."""
    kappas = []
    for of_dataset in resample_kappas(groups.frame, rule=rule, n_resamples=n_resamples, seed=seed):
        members = groups.members[groups.members["dataset"] == of_dataset.dataset]
        group_of = dict(zip(members["observer"], members["group"], strict=True))
        kinds = tuple(group_of[name] for name in of_dataset.data.names)
        kappas.append(evolve(of_dataset, data=evolve(of_dataset.data, kinds=kinds)))
    return kappas
