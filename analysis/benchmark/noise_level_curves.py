"""Shape bias, accuracy and error consistency of generative observers as functions of the noise level.

Each model was run several times, each time with another part A:B of the noise schedule (option `levels`). The logs of one
model are recognized by their sidecars (see `analysis.noise_levels`), not by the names of the observers. The measures for
each part are those of the other modules:
- shape bias over the images with a cue conflict, with its Wilson interval (`analysis.measures.shape_bias`);
- accuracy over the images with one correct category, that is, without a cue conflict, with its Wilson interval. Conditions
  are pooled;
- the mean κ with people, or, if no person responded to the dataset, with the other observers, and its interval over images
  (`analysis.kappa.mean_intervals`). It is averaged over conditions as in the benchmark. Simulated observers and the models
  of this table, whatever their options, do not count as other observers.
A measure without trials is NaN. The intervals of one model are based on the same images, so they are not independent of each
other: an overlap of two intervals does not show that two parts give the same result.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.io.check_frame import check_frame
from analysis.io.columns import as_text
from analysis.io.frame import dataset_order
from analysis.io.notes import add_notes
from analysis.kappa.condition_data import compare_with_people, split_by_condition
from analysis.kappa.consistency import Rule
from analysis.kappa.mean_intervals import rare_means_note
from analysis.kappa.people_intervals import people_intervals
from analysis.measures.accuracy import wilson_interval
from analysis.measures.shape_bias import has_cue_conflicts, overall_shape_bias, shape_bias
from analysis.noise_levels import LEVELS, MODEL, WHOLE_SCHEDULE, interval_of, model_name
from core.errors import LogError

COLUMNS = (
    "dataset", "model", "levels", "t_low", "t_high",
    "n_conflict", "n_shape", "n_texture", "shape_bias", "shape_bias_low", "shape_bias_high", "cue_rate",
    "n", "n_correct", "accuracy", "accuracy_low", "accuracy_high",
    "compared_with", "n_compared", "kappa", "kappa_low", "kappa_high",
)  # fmt: skip
SHOWN = (
    "model", "levels", "n_conflict", "shape_bias", "shape_bias_low", "shape_bias_high", "n", "accuracy", "accuracy_low",
    "accuracy_high", "kappa", "kappa_low", "kappa_high",
)  # fmt: skip
MEASURES = ("shape_bias", "accuracy", "kappa")
PEOPLE, OTHERS = "people", "other observers"
MIN_INTERVALS = 2  # smallest number of parts, not counting the whole schedule, for which a model has a curve


def noise_level_curves(frame: pd.DataFrame, *, rule: Rule = "undefined-is-nan") -> pd.DataFrame:
    """Return shape bias, accuracy and κ of every model that was run with several parts of the noise schedule.

    Args:
        frame: Trials as returned by `read_trials`.
        rule: Treatment of undefined kappas, see `analysis.kappa.consistency.RULES`.

    Returns:
        A table with `COLUMNS` and one row per dataset, model and part of the schedule, from low to high noise levels. A row
        with the levels 0:1 is a run with the whole schedule. `t_low` and `t_high` are the ends of the part. `n_conflict`,
        `n_shape` and `n_texture` are counts of trials with a cue conflict; `n` and `n_correct` are counts of trials without
        one. `compared_with` says whether `kappa` is the mean with people or with other observers, and `n_compared` is their
        number. `attrs["notes"]` names models with a single part or with different images in their parts, and datasets in
        which κ cannot be computed.

    Raises:
        LogError: If no model was run with several parts of the schedule, if two observers are the same model with the same
            part, or if an observer responded to an image of one condition twice in one session.

    Example:
        >>> noise_level_curves(read_trials("logs/cue-conflict", "humans/cue-conflict"))
    """
    frame = check_frame(frame)
    trials, single = _trials_of_curves(frame)
    parts, notes, is_rare = [], list(single), list[bool]()
    for dataset in dataset_order(trials["dataset"].unique()):
        of_dataset = trials[trials["dataset"] == dataset]
        same = frame[MODEL].astype("str").map(model_name).isin(set(of_dataset[MODEL].map(model_name)))
        others = frame[(frame["dataset"] == dataset) & ~same]
        table = _rows(of_dataset, dataset).merge(_shape_biases(of_dataset), "left", "observer")
        table = table.merge(_accuracies(of_dataset), "left", "observer")
        kappas, note, rare = _kappas(of_dataset, others, rule)
        notes += [*_different_images_notes(of_dataset, dataset), *([f"{dataset}: {note}"] if note else [])]
        is_rare += rare
        parts.append(table.merge(kappas, "left", "observer")[list(COLUMNS)])
    table = pd.concat(parts, ignore_index=True)
    counts = ["n_conflict", "n_shape", "n_texture", "n", "n_correct", "n_compared"]
    table[counts] = table[counts].fillna(0).astype(int)
    n_intervals = int(table["kappa_low"].notna().sum())
    add_notes(table, [*notes, *rare_means_note(np.array(is_rare, bool), n_intervals)])
    return table


def _trials_of_curves(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the trials of the models that have a curve, with a name in `observer` for every model and part.

    The second result has a note for each model with a single part. Raises LogError if no model has a curve.
    """
    remedy = (
        "run an observer at least twice, for example with -o levels=0:0.5 -o name=NAME-low and with -o levels=0.5:1 "
        "-o name=NAME-high, and keep the sidecars (.json) of the logs, which record the levels (docs/generative.md)"
    )
    if LEVELS not in frame or MODEL not in frame:
        raise LogError(f"none of these logs was made with a part of the noise schedule: {remedy}")
    keys = ["dataset", MODEL, LEVELS]
    texts = as_text(frame[keys])
    runs = texts[(texts[MODEL] != "")].drop_duplicates()
    is_part = runs[LEVELS] != WHOLE_SCHEDULE
    n_parts = runs[is_part].groupby(["dataset", MODEL], sort=False).size()
    if not (n_parts >= MIN_INTERVALS).any():
        raise LogError(f"no model in these logs was run with several parts of the noise schedule: {remedy}")
    curves = n_parts.index[n_parts >= MIN_INTERVALS]
    notes = [
        f"{dataset}: {model} was run with a single part of the noise schedule and is omitted"
        for dataset, model in n_parts.index[n_parts < MIN_INTERVALS]
    ]
    is_used = pd.MultiIndex.from_frame(texts[["dataset", MODEL]]).isin(curves)
    used = texts[is_used]
    _check_one_observer(frame[is_used], used)
    names = used[MODEL] + " " + used[LEVELS]
    return frame[is_used].assign(observer=names, **{MODEL: used[MODEL], LEVELS: used[LEVELS]}), notes


def _check_one_observer(trials: pd.DataFrame, texts: pd.DataFrame) -> None:
    """Raise LogError if several observers of a dataset are the same model with the same part of the schedule."""
    runs = texts.assign(observer=trials["observer"].astype("str")).drop_duplicates()
    repeated = runs[runs.duplicated(["dataset", MODEL, LEVELS], keep=False)]
    if len(repeated):
        dataset, model, levels = repeated.iloc[0][["dataset", MODEL, LEVELS]]
        is_same = (repeated[["dataset", MODEL, LEVELS]] == [dataset, model, levels]).all(axis=1)
        raise LogError(
            f"{dataset}: {' and '.join(repeated.loc[is_same, 'observer'])} are the same model ({model}) with the same "
            f"options and the same levels {levels}: omit all logs of this part but one"
        )


def _different_images_notes(trials: pd.DataFrame, dataset: str) -> Iterator[str]:
    """Yield a note for each model whose parts of the schedule (the whole included) were not run on the same images."""
    for model, of_model in as_text(trials[[MODEL, LEVELS, "stimulus", "condition"]]).groupby(MODEL, sort=False):
        images = [set(zip(part["stimulus"], part["condition"], strict=True)) for _, part in of_model.groupby(LEVELS)]
        common = set.intersection(*images)
        if any(each != common for each in images):
            sizes = [len(each) for each in images]
            yield (
                f"{dataset}: the runs of {model} with different levels are not about the same images ({min(sizes):,} to "
                f"{max(sizes):,} images, of which {len(common):,} are in all runs), so differences between them may be "
                f"differences between images"
            )


def _rows(trials: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return a row for every model and part, from low to high levels; the whole schedule is the last row of its model."""
    rows = trials[["observer", MODEL, LEVELS]].drop_duplicates()
    rows = rows.rename(columns={MODEL: "model", LEVELS: "levels"}).assign(dataset=dataset)
    rows[["t_low", "t_high"]] = [interval_of(levels) for levels in rows["levels"]]
    rows["is_whole"] = rows["levels"] == WHOLE_SCHEDULE
    return rows.sort_values(["model", "is_whole", "t_low", "t_high"], kind="stable").reset_index(drop=True)


def _shape_biases(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the shape bias of every observer of one dataset; without rows if no trial has a cue conflict."""
    names = {"low": "shape_bias_low", "high": "shape_bias_high"}
    columns = ["observer", "n_conflict", "n_shape", "n_texture", "shape_bias", *names.values(), "cue_rate"]
    if not has_cue_conflicts(trials):
        return pd.DataFrame(columns=columns)
    return overall_shape_bias(shape_bias(trials)).rename(columns=names)[columns]


def _accuracies(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of every observer of one dataset over the trials without a cue conflict."""
    if has_cue_conflicts(trials):
        cues = as_text(trials[["shape", "texture"]])
        trials = trials[(cues["shape"] == cues["texture"]) | (cues["shape"] == "") | (cues["texture"] == "")]
    table = trials.groupby("observer", sort=False)["correct"].agg(n="size", n_correct="sum").reset_index()
    table["accuracy"] = table["n_correct"] / table["n"]
    low, high = wilson_interval(table["n_correct"].to_numpy(), table["n"].to_numpy())
    return table.assign(accuracy_low=low, accuracy_high=high)


def _kappas(trials: pd.DataFrame, others: pd.DataFrame, rule: Rule) -> tuple[pd.DataFrame, str, list[bool]]:
    """Return the mean κ of every observer of one dataset with people or others, a note, and `MeanIntervals.is_rare`."""
    columns = ["observer", "compared_with", "n_compared", "kappa", "kappa_low", "kappa_high"]
    kinds = others["kind"].astype("str")
    has_people = bool((kinds == "human").any())
    reference = others[(kinds == "human") if has_people else (kinds != "simulated")]
    if reference.empty:
        note = "κ is not computed, because there are no logs of people or of other observers"
        return pd.DataFrame(columns=columns), note, []
    names = set(reference["observer"].astype("str"))
    both = as_text(pd.concat([reference, trials], ignore_index=True).assign(info_levels="", info_model=""))
    conditions = [c for c in split_by_condition(both, names) if c.is_reference.any()]
    if not conditions:
        note = "κ is not computed, because the benchmark uses none of the conditions with other observers"
        return pd.DataFrame(columns=columns), note, []
    data = compare_with_people(conditions, rule)
    ends = people_intervals(conditions, data, rule).with_people
    table = pd.DataFrame({
        "observer": data.names, "compared_with": PEOPLE if has_people else OTHERS, "n_compared": len(data.people),
        "kappa": data.with_people[2, :, 0], "kappa_low": ends.low, "kappa_high": ends.high,
    })  # fmt: skip
    return table, "", ends.is_rare.tolist()
