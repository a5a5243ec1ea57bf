"""Everything about illusions in one table: a row a number, with its interval and its unit in words."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.frame import dataset_order
from analysis.illusions import bistability, geometric, pareidolia
from analysis.illusions.kinds import illusion_kind
from analysis.resampling import N_RESAMPLES
from stimuli.errors import LogError

COLUMNS = ("dataset", "observer", "kind", "measure", "value", "low", "high", "n", "note")
SEEN = {  # measures of `bistability`, in words
    "either": "seen as either", "share_a": "seen as {a}, of either", "both_first": "both percepts first",
    "unrelated": "others below both", "position": "between the controls",
}  # fmt: skip


def has_illusions(frame: pd.DataFrame) -> bool:
    return any(illusion_kind(trials) is not None for _, trials in frame.groupby("dataset"))


def illusions(frame: pd.DataFrame, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """A row for every dataset with an illusion, observer and measure, with COLUMNS. Raises LogError without an illusion."""
    if not has_illusions(frame):
        raise LogError("no log here is of an illusion: give logs of duck-rabbit, pareidolia, muller-lyer and the like")
    rows = [*_percepts(frame, n_resamples, seed), *_hidden(frame), *_geometric(frame)]
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    rank = {name: i for i, name in enumerate(dataset_order(frame["dataset"].unique()))}
    out = out.iloc[out["dataset"].map(rank).argsort(kind="stable")].reset_index(drop=True)
    others = [d for d, trials in frame.groupby("dataset") if illusion_kind(trials) is None]
    unanswered = int((frame["response"] == "").sum())
    out.attrs["notes"] = [f"no illusion, left out: {', '.join(map(str, others))}"] if others else []
    if unanswered:
        out.attrs["notes"].append(f"{unanswered} trials without an answer are left out")
    return out


Row = tuple[object, ...]


def _percepts(frame: pd.DataFrame, n_resamples: int, seed: int) -> Iterator[Row]:
    table = bistability.bistability(frame, n_resamples=n_resamples, seed=seed)
    points = bistability.pse_table(bistability.curves(frame))
    named = {d: p["percept_a"].unique() for d, p in frame.groupby("dataset") if "percept_a" in p}
    for row in table.to_dict("records"):
        who = row["dataset"], row["observer"], row["kind"]
        a = named[row["dataset"]][0] if len(named[row["dataset"]]) == 1 else "the first percept"
        for name, words in SEEN.items():
            trivial = name == "either" and row["n_choices"] == 2
            if not np.isnan(row[name]) and not trivial:
                yield (
                    *who,
                    words.format(a=a),
                    row[name],
                    row[f"{name}_low"],
                    row[f"{name}_high"],
                    row["n"],
                    _chance(name, row),
                )
        mine = points[(points["dataset"] == who[0]) & (points["observer"] == who[1])]
        for point in mine.to_dict("records"):
            unit = "degrees clockwise" if point["along"] == bistability.TURN else "of the level"
            yield (
                *who,
                f"PSE along the {point['along']}",
                point["pse"],
                point["low"],
                point["high"],
                point["n"],
                point["reason"] or unit,
            )


def _chance(name: str, row: dict[object, object]) -> str:
    k = int(str(row["n_choices"]))
    chance = {
        "either": f"chance {2 / k:.3f}",
        "unrelated": "chance 0.333",
        "position": "1 as the first, 0 as the second",
    }
    return chance.get(name, f"chance {2 / (k * (k - 1)):.3f}" if name == "both_first" else "")


def _hidden(frame: pd.DataFrame) -> Iterator[Row]:
    for row in pareidolia.pareidolia(frame).to_dict("records"):
        who = row["dataset"], row["observer"], row["kind"]
        spans = row["false_alarms"], row["false_alarms_low"], row["false_alarms_high"]
        yield *who, "false alarms", *spans, row["n_nothing"], "seen where nothing is hidden"
        yield (
            *who,
            "threshold",
            row["threshold"],
            row["low"],
            row["high"],
            row["n"],
            row["reason"] or "strength of what is hidden",
        )


def _geometric(frame: pd.DataFrame) -> Iterator[Row]:
    for row in geometric.effects(geometric.pse_table(frame)).to_dict("records"):
        who = row["dataset"], row["observer"], row["kind"]
        note = row["reason"] or f"of the difference, at a strength of {row['strength']:g}"
        yield *who, "effect", row["effect"], row["low"], row["high"], row["n"], note
