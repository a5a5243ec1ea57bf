"""The parts of a finding, and the wording that all findings share."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen
from matplotlib.figure import Figure

from analysis.figures.interval_rows import MAX_ROWS, draw_interval_rows
from analysis.io.number_format import format_interval, format_value
from analysis.measures.minimums import minimum
from analysis.report.sections.figures import write_figure
from analysis.report.sections.parts import ReportFigure

MIN_RESPONSES = minimum("responses")  # an observer or a pair with fewer responses or images is not part of a finding


@frozen
class Finding:
    """The answer to one question.

    Attributes:
        question: The question, which is the heading of the finding.
        anchor: The identifier of the heading.
        sentences: The answer in whole sentences. Every number in it has its interval and its n.
        figure: The figure that shows the same numbers, or None if it was not written.
        is_averaged: Whether its numbers are means over several datasets.
    """

    question: str
    anchor: str
    sentences: tuple[str, ...]
    figure: ReportFigure | None
    is_averaged: bool = False


# A function that makes a finding from all trials, or returns None if the data do not allow it. If a folder is passed, the
# figure is written into it.
MakeFinding = Callable[[pd.DataFrame, Path | None], Finding | None]


def with_interval(row: Mapping[Hashable, Any]) -> str:
    """Return the value of a row with its interval, as in "0.545 [0.493, 0.596]"."""
    return f"{format_value(row['value'])} {format_interval(row['low'], row['high'])}"


def describe_range(table: pd.DataFrame, measure: str) -> str:
    """Return a sentence about the lowest and the highest value of a table, with their intervals.

    Args:
        table: Has the columns `label`, `n`, `value`, `low` and `high`.
        measure: Name of the measure.
    """
    rows = table.sort_values("value", kind="stable").to_dict("records")
    lowest, highest = rows[0], rows[-1]
    if len(rows) == 1:
        return f"{measure} is {with_interval(lowest)} ({lowest['label']}, n = {lowest['n']:,})."
    ends = [f"{with_interval(row)} ({row['label']}, n = {row['n']:,})" for row in (lowest, highest)]
    sentence = f"{measure} ranges from {ends[0]} to {ends[1]}"
    if lowest["high"] >= highest["low"]:
        return f"{sentence}; these two intervals overlap, so their order is uncertain."
    n_near = sum(row["high"] >= highest["low"] for row in rows[1:-1])
    others = f"intervals of {n_near} others overlap" if n_near > 1 else "interval of one other overlaps"
    return f"{sentence}{f'; the {others} with that of the highest' if n_near else ''}."


def describe_lower(n: int, total: int, verb: str, comparison: str) -> str:
    """Return a sentence about the number of other observers whose interval lies below that of people.

    Args:
        n: The number of these observers.
        total: The number of all observers that are not people.
        verb: The verb after a plural, such as "agree" or "are".
        comparison: The rest of the sentence, such as "less accurate than people".
    """
    if not n:
        of_others = (
            f"intervals of all {total} other observers overlap"
            if total > 1
            else "interval of the other observer overlaps"
        )
        return f"The 95 % {of_others} with that of people or {'are' if total > 1 else 'is'} higher."
    subject = share_of(n, total, "other observer")
    own_verb, intervals = (verb, "their 95 % intervals lie") if n > 1 else (singular(verb), "its 95 % interval lies")
    return f"{subject[0].upper()}{subject[1:]} {own_verb} {comparison} ({intervals} below that of people)."


def singular(verb: str) -> str:
    """Return the form of a regular verb, or of "are", after a singular noun."""
    return "is" if verb == "are" else f"{verb}s"


def share_of(n: int, total: int, noun: str, plural: str = "") -> str:
    """Return a number of items and their total, as in "2 of the 7 observers", "all 7 observers" or "the observer".

    Args:
        n: The number of items, at least 1.
        total: The number of all items.
        noun: The name of one item.
        plural: The name of several items (default: the noun with an s).
    """
    if n == total:
        return f"all {total} {plural or f'{noun}s'}" if total > 1 else f"the {noun}"
    return f"{n} of the {total} {plural or f'{noun}s'}"


def interval_figure(
    out: Path | None, stem: str, table: pd.DataFrame, x_label: str, caption: str,
    references: Mapping[str, float] | None = None,
) -> ReportFigure | None:  # fmt: skip
    """Write the figure of a finding, which shows the values of a table and their intervals.

    Args:
        out: The folder of the report, or None to write no figure.
        stem: The name of the files without their suffix.
        table: Has the columns `label`, `kind`, `n`, `value`, `low` and `high`.
        x_label: Label of the x axis.
        caption: The caption.
        references: Values to mark with a vertical line, by their names.
    """
    if out is None:
        return None
    prefix = shared_prefix([part for label in table["label"] for part in str(label).split(" – ")])
    shown = table.assign(label=[str(label).replace(prefix, "") if prefix else str(label) for label in table["label"]])
    if prefix and len(table) <= MAX_ROWS:
        caption += f" All names begin with “{prefix}”, which the figure omits."

    def draw() -> Figure:
        return draw_interval_rows(shown, Figure(), x_label, references)

    values = f"from {format_value(float(table['value'].min()))} to {format_value(float(table['value'].max()))}"
    alt = f"{x_label} with 95 % intervals, {len(table)} rows, {values}"
    return write_figure(out, stem, draw, table, alt, caption)


def shared_prefix(names: Sequence[str]) -> str:
    """Return the beginning that all names share, up to and including a hyphen; "" if they do not share one.

    Example:
        >>> shared_prefix(["microcosm-ar", "microcosm-cnn"])
        'microcosm-'
    """
    first, last = min(names), max(names)
    if first == last:
        return ""
    n = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: first[:n].rfind("-") + 1]
