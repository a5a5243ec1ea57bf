"""The sections over all datasets: WHOLE has a function a measure, from the whole frame to a part, or None."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.benchmark import MEASURES, benchmark
from analysis.consistency import included
from analysis.correlation import correlate, measure
from analysis.figures.scatter import draw_points
from analysis.frame import observer_order
from analysis.ranks import benchmark_intervals
from analysis.report.figures import picture
from analysis.report.parts import Part, table_of
from analysis.report.section_inputs import Bootstrap
from analysis.shape_bias import has_conflicts
from analysis.tables import cell, probability
from stimuli.datasets import DATASETS
from stimuli.level_scales import published_name


def benchmark_section(frame: pd.DataFrame, _: Path, bootstrap: Bootstrap) -> Part | None:
    """The table of Geirhos et al. (2021) where people answered a published dataset, in a condition that counts."""
    people = frame[(frame["kind"] == "human") & frame["dataset"].isin(DATASETS)]
    if not any(len(included(part, str(dataset))) for dataset, part in people.groupby("dataset")):
        return None
    table, every = benchmark(frame), benchmark_intervals(frame, **bootstrap.options)
    sentences = (
        "Means over the datasets that an observer answered, in the way of the benchmark of Geirhos et al. (2021): accuracy, "
        "and how close an observer is to people in accuracy (the squared difference; less is closer), in observed and in "
        "error consistency. The interval of a rank says which places an observer would take on other images of the kind.",
        *_compared(table),
        *(f"{note[0].upper()}{note[1:]}." for note in (*table.attrs.get("notes", ()), table.attrs.get("rule")) if note),
    )
    keys, shown = ["observer", "kind"], table
    for end in ("low", "high"):
        ends = every.pivot(index=keys, columns="measure", values=end).add_suffix(f" {end}")
        shown = shown.merge(ends.reset_index(), on=keys, how="left", validate="one_to_one")
    caption = f"By error consistency, people first.{bootstrap.caption('; people and observers as they are')}"
    rows = table_of(shown, caption, [(name, f"{name} low", f"{name} high") for name in MEASURES])
    return Part("Benchmark", "benchmark", sentences, (), (rows,), {"benchmark": table, "benchmark-intervals": every})


def _compared(table: pd.DataFrame) -> list[str]:
    """Means over some of the datasets say something else than means over all."""
    n = table["n_datasets"]
    if n.min() == n.max():
        return []
    answered = f"Some answered {n.min()} and some {n.max()} datasets"
    return [f"{answered} (n datasets, of {len(DATASETS)}), so their means cannot be compared."]


def low_pass_section(frame: pd.DataFrame, out: Path, _: Bootstrap) -> Part | None:
    """Do those who see through a blur decide by shape (Jaini et al. 2024, section 4)? None without low-pass or conflicts."""
    low_pass = [d for d in frame["dataset"].unique() if published_name(d) == "low-pass"]
    if not low_pass or not has_conflicts(frame):
        return None
    name, title, anchor = f"accuracy:{low_pass[0]}", "Low-pass accuracy and shape bias", "low-pass"
    x, y = (measure(frame, of, people=True) for of in (name, "shape-bias"))
    table = correlate(x, y)
    if reason := table["reason"].iloc[0]:
        return Part(title, anchor, (f"Without a correlation: {reason} in both.",), data={"correlation": table})
    said = [
        f"{row['method'].capitalize()}'s r({row['df']}) = {cell(row['r'])} [{cell(row['low'])}, {cell(row['high'])}], "
        f"{probability(row['p'])}"
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
        f"Accuracy on {low_pass[0]}, conditions that count pooled, and shape bias of n = {len(points)} observers, "
        "all people as one."
    )
    alt = f"Shape bias over accuracy on {low_pass[0]}, {len(points)} observers"
    sentence = f"{'; '.join(said)}. Observers count as independent; relatives make p too small."
    return Part(
        title, anchor, (sentence,), (picture(out, "low-pass_shape-bias", draw, points, alt, caption),), (),
        {"correlation": table},
    )  # fmt: skip


OVERALL_SECTIONS: Mapping[str, Callable[[pd.DataFrame, Path, Bootstrap], Part | None]] = {
    "benchmark": benchmark_section,
    "low-pass": low_pass_section,
}
