"""Summarize all measures of illusions in one table: one row per measure, with its interval and a note on its unit."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.illusions import bistability, geometric, pareidolia
from analysis.illusions.kinds import illusion_kind
from analysis.io.check_frame import check_frame
from analysis.io.frame import dataset_order
from analysis.io.notes import add_notes
from analysis.measures.resampling import N_RESAMPLES
from core.errors import LogError

COLUMNS = ("dataset", "observer", "kind", "measure", "value", "low", "high", "n", "note")
# Measures of `bistability` -> their names in the table, where {a} is the first percept. Scripts select rows by these
# names.
PERCEPT_MEASURES = {
    "either": "seen as either", "share_a": "seen as {a}, of either", "both_first": "both percepts first",
    "unrelated": "others below both", "position": "between the controls",
}  # fmt: skip


def has_illusions(frame: pd.DataFrame) -> bool:
    """Return whether any dataset in the frame shows an illusion."""
    return any(illusion_kind(trials) is not None for _, trials in frame.groupby("dataset"))


def illusion_table(frame: pd.DataFrame, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """Compute all measures of all illusions.

    Args:
        frame: Trials, including those whose category is ambiguous (`read_trials(paths, ambiguous=True)`).
        n_resamples: Number of bootstrap resamples.
        seed: Random seed for the bootstrap.

    Returns:
        One row for each observer and measure in each dataset with an illusion, with COLUMNS. `low` and `high` are the
        ends of the 95 % interval, and `n` is the number of responses behind the value. `note` has the unit or the
        chance level of the value, or tells why it is undefined (NaN). Measures that need evidence are missing for
        observers without evidence. `attrs["notes"]` lists what was excluded.

    Raises:
        LogError: If no dataset shows an illusion, or the cues or categories of the images are not as expected.
    """
    frame = check_frame(frame)
    if not has_illusions(frame):
        raise LogError(
            "none of the logs contains trials of an illusion: give logs of experiments such as duck-rabbit, "
            "pareidolia or muller-lyer"
        )
    rows = [*_percepts(frame, n_resamples, seed), *_hidden(frame), *_geometric(frame)]
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    rank = {name: i for i, name in enumerate(dataset_order(frame["dataset"].unique()))}
    out = out.iloc[out["dataset"].map(rank).argsort(kind="stable")].reset_index(drop=True)
    others = [d for d, trials in frame.groupby("dataset") if illusion_kind(trials) is None]
    unanswered = int((frame["response"] == "").sum())
    notes = [f"excluded, because they show no illusions: {', '.join(map(str, others))}"] if others else []
    if unanswered:
        notes.append(f"excluded: {unanswered} trials without a response")
    add_notes(out, notes)
    return out


Row = tuple[object, ...]


def _percepts(frame: pd.DataFrame, n_resamples: int, seed: int) -> Iterator[Row]:
    """Yield the rows of images that can be seen as either of two things."""
    table = bistability.bistability(frame, n_resamples=n_resamples, seed=seed)
    pses = bistability.pse_table(bistability.curves(frame))
    first_percepts = {d: p["percept_a"].unique() for d, p in frame.groupby("dataset") if "percept_a" in p}
    for row in table.to_dict("records"):
        key = row["dataset"], row["observer"], row["kind"]
        names = first_percepts[row["dataset"]]
        a = names[0] if len(names) == 1 else "the first percept"
        for name, label in PERCEPT_MEASURES.items():
            is_trivial = name == "either" and row["n_choices"] == 2
            if not np.isnan(row[name]) and not is_trivial:
                interval = row[f"{name}_low"], row[f"{name}_high"]
                yield *key, label.format(a=a), row[name], *interval, row["n"], _percept_note(name, row)
        own = pses[(pses["dataset"] == row["dataset"]) & (pses["observer"] == row["observer"])]
        for pse in own.to_dict("records"):
            note = pse["reason"] or ("degrees clockwise" if pse["along"] == bistability.TURN else "unit of the level")
            yield *key, f"PSE along the {pse['along']}", pse["pse"], pse["low"], pse["high"], pse["n"], note


def _percept_note(name: str, row: dict[object, object]) -> str:
    """Return the note on a measure of `bistability`: its chance level or what its values mean."""
    k = int(str(row["n_choices"]))
    notes = {
        "either": f"chance {2 / k:.3f}",
        "unrelated": "chance 0.333",
        "position": "1 like the first control, 0 like the second",
    }
    return notes.get(name, f"chance {2 / (k * (k - 1)):.3f}" if name == "both_first" else "")


def _hidden(frame: pd.DataFrame) -> Iterator[Row]:
    """Yield the rows of images with hidden objects."""
    for row in pareidolia.pareidolia(frame).to_dict("records"):
        key = row["dataset"], row["observer"], row["kind"]
        rate = row["false_alarms"], row["false_alarms_low"], row["false_alarms_high"]
        yield *key, "false alarms", *rate, row["n_nothing"], "seen although not present"
        note = row["reason"] or "strength of the hidden object"
        yield *key, "threshold", row["threshold"], row["low"], row["high"], row["n"], note


def _geometric(frame: pd.DataFrame) -> Iterator[Row]:
    """Yield the rows of geometric illusions."""
    for row in geometric.effects(geometric.pse_table(frame)).to_dict("records"):
        key = row["dataset"], row["observer"], row["kind"]
        note = row["reason"] or f"unit of the difference, at a strength of {row['strength']:g}"
        yield *key, "effect", row["effect"], row["low"], row["high"], row["n"], note
