"""The sections over all datasets: WHOLE has a function a measure, from the whole frame to a part, or None."""

from collections.abc import Callable, Mapping

import pandas as pd

from analysis.benchmark import benchmark
from analysis.consistency import included
from analysis.report.parts import Part, table_of
from stimuli.datasets import DATASETS


def benchmark_section(frame: pd.DataFrame) -> Part | None:
    """The table of Geirhos et al. (2021) where people answered a published dataset, in a condition that counts."""
    people = frame[(frame["kind"] == "human") & frame["dataset"].isin(DATASETS)]
    if not any(len(included(part, str(dataset))) for dataset, part in people.groupby("dataset")):
        return None
    table = benchmark(frame)
    sentences = (
        "Means over the datasets that an observer answered, in the way of the benchmark of Geirhos et al. (2021): accuracy, "
        "and how close an observer is to people in accuracy (the squared difference; less is closer), in observed and in "
        "error consistency.",
        *_compared(table),
        *(f"{note[0].upper()}{note[1:]}." for note in (*table.attrs.get("notes", ()), table.attrs.get("rule")) if note),
    )
    return Part("Benchmark", "benchmark", sentences, (), (table_of(table),), {"benchmark": table})


def _compared(table: pd.DataFrame) -> list[str]:
    """Means over some of the datasets say something else than means over all."""
    n = table["n_datasets"]
    if n.min() == n.max():
        return []
    answered = f"Some answered {n.min()} and some {n.max()} datasets"
    return [f"{answered} (n datasets, of {len(DATASETS)}), so their means cannot be compared."]


WHOLE: Mapping[str, Callable[[pd.DataFrame], Part | None]] = {"benchmark": benchmark_section}
