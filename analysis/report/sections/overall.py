"""The sections that combine all datasets.

Each function in SECTIONS makes one of them. A function takes all trials whose image has a correct response, the
folder of the report and the settings of the bootstrap, and returns a `Part`, or None if the section does not apply.
"""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.benchmark.benchmark import HUMANS, MEASURES, benchmark_table
from analysis.benchmark.correlation import correlate, observer_measure
from analysis.benchmark.ranks import benchmark_intervals
from analysis.figures.scatter import draw_points
from analysis.io.frame import observer_order
from analysis.io.number_format import format_p_value, format_value
from analysis.kappa.consistency import select_benchmark_conditions
from analysis.measures.minimums import describe_missing, minimum
from analysis.measures.shape_bias import has_cue_conflicts
from analysis.report.sections.figures import write_figure
from analysis.report.sections.parts import Part, as_sentence, count, table_of
from analysis.report.sections.section_inputs import Bootstrap, OverallSection
from stimuli.published.datasets import DATASETS
from stimuli.published.level_scales import published_name

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
        *_incomparable_means(table),
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
    columns, n = [(name, f"{name} low", f"{name} high") for name in MEASURES], shown["n_datasets"]
    tables = [table_of(shown[n == n.max()], caption, columns, "benchmark")]
    for n_datasets in sorted(n[n < n.max()].unique(), reverse=True):
        apart = (
            f"Means over {n_datasets} of {n.max()} datasets, which cannot be compared with those of observers on other "
            "datasets."
        )
        heading = f"Observers on {count(int(n_datasets), 'dataset')}"
        tables.append(table_of(shown[n == n_datasets], apart, columns, "benchmark", heading))
    data = {"benchmark": table, "benchmark-intervals": intervals}
    return Part("Benchmark", "benchmark", sentences, (), tuple(tables), data)


def _incomparable_means(table: pd.DataFrame) -> list[str]:
    """Return a warning if some means cover fewer datasets than others, or an empty list if not."""
    n = table["n_datasets"]
    if n.min() == n.max():
        return []
    return [
        f"Some observers responded to {n.min()} and some to {n.max()} of the {len(DATASETS)} datasets, so their means "
        "cannot be compared. Observers on fewer datasets are in tables of their own."
    ]


def low_pass_section(frame: pd.DataFrame, out: Path, _: Bootstrap) -> Part | None:
    """Correlate accuracy on low-pass images with shape bias, as in Jaini et al. (2024, section 4).

    Return None if the trials contain no low-pass dataset or no cue conflicts.
    """
    low_pass = [d for d in frame["dataset"].unique() if published_name(d) == "low-pass"]
    if not low_pass or not has_cue_conflicts(frame):
        return None
    title, anchor = "Low-pass accuracy and shape bias", "low-pass"
    x, y = (observer_measure(frame, name, people=True) for name in (f"accuracy:{low_pass[0]}", "shape-bias"))
    table = correlate(x, y)
    n, has_people = int(table["n"].iloc[0]), bool((frame["kind"] == "human").any())
    if n < minimum("observers_of_correlation"):
        pooled = f" (all people together count as one observer, “{HUMANS}”)" if has_people else ""
        claim = f"The correlation is not computed{pooled}"
        return Part(
            title, anchor, (describe_missing(claim, n, "observers_of_correlation"),), data={"correlation": table}
        )
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
        + (f" All people together count as one observer, “{HUMANS}”." if has_people else "")
    )
    alt = f"Shape bias as a function of accuracy on {low_pass[0]}, {len(points)} observers"
    sentence = (
        f"{'; '.join(results)}. The test treats observers as independent; related observers make the p value too small."
    )
    figure = write_figure(out, "low-pass_shape-bias", draw, points, alt, caption)
    return Part(title, anchor, (sentence,), (figure,), (), {"correlation": table})


SECTIONS: dict[str, OverallSection] = {
    "benchmark": benchmark_section,
    "low-pass": low_pass_section,
}
