"""Several sessions of one observer: test–retest reliability, and the response that counts for error consistency."""

import numpy as np
import pandas as pd
import pytest

from analysis import (
    accuracy,
    benchmark_table,
    error_consistency,
    error_patterns,
    noise_ceiling,
    retest_reliability,
    split_observers,
    write_report,
)
from analysis.io.repeated import first_responses, repeated_note, without_later_sessions
from analysis.kappa.retest import average_over_conditions
from core.errors import LogError
from tests.unit.analysis.frames import correct_trials
from tests.unit.analysis.selection.selected_trials import small_frame, with_categories

pytestmark = pytest.mark.filterwarnings("ignore::analysis.io.notes.DataWarning")


def sessions(*letters, observer="a", condition=""):
    parts = [
        correct_trials(observer, "human", text, condition=condition).assign(session=number + 1)
        for number, text in enumerate(letters)
        if text
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("convert", [lambda frame: frame, with_categories])
def test_kappa_of_two_sessions_is_that_of_two_observers(convert):
    frame = small_frame()
    (row,) = retest_reliability(convert(frame), n_resamples=200).itertuples()
    split = split_observers(frame[frame["dataset"] == "edge"], "session")
    pairs = error_consistency(split, n_resamples=200).set_index(["observer_1", "observer_2"])
    pair = pairs.loc[("subject-01 (session 1)", "subject-01 (session 2)")]
    assert (row.observer, row.session_1, row.session_2, row.n) == ("subject-01", 1, 2, 10)
    assert [row.kappa, row.low, row.high] == pytest.approx([pair["kappa"], pair["low"], pair["high"]])
    assert row.same_response == pytest.approx(pair["observed"]) and (row.accuracy_1, row.accuracy_2) == (0.6, 0.6)


def test_three_sessions_and_several_conditions():
    frame = pd.concat([
        sessions("1100", "1100", "0011", condition="c1"), sessions("1010", "", "1010", condition="c2"),
        sessions("11", "11", observer="b", condition="c1"), sessions("10", observer="c", condition="c1"),
    ], ignore_index=True)  # fmt: skip
    table = retest_reliability(frame, intervals=False)
    assert table[["observer", "condition", "session_1", "session_2", "n"]].to_numpy().tolist() == [
        ["a", "c1", 1, 2, 4], ["a", "c1", 1, 3, 4], ["a", "c1", 2, 3, 4], ["a", "c2", 1, 3, 4], ["b", "c1", 1, 2, 2],
    ]  # fmt: skip
    assert table["kappa"].tolist()[:4] == [1, -1, -1, 1] and np.isnan(table["kappa"].iloc[4])
    assert table[["low", "high"]].isna().all(axis=None)
    assert table.attrs["notes"] == ["1 observer has only one session and cannot be compared with another one"]
    means = average_over_conditions(table).set_index(["observer", "session_1", "session_2"])
    assert means.loc[("a", 1, 3), "kappa"] == 0 and means.loc[("a", 1, 3), "n"] == 8
    rule = retest_reliability(frame, intervals=False, rule="model-vs-human")
    assert rule["kappa"].iloc[4] == 1


def test_sessions_without_common_images():
    frame = sessions("10", "10")
    frame.loc[frame["session"] == 2, "stimulus"] = ["x", "y"]
    (row,) = retest_reliability(frame, n_resamples=10).itertuples()
    assert row.n == 0 and np.isnan([row.kappa, row.low, row.same_response, row.accuracy_1]).all()


def test_logs_without_a_second_session():
    with pytest.raises(
        LogError, match=r"no observer has two sessions of one dataset, .* add the logs of a second session"
    ):
        retest_reliability(sessions("10"))
    twice = pd.concat([sessions("10"), sessions("10", "11")], ignore_index=True)
    with pytest.raises(
        LogError, match=r"a responded to 0\.png of mine twice in session 1; .* remove one of the two rows"
    ):
        retest_reliability(twice)


def test_kappa_with_other_observers_uses_the_first_response():
    frame = small_frame()
    first = frame[frame["session"] == 1].reset_index(drop=True)
    for measure in (error_consistency, error_patterns, noise_ceiling):
        pd.testing.assert_frame_equal(measure(frame, n_resamples=20), measure(first, n_resamples=20))
    pd.testing.assert_frame_equal(benchmark_table(frame), benchmark_table(first))
    shuffled = frame.sample(frac=1, random_state=1)
    one_dataset = [
        error_consistency(f[f["dataset"] == "edge"], intervals=False)["kappa"].sum() for f in (shuffled, first)
    ]
    assert one_dataset[0] == pytest.approx(one_dataset[1])
    assert accuracy(frame)["n"].max() == 20  # accuracy counts both sessions


def test_sessions_with_different_images_are_used_together():
    parts = [correct_trials("a", "human", "10", images=[f"{k}0", f"{k}1"]).assign(session=k) for k in (1, 2)]
    other = correct_trials("b", "human", "1001", images=["10", "11", "20", "21"]).assign(session=1)
    frame = pd.concat([*parts, other], ignore_index=True)
    assert len(first_responses(frame)) == len(frame) and repeated_note(frame) == []
    assert error_consistency(frame, intervals=False)["n"].item() == 4


def test_first_responses():
    frame = small_frame()
    assert len(first_responses(frame)) == 50 and set(first_responses(frame)["session"]) == {1}
    missing = pd.concat([sessions("11").assign(session=None), sessions("00").assign(session=1)], ignore_index=True)
    missing["session"] = missing["session"].astype("Int64")
    assert first_responses(missing)["correct"].all()  # a session without a number comes first
    again = pd.concat([frame, frame[frame["session"] == 1]], ignore_index=True)
    assert len(without_later_sessions(again)) == 100  # repetitions within a session stay


def test_the_note_names_at_most_three_observers():
    frame = pd.concat([sessions("1", "0", observer=name) for name in "abcde"], ignore_index=True)
    (note,) = repeated_note(frame)
    assert note.startswith(
        "5 trials repeat an image that the observer saw in an earlier session (a, b, c and 2 more): "
    )
    assert repeated_note(frame.assign(category="(ambiguous)")) == []


@pytest.mark.slow
def test_a_report_on_two_sessions(tmp_path):
    frame = small_frame().assign(n_evaluations=np.nan)
    write_report(frame, tmp_path, intervals=False)
    pairs = pd.read_csv(tmp_path / "tables" / "consistency.csv")
    assert (pairs.loc[pairs["dataset"] == "edge", "n"] == 10).all()
    images = pd.read_csv(tmp_path / "tables" / "images.csv")
    assert (images.loc[images["dataset"] == "edge", "n"] == 4).all()  # each observer counts once
    assert (pd.read_csv(tmp_path / "tables" / "accuracy.csv")["n"].max()) == 20
