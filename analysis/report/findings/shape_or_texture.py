"""The finding on shape bias: does an observer follow the shape or the texture of a cue-conflict image?"""

from pathlib import Path

import pandas as pd

from analysis.measures.shape_bias import has_cue_conflicts, overall_shape_bias, shape_bias
from analysis.report.findings.finding import MIN_RESPONSES, Finding, describe_range, interval_figure, share_of
from stimuli.published.datasets import DATASETS

HALF = 0.5  # the shape bias of an observer that follows shape and texture equally often


def conflict_dataset(frame: pd.DataFrame) -> str | None:
    """Return the dataset with cue conflicts: a published one if there is one, and otherwise that with the most trials.

    The result is None if no image has a cue conflict.
    """
    if not has_cue_conflicts(frame):
        return None
    conflicts = frame[(frame["shape"] != "") & (frame["texture"] != "") & (frame["shape"] != frame["texture"])]
    n_trials = conflicts["dataset"].astype("str").value_counts()
    return min(map(str, n_trials.index), key=lambda name: (name not in DATASETS, -n_trials[name], name))


def shape_or_texture(frame: pd.DataFrame, out: Path | None = None) -> Finding | None:
    """Return the finding on shape bias, or None if no observer gave enough responses with the shape or the texture."""
    dataset = conflict_dataset(frame)
    if dataset is None:
        return None
    table = cue_preferences(frame[frame["dataset"] == dataset])
    if table.empty:
        return None
    people, others = table[table["kind"] == "human"], table[table["kind"] != "human"]
    sentences = [
        *_describe(people, "person", "people"),
        *_describe(others, "other observer" if len(people) else "observer"),
    ]
    n_images = frame.loc[frame["dataset"] == dataset, "stimulus"].nunique()
    caption = (
        f"Shape bias on the {n_images:,} images of {dataset}: the proportion of shape responses among all responses that "
        "name the shape or the texture of an image whose shape and texture differ. n is the number of these responses. Bars "
        "are 95 % Wilson intervals."
    )
    figure = interval_figure(out, "finding_shape-bias", table, "Shape bias", caption, {"equal": HALF})
    return Finding("Shape or texture?", "finding-shape-bias", tuple(sentences), figure)


def cue_preferences(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the shape bias of every observer of one dataset with at least MIN_RESPONSES shape or texture responses.

    The columns are `label`, `kind`, `n` (responses with the shape or the texture), `value`, `low` and `high`.
    """
    bias = overall_shape_bias(shape_bias(trials))
    table = pd.DataFrame({
        "label": bias["observer"], "kind": bias["kind"], "n": bias["n_shape"] + bias["n_texture"],
        "value": bias["shape_bias"], "low": bias["low"], "high": bias["high"],
    })  # fmt: skip
    return table[table["n"] >= MIN_RESPONSES].reset_index(drop=True)


def _describe(table: pd.DataFrame, noun: str, plural: str = "") -> list[str]:
    """Return sentences about the shape bias of some observers; the list is empty without observers.

    Args:
        table: The rows of `cue_preferences` of these observers.
        noun: What one of them is called.
        plural: What several of them are called (default: the noun with an s).
    """
    if table.empty:
        return []
    n, n_shape, n_texture = len(table), int((table["low"] > HALF).sum()), int((table["high"] < HALF).sum())
    parts = []
    if n_shape:
        parts.append(
            f"{share_of(n_shape, n, noun, plural)} follow{'s' if n_shape == 1 else ''} the shape more often than the "
            f"texture (95 % interval of the shape bias above {HALF})"
        )
    if n_texture:
        verb = f"follow{'s' if n_texture == 1 else ''} the texture more often"
        if parts:
            parts.append(f"{n_texture} {verb} (below {HALF})")
        else:
            subject = share_of(n_texture, n, noun, plural)
            parts.append(f"{subject} {verb} than the shape (95 % interval of the shape bias below {HALF})")
    if n_open := n - n_shape - n_texture:
        subject = f"the other {n_open}" if parts else share_of(n_open, n, noun, plural)
        intervals = "their 95 % intervals include" if n_open > 1 else "its 95 % interval includes"
        parts.append(f"the preference of {subject} is uncertain ({intervals} {HALF})")
    separator = ", and " if len(parts) > 1 else ""
    first = f"{', '.join(parts[:-1])}{separator}{parts[-1]}."
    subject = f"the {n} {plural or f'{noun}s'}" if n > 1 else f"the {noun}"
    return [first[0].upper() + first[1:], describe_range(table, f"The shape bias of {subject}")]
