"""The table of columns of the trial log, and that logs, frames, exports and documentation follow it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import evolve

from analysis.io import bids, columns
from analysis.io.frame import read_trials
from core import trial_columns
from core.errors import StimulusError
from core.trial_columns import BY_NAME, FRAME_COLUMNS, NAMES, TRIAL_COLUMNS
from experiments import log
from experiments.running.session import run
from observers.simulated import Biased
from stimuli.stimulus import Stimulus, StimulusSet

PAGE = Path(__file__).parents[3] / "docs" / "trial-log.md"


def test_the_columns_of_the_first_format_come_first():
    """A session that was started by an earlier version can be resumed only if its columns stay as they were."""
    assert NAMES[:12] == (
        "experiment", "observer", "kind", "session", "block", "trial", "stimulus", "condition", "category", "response", "rt",
        "n_evaluations",
    )  # fmt: skip
    assert len(set(NAMES)) == len(NAMES) and all(column.required for column in TRIAL_COLUMNS[:12])


def test_cells_are_formatted_and_parsed():
    logged = SimpleNamespace(
        response=SimpleNamespace(rt=1, choice=None, n_evaluations=7), trial=SimpleNamespace(number=3)
    )
    cells = [BY_NAME[name].format(logged) for name in ("rt", "response", "n_evaluations", "trial")]
    assert cells == ["1.0", "", "7", "3"]
    assert [BY_NAME[name].parse("") for name in ("rt", "response", "n_evaluations")] == [None, None, None]
    assert (BY_NAME["rt"].parse("0.5"), BY_NAME["trial"].parse("3"), BY_NAME["response"].parse("1")) == (0.5, 3, "1")
    with pytest.raises(ValueError, match="rt is 'fast', expected a number"):
        BY_NAME["rt"].parse("fast")
    with pytest.raises(ValueError, match=r"trial is '1\.5', expected a whole number"):
        BY_NAME["trial"].parse("1.5")


def test_frames_and_exports_have_the_same_columns():
    names = [name.replace("experiment", "dataset") for name in NAMES]
    assert [*names, "correct", "source"] == list(FRAME_COLUMNS)
    described = [*bids.JSON_COLUMNS, *(name.replace("response_time", "rt") for name in bids.COLUMNS)]
    assert described == names
    assert all("{" not in description for description, _ in bids.COLUMNS.values())
    assert [name for name, column in columns.TYPES.items() if column.can_be_empty] == ["condition", "response"]


def test_the_documentation_describes_every_column():
    for column in TRIAL_COLUMNS:
        unit = f", in {column.unit}" if column.unit else ""
        row = f"| `{column.name}` | {column.description.format(missing='empty')}{unit}"
        assert any(line.startswith(row) for line in PAGE.read_text("utf-8").splitlines()), row


@pytest.mark.parametrize("name", [*NAMES, "dataset", "correct", "source", "path", "evidence_cat"])
def test_a_cue_cannot_have_the_name_of_a_column(name):
    stimulus = Stimulus("a", Path("a.png"), "cat", "", {name: "1"})
    with pytest.raises(StimulusError, match="trial logs reserve that column name"):
        StimulusSet("set", (stimulus,))


def test_a_log_may_lack_a_column_that_is_not_required(small, tmp_path, monkeypatch):
    path = run(small, Biased(0.5), tmp_path)
    header, *rows = log.read_rows(path)
    at = header.index("n_evaluations")
    path.write_text("".join(",".join([*row[:at], *row[at + 1 :]]) + "\n" for row in (header, *rows)))
    monkeypatch.setitem(columns.TYPES, "n_evaluations", evolve(columns.TYPES["n_evaluations"], required=False))
    frame = read_trials([path])
    assert len(frame) == len(rows) and frame["n_evaluations"].isna().all()


def test_evidence_and_measurements_are_numbers():
    assert [trial_columns.is_numeric_extra(name) for name in ("evidence_cat", "measured_onset", "shape", "rt")] == [
        True, True, False, False,
    ]  # fmt: skip
