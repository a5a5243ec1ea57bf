"""The numbers of docs/microcosm.md are those of its command, computed from the recorded trials."""

from pathlib import Path

import pandas as pd
import pytest

from analysis.io.columns import as_text
from analysis.io.frame import read_trials
from analysis.io.writing.formats import to_markdown
from analysis.measures.accuracy import accuracy
from analysis.measures.shape_bias import overall_shape_bias, shape_bias
from benchmarks.microcosm import CONSISTENT, accuracy_by_experiment, summarize

PAGE = (Path(__file__).parents[2] / "docs" / "microcosm.md").read_text("utf-8").partition("## Results")[2]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return as_text(read_trials("microcosm"))


def short(value: float, n_digits: int = 3) -> str:
    return f"{value:.{n_digits}f}".removeprefix("0")


def test_the_accuracy_in_every_experiment(frame):
    rows = to_markdown(accuracy_by_experiment(frame)).splitlines()
    assert len(rows) == 2 + 16
    assert [row for row in rows if row not in PAGE] == []


def test_the_summary_of_every_observer(frame):
    consistent = accuracy(frame[frame["dataset"] == CONSISTENT]).set_index("observer")
    bias = overall_shape_bias(shape_bias(frame)).set_index("observer")
    summary = summarize(frame).set_index("observer")
    assert len(summary) == 7
    for name in summary.index:
        (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{name}` | ."))
        cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
        for cell, table, column in ((cells[0], consistent, "accuracy"), (cells[1], bias, "shape_bias")):
            value, low, high = (short(table.loc[name, each]) for each in (column, "low", "high"))
            assert cell == f"{value} [{low}, {high}]"
        rates = [float(rate) for rate in cells[2].split(", ")]
        assert rates == pytest.approx(bias.loc[name, ["shape_rate", "texture_rate"]].tolist(), abs=0.0051)
        assert cells[3:] == [short(summary.loc[name, "ood"]), short(summary.loc[name, "low_pass"])]
