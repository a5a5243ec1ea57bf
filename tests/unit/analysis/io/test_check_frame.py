"""Frames that users have edited, or have saved as CSV and read with pandas."""

import numpy as np
import pandas as pd
import pytest

from analysis import accuracy, confusion_table, error_consistency, read_trials, response_entropy, thresholds
from analysis.io.check_frame import check_frame
from core.errors import LogError

HEAD = "subj,session,trial,rt,object_response,category,condition,imagename\n"
MEASURES = (accuracy, confusion_table, response_entropy, error_consistency)


@pytest.fixture
def frame(tmp_path):
    """Trials of two people without conditions, in which one response is missing."""
    for name, answers in (("subject-1", "aabb"), ("subject-2", "abb")):
        rows = [
            f"{name},1,{i + 1},0.5,{answers[i : i + 1] or 'na'},{truth},,{i}.png\n" for i, truth in enumerate("abab")
        ]
        (tmp_path / f"mine_{name}_session_1.csv").write_text(HEAD + "".join(rows))
    return read_trials(tmp_path)


def test_a_frame_of_read_trials_is_not_changed(frame):
    assert check_frame(frame) is frame


@pytest.mark.parametrize("measure", MEASURES)
def test_a_frame_that_was_saved_as_csv_has_the_same_measures(frame, tmp_path, measure):
    frame.to_csv(tmp_path / "frame.csv", index=False)
    saved = pd.read_csv(tmp_path / "frame.csv")
    saved.attrs = frame.attrs
    pd.testing.assert_frame_equal(measure(saved), measure(frame))


@pytest.mark.parametrize("value", [np.nan, None])
def test_missing_conditions_do_not_remove_trials(frame, value):
    assert accuracy(frame.assign(condition=value))["n"].tolist() == [4, 4]


def test_names_that_look_like_numbers_stay_texts(frame):
    numbers = frame.assign(observer=frame["observer"].astype(str).str[-1:].astype(int))
    assert list(accuracy(numbers)["observer"]) == ["1", "2"] and len(confusion_table(numbers))
    assert list(accuracy(numbers.assign(observer=numbers["observer"].astype(float)))["observer"]) == ["1", "2"]


def test_frames_that_were_joined_have_a_unique_index(frame):
    parts = [frame[frame["observer"] == name].reset_index(drop=True) for name in ("subject-1", "subject-2")]
    joined = pd.concat(parts)
    assert error_consistency(joined)["kappa"].tolist() == error_consistency(frame)["kappa"].tolist()
    assert accuracy(joined.set_index(["dataset", "observer"], drop=False))["n"].tolist() == [4, 4]


def test_truth_values_of_another_type_are_converted(frame):
    expected = accuracy(frame)
    for dtype in ("object", "str"):
        pd.testing.assert_frame_equal(accuracy(frame.assign(correct=frame["correct"].astype(dtype))), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: "logs", "expected the frame that read_trials returns, got str"),
        (lambda f: f[[]], "the frame does not have the column dataset; .*Pass a frame of read_trials"),
        (lambda f: pd.concat([f, f[["rt"]]], axis=1), "has two columns rt: remove one of them"),
        (lambda f: f.assign(observer=None), "the column observer of the frame has 8 missing values"),
        (lambda f: f.assign(correct=np.nan), "the column correct of the frame has 8 missing values"),
        (
            lambda f: f.assign(correct="yes"),
            "the column correct of the frame has the value 'yes': expected True or False",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::analysis.DataWarning")
def test_frames_that_cannot_be_used_are_refused(frame, change, message):
    for measure in (*MEASURES, thresholds):
        with pytest.raises(LogError, match=message):
            measure(change(frame))


@pytest.mark.parametrize("measure", [accuracy, thresholds, error_consistency])
def test_a_column_that_a_measure_needs_is_named(frame, measure):
    with pytest.raises(LogError, match="does not have the column correct; its columns are dataset, observer, kind"):
        measure(frame.drop(columns="correct"))
