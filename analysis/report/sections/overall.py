"""The sections that combine all datasets.

Each function in SECTIONS makes one of them. A function takes all trials whose image has a correct response, the
folder of the report and the settings of the bootstrap, and returns a `Part`, or None if the section does not apply.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.benchmark.benchmark import MEASURES, benchmark_table
from analysis.benchmark.comparable_rows import divide_rows
from analysis.benchmark.correlation import (
    correlate,
    disagreement_note,
    low_pass_datasets,
    observer_measure,
    unit_of_correlation,
)
from analysis.benchmark.ranks import benchmark_intervals
from analysis.figures.scatter import draw_points
from analysis.io.frame import observer_order
from analysis.io.number_format import format_p_value, format_value
from analysis.io.tables import RowBlock
from analysis.kappa.consistency import select_benchmark_conditions
from analysis.measures.minimums import describe_missing, minimum
from analysis.measures.shape_bias import has_cue_conflicts
from analysis.report.sections.figures import write_figure
from analysis.report.sections.parts import Part, as_sentence, count, table_of
from analysis.report.sections.section_inputs import Bootstrap, OverallSection
from stimuli.published.datasets import DATASETS

KAPPA_INTERVALS = (
    "Those of the error consistency combine the score intervals of the pairs and the correlations of their κ (MOVER)"
)


def benchmark_section(frame: pd.DataFrame, _: Path, bootstrap: Bootstrap) -> Part | None:
    """Show the benchmark of Geirhos et al. (2021).

    Return None if no person responded to a condition of a published dataset that the benchmark includes.
    """
    people = frame[(frame["kind"] == "human") & frame["dataset"].isin(DATASETS)]
    if not any(len(select_benchmark_conditions(rows, str(dataset))) for dataset, rows in people.groupby("dataset")):
        return None
    table = benchmark_table(frame, bootstrap.rule)
    intervals = benchmark_intervals(frame, bootstrap.rule, **bootstrap.options)
    notes = [note for note in (*intervals.attrs.get("notes", ()), table.attrs.get("rule")) if note]
    sentences = (
        "The table shows means over the datasets that an observer responded to, as in the benchmark of Geirhos et al. "
        "(2021): accuracy, and the similarity to people in accuracy (the squared difference; lower is more similar), "
        "in observed consistency and in error consistency. The interval of a rank shows which ranks an observer could "
        "have with other images of the same kind.",
        *_incomparable_means(divide_rows(table)[1]),
        *(as_sentence(note) for note in notes),
    )
    keys, shown = ["observer", "kind"], table
    for end in ("low", "high"):
        ends = intervals.pivot(index=keys, columns="measure", values=end).add_suffix(f" {end}")
        shown = shown.merge(ends.reset_index(), on=keys, how="left", validate="one_to_one")
    caption = (
        "Observers are sorted by error consistency, with people first."
        f"{bootstrap.caption(f'; people and other observers are not resampled. {KAPPA_INTERVALS}')}"
    )
    columns = [(name, f"{name} low", f"{name} high") for name in MEASURES]
    shown.attrs = table.attrs
    arranged, blocks = divide_rows(shown)
    tables, start = [], 0
    for block in blocks or (RowBlock(len(arranged)),):
        rows = arranged.iloc[start : start + block.n_rows]
        heading = f"Observers on {count(int(rows['n_datasets'].max()), 'dataset')}" if start else ""
        tables.append(table_of(rows, block.sentence if start else caption, columns, "benchmark", heading))
        start += block.n_rows
    data = {"benchmark": table, "benchmark-intervals": intervals}
    return Part("Benchmark", "benchmark", sentences, (), tuple(tables), data)


def _incomparable_means(blocks: Sequence[RowBlock]) -> list[str]:
    """Return a warning if some means cover other conditions than others, or an empty list if not."""
    if not blocks:
        return []
    return [
        "Not all observers responded to the same conditions, and means over different conditions cannot be compared. There "
        "is one table for all observers on the same conditions."
    ]


def low_pass_section(frame: pd.DataFrame, out: Path, _: Bootstrap) -> Part | None:
    """Correlate accuracy on low-pass images with shape bias, as in Jaini et al. (2024, section 4).

    Return None if the trials contain no low-pass dataset or no cue conflicts.
    """
    low_pass = low_pass_datasets(frame)
    if not low_pass or not has_cue_conflicts(frame):
        return None
    title, anchor = "Low-pass accuracy and shape bias", "low-pass"
    names = f"accuracy:{low_pass[0]}", "shape-bias"
    x, y = (observer_measure(frame, name, people=True) for name in names)
    table = correlate(x, y)
    n, unit = int(table["n"].iloc[0]), as_sentence(unit_of_correlation(frame, names, x, y))
    if n < minimum("observers_of_correlation"):
        reason = describe_missing("The correlation is not shown", n, "observers_of_correlation")
        return Part(title, anchor, (reason, unit), data={"correlation": table})
    if reason := table["reason"].iloc[0]:
        return Part(title, anchor, (f"The correlation is undefined: {reason}.",), data={"correlation": table})
    results = [
        f"{row['method'].capitalize()}'s r({row['df']}) = {format_value(row['r'])} "
        f"[{format_value(row['low'])}, {format_value(row['high'])}], "
        f"{format_p_value(row['p'])}"
        for row in table.to_dict("records")
    ]
    kinds = dict(observer_order(frame)[["observer", "kind"]].itertuples(index=False, name=None))
    points = (
        pd.concat([x.rename("x"), y.rename("y")], axis=1, join="inner").dropna().rename_axis("observer").reset_index()
    )
    points.insert(1, "kind", points["observer"].map(kinds).fillna("human"))

    def draw() -> Figure:
        figure = Figure(figsize=(3.6, 2.8))
        draw_points(points, figure.add_subplot(), x_label=f"Accuracy on {low_pass[0]}", y_label="Shape bias")
        return figure

    caption = (
        f"Accuracy on {low_pass[0]}, pooled over the conditions that the benchmark includes, and shape bias: "
        f"n = {len(points)} observers."
    )
    alt = f"Shape bias as a function of accuracy on {low_pass[0]}, {len(points)} observers"
    sentence = (
        f"{'; '.join(results)}. The test treats observers as independent; related observers make the p value too small."
    )
    figure = write_figure(out, "low-pass_shape-bias", draw, points, alt, caption)
    sentences = (sentence, unit, *map(as_sentence, disagreement_note(table)))
    return Part(title, anchor, sentences, (figure,), (), {"correlation": table})


SECTIONS: dict[str, OverallSection] = {
    "benchmark": benchmark_section,
    "low-pass": low_pass_section,
}
