"""Table 1 of Jaini et al. (2024): shape bias, out-of-distribution accuracy and error consistency of every observer.

- Shape bias is that of `analysis.measures.shape_bias` on the dataset `cue-conflict`, with 95 % Wilson intervals. The shape
  bias of people pools the trials of all people.
- Out-of-distribution (OOD) accuracy and error consistency with people are those of `analysis.benchmark.benchmark`, averaged
  over datasets, with the intervals of `analysis.benchmark.ranks`.
"""

import pandas as pd

from analysis.benchmark.benchmark import HUMANS
from analysis.benchmark.ranks import benchmark_intervals
from analysis.io.check_frame import check_frame
from analysis.io.notes import add_notes, hide_warnings
from analysis.kappa.consistency import Rule
from analysis.measures.resampling import N_RESAMPLES
from analysis.measures.shape_bias import has_cue_conflicts, overall_shape_bias, pooled_shape_bias, shape_bias

MEASURES = ("shape_bias", "ood_accuracy", "error_consistency")
CUE_CONFLICT = "cue-conflict"
COLUMNS = ("observer", "kind", "n_datasets", *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")))


def table_1(
    frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan", n_resamples: int = N_RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Return Table 1 of Jaini et al. (2024) for these observers.

    Args:
        frame: Trials as returned by `read_trials`, of people and of the observers to compare with them.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.
        n_resamples: Number of bootstrap resamples of the images for the intervals of OOD accuracy.
        seed: Random seed of the bootstrap.

    Returns:
        A table with one row for all people together and one per other observer, by decreasing error consistency: `observer`,
        `kind`, `n_datasets`, and `shape_bias`, `ood_accuracy` and `error_consistency`, each with its interval (`…_low`,
        `…_high`). Shape bias is NaN for observers without responses to cue-conflict images. Means over different
        datasets cannot be compared: `attrs["tested"]` has the conditions of every observer, and the command prints such
        rows apart. `attrs["rule"]` describes the rule.

    Raises:
        LogError: If no person responded to a benchmark condition, or if an observer responded to an image of one condition
            twice in one session.

    Example:
        >>> table_1(read_trials("humans", "networks"))
    """
    frame = check_frame(frame)
    with hide_warnings():
        intervals = benchmark_intervals(frame, rule, n_resamples=n_resamples, seed=seed)
    keys = ["observer", "kind"]
    table = intervals.loc[intervals["measure"] == "error_consistency", [*keys, "n_datasets"]].reset_index(drop=True)
    parts = {"shape_bias": _shape_biases(frame)}
    parts |= {name: intervals[intervals["measure"] == name].rename(columns={"value": name}) for name in MEASURES[1:]}
    for name, part in parts.items():
        part = part.rename(columns={"low": f"{name}_low", "high": f"{name}_high"})
        table = table.merge(
            part[[*keys, name, f"{name}_low", f"{name}_high"]], on=keys, how="left", validate="one_to_one"
        )
    table = table[list(COLUMNS)]
    notes = [note for note in intervals.attrs["notes"] if note != intervals.attrs["rank_note"]]
    table.attrs = {name: intervals.attrs[name] for name in ("rule", "tested")}
    add_notes(table, notes)
    return table


def _shape_biases(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the shape bias of every observer on the published cue-conflict images, with all people in one row."""
    conflict = frame[frame["dataset"] == CUE_CONFLICT]
    if not has_cue_conflicts(conflict):
        return pd.DataFrame(columns=["observer", "kind", "shape_bias", "low", "high"])
    table = overall_shape_bias(shape_bias(conflict))
    parts = [table[table["kind"] != "human"]]
    if (table["kind"] == "human").any():
        parts.insert(0, overall_shape_bias(pooled_shape_bias(conflict)).assign(observer=HUMANS))
    return pd.concat(parts, ignore_index=True)[["observer", "kind", "shape_bias", "low", "high"]]
