"""The report counts its steps, and shows datasets with cue conflicts first and distorted ones last."""

import pandas as pd
import pytest

from analysis.report.report import reading_order, write_report
from tests.unit.analysis.report.simulated_reports import trials


@pytest.mark.usefixtures("empty_figures")
def test_progress_counts_all_steps(tmp_path):
    calls = []
    frame = trials("own", {"net": "generative"}, n=4)
    write_report(frame, tmp_path, intervals=False, progress=lambda done, total: calls.append((done, total)))
    done, totals = zip(*calls, strict=True)
    assert len(set(totals)) == 1 and list(done) == sorted(done) and (done[0], done[-1]) == (0, totals[0])


def test_the_order_of_datasets():
    kinds = {"net": "generative"}
    parts = [
        trials("contrast", kinds, ("c100", "c05"), 4),
        trials("sketch", kinds, n=4),
        trials("own", kinds, n=4, cues=True),
    ]
    assert reading_order(pd.concat(parts, ignore_index=True)) == ["own", "sketch", "contrast"]
