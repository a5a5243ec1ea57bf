"""The section on illusions: its table, its figures, and what it says if an illusion cannot be measured."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.figures.illusions.lines import draw_lines
from analysis.report.sections.illusions import illusions_section
from tests.unit.analysis.illusions import simulated_trials
from tests.unit.analysis.report.simulated_reports import trials
from tests.unit.analysis.report.test_report_sections import check_part, section_inputs

pytestmark = pytest.mark.usefixtures("empty_figures")


def prepared(frame):
    """Return simulated trials with the columns that a report needs."""
    numbers = np.arange(len(frame)) + 1
    return frame.assign(session=1, block=1, trial=numbers, rt=np.nan, n_evaluations=pd.NA, source="x.csv")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame", "figures"),
    [
        (simulated_trials.percepts(0.2), ["illusion-level_x"]),
        (simulated_trials.percepts(35.0, turns=True), ["illusion-turn_x"]),
        (simulated_trials.hidden(0.4, 0.1), ["illusion-hidden_x"]),
        (simulated_trials.geometric(0.15), ["illusion-pse_x"]),
    ],
)
def test_the_section_shows_a_table_and_a_figure(frame, figures, tmp_path):
    part = illusions_section(section_inputs(prepared(frame), tmp_path))
    check_part(part)
    assert sorted(path.stem for path in (tmp_path / "figures").glob("*.svg")) == figures
    assert len(part.tables[0].rows) == len(part.data["illusions"]) > 0
    assert f"n = 1 observer, {len(frame) // frame_points(frame)} responses per point" in part.figures[0].caption


def frame_points(frame):
    """Return the number of points of the curve that the section draws."""
    if "strength" in frame:
        return frame["strength"].nunique()
    return frame["hidden" if "hidden" in frame else "condition"].nunique()


def test_trials_without_a_response_are_excluded_in_a_sentence(tmp_path):
    frame = prepared(simulated_trials.hidden(0.4, 0.1))
    frame.loc[3, "response"] = ""
    assert illusions_section(section_inputs(frame, tmp_path)).sentences[-1] == (
        "1 trial without a response is excluded here."
    )


def test_other_datasets_have_no_section(tmp_path):
    assert illusions_section(section_inputs(trials("plain", {"net": "generative"}), tmp_path)) is None


def test_lines_have_error_bars_without_open_ends_and_a_reference():
    table = pd.DataFrame({"observer": ["a", "a", "b"], "kind": ["human", "human", "generative"], "x": [0.0, 1.0, 0.0],
                          "y": [0.1, 0.3, np.nan], "low": [0.0, -np.inf, 0.0], "high": [0.2, 0.5, 1.0]})  # fmt: skip
    ax = draw_lines(table, Figure().add_subplot(), x_label="Level", y_label="Share", reference=0.5)
    (bars,) = [container for container in ax.containers if len(container[0].get_xdata()) == 2]
    segments = bars[2][0].get_segments()
    assert [tuple(np.round(segment[:, 1], 6)) for segment in segments] == [(0.0, 0.2), (0.3, 0.5)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Level", "Share")
    assert [line for line in ax.lines if line.get_linestyle() == ":" and set(line.get_ydata()) == {0.5}]
