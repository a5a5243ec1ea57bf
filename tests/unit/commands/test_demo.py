"""The comparison of live and recorded responses; tests/end_to_end/test_small_demo.py runs a small demonstration."""

import pytest

from commands.running.demo import _describe_comparisons
from core.errors import LogError
from experiments.demo import Comparison, compare_with_recording
from experiments.recordings import unpack_recording
from tests.hand_computation import read_csv


def test_live_responses_are_compared_trial_by_trial(tmp_path):
    log = unpack_recording("microcosm-cue-conflict", "microcosm-cnn", tmp_path / "logs")
    n = len(read_csv(log))
    assert compare_with_recording(log, "microcosm-cnn") == Comparison("microcosm-cnn", n, (), 0)
    rows = log.read_text().splitlines(keepends=True)
    row = read_csv(log)[0]
    changed = rows[1].replace(f",{row['response']},", ",nothing,", 1) if row["response"] != row["category"] else None
    other = rows[1].replace(row["stimulus"], "new.png")
    log.write_text(rows[0] + (changed or rows[1]) + other)
    comparison = compare_with_recording(log, "microcosm-cnn")
    assert comparison.n_unrecorded == 1
    assert len(comparison.differences) == (1 if changed else 0)
    text = _describe_comparisons([Comparison("net", 3, ("trial 4 (a.png): cat live, dog recorded",), 2)])
    assert text.startswith("3 of 4 live responses equal the recorded ones. The others differ")
    assert "   net, trial 4 (a.png): cat live, dog recorded" in text and "2 live responses were not recorded" in text
    assert "cannot be compared" in _describe_comparisons([Comparison("net", 0, (), 2)])


def test_an_unknown_recording_is_refused(tmp_path):
    with pytest.raises(LogError, match="do not contain ideal in microcosm-edge"):
        unpack_recording("microcosm-edge", "ideal", tmp_path)
    with pytest.raises(LogError, match="do not contain microcosm-cnn in nothing"):
        unpack_recording("nothing", "microcosm-cnn", tmp_path)
