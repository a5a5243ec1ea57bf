"""Tests of degenerate cases: too few trials, constant responses, and data without illusions give NaN or an error."""

import numpy as np
import pandas as pd
import pytest

from analysis.illusions import bistability, geometric, pareidolia
from analysis.illusions.kinds import illusion_kind
from analysis.illusions.pse import difference_interval, pse
from analysis.illusions.summary import COLUMNS, has_illusions, illusion_table
from analysis.io.answerable import exclude_unanswerable
from analysis.io.frame import read_trials
from core.errors import LogError
from tests.unit.analysis.frames import correct_trials
from tests.unit.analysis.illusions import simulated_trials


def test_the_interval_of_a_difference_is_the_normal_one_if_both_are_symmetric():
    d, low, high = difference_interval((3.0, 2.0, 4.0), (1.0, 0.0, 2.0))
    assert (d, low, high) == (2.0, pytest.approx(2 - np.sqrt(2)), pytest.approx(2 + np.sqrt(2)))
    assert difference_interval((3.0, -np.inf, 4.0), (1.0, 0.0, 2.0))[1] == -np.inf
    assert np.isnan(difference_interval((np.nan,) * 3, (1.0, 0.0, 2.0))).all()


@pytest.mark.parametrize(
    ("k", "reason"),
    [
        ([40, 40, 40, 40], "always the first response"),
        ([0, 0, 0, 0], "never the first response"),
        ([20, 20, 20, 20], "responses do not change with the level"),
        ([30, 35, 40, 40], "PSE outside the levels shown"),
    ],
)
def test_undefined_points_of_equality_have_a_reason(k, reason):
    estimate = pse(np.arange(4.0), np.array(k, float), np.full(4, 40.0))
    assert estimate["reason"] == reason and np.isnan(estimate["pse"])


def test_a_step_has_its_point_of_equality_between_two_levels():
    """A deterministic observer changes its response between the levels 2 and 3."""
    estimate = pse(np.arange(6.0), np.array([0, 0, 0, 5, 5, 5.0]), np.full(6, 5.0))
    assert 2 < estimate["pse"] < 3 and 2 - 0.2 < estimate["low"] <= estimate["pse"] <= estimate["high"] < 3 + 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: simulated_trials.geometric(0.1, n=1),
        lambda: simulated_trials.hidden(0.4, 0.1, n=1),
        lambda: simulated_trials.percepts(0, n=1),
    ],
)
@pytest.mark.parametrize("responses", ["all first", "all second", "missing", "unchanged"])
@pytest.mark.parametrize("part", [slice(None), slice(0, 1), slice(0, 3)])
def test_too_few_trials_give_an_error_or_nan_with_a_note(make, responses, part):
    frame = make().iloc[part].reset_index(drop=True)
    choices = sorted(set(make()["response"]))
    if responses != "unchanged":
        frame["response"] = {"all first": choices[0], "all second": choices[-1], "missing": ""}[responses]
    cues = {"difference": frame.get("difference", "0"), "hidden": frame.get("hidden", "0")}
    if ("hidden" in frame or "difference" in frame) and not any(
        (pd.to_numeric(v) > 0).any() for v in cues.values() if not isinstance(v, str)
    ):
        with pytest.raises(LogError, match="must have the same category"):
            illusion_table(frame, n_resamples=20)
        return
    table = illusion_table(frame, n_resamples=20)
    assert list(table.columns) == list(COLUMNS)
    assert all(row.note for row in table.itertuples() if np.isnan(row.value))


def test_datasets_without_illusions_are_excluded():
    frame = correct_trials("net", "generative", "1010")
    assert not has_illusions(frame)
    with pytest.raises(
        LogError, match="none of the logs contains trials of an illusion: give logs of experiments such as duck-rabbit"
    ):
        illusion_table(frame)
    both = pd.concat([frame, simulated_trials.geometric(0.1)], ignore_index=True).fillna(
        dict.fromkeys(("strength", "difference"), "")
    )
    assert illusion_table(both).attrs["notes"] == ["excluded, because they show no illusions: mine"]


def test_cues_that_are_not_numbers_are_an_error():
    frame = simulated_trials.geometric(0.1).assign(strength="strong")
    with pytest.raises(LogError, match="x: the cue strength is 'strong', expected a number"):
        illusion_table(frame)
    frame = simulated_trials.hidden(0.4, 0).assign(hidden="nan")
    with pytest.raises(LogError, match="the cue hidden is 'nan'"):
        illusion_table(frame)


def test_several_correct_categories_are_an_error():
    frame = simulated_trials.geometric(0.1)
    frame.loc[frame.index[-1], "category"] = "middle"
    with pytest.raises(
        LogError, match=r"must have the same category \(the correct answer\), but they have left, middle"
    ):
        illusion_table(frame)
    frame = simulated_trials.hidden(0.4, 0)
    frame.loc[frame.index[-1], "category"] = "cat"
    with pytest.raises(LogError, match="with a hidden object must have the same category, but they have cat, face"):
        illusion_table(frame)


def test_effects_need_both_directions():
    (row,) = geometric.effects(geometric.pse_table(simulated_trials.geometric(0.1, strengths=(0, 1)))).itertuples()
    assert np.isnan(row.effect) and row.reason == geometric.ONE_DIRECTION


def test_false_alarms_need_images_without_a_hidden_object():
    frame = simulated_trials.hidden(0.4, 0)
    (row,) = pareidolia.pareidolia(frame[frame["hidden"] != "0"]).itertuples()
    assert np.isnan(row.false_alarms) and row.reason == pareidolia.NO_ABSENT_TRIALS


@pytest.mark.parametrize(
    ("response", "false_alarms", "reason"),
    [("face", 1, "always seen when present"), ("texture", 0, "never seen when present")],
)
def test_constant_responses_have_no_threshold(response, false_alarms, reason):
    (row,) = pareidolia.pareidolia(simulated_trials.hidden(0.4, 0).assign(response=response)).itertuples()
    assert row.false_alarms == false_alarms and np.isnan(row.threshold) and row.reason == reason


def test_ambiguous_trials_are_excluded_from_other_measures(tmp_path):
    frame = simulated_trials.percepts(0.0)
    assert illusion_kind(frame) == "percepts"
    unambiguous = exclude_unanswerable(frame)
    assert set(unambiguous["category"]) == {"duck", "rabbit"} and len(unambiguous) == 80
    assert unambiguous.attrs["notes"] == [
        "trials without a correct answer are excluded (120 trials of x); observers analyze illusions measures them"
    ]
    with pytest.raises(LogError, match="these trials do not have a correct answer; use observers analyze illusions"):
        exclude_unanswerable(frame[frame["condition"] == "0"])
    log = tmp_path / "x.csv"
    columns = [
        "experiment",
        "observer",
        "kind",
        "session",
        "block",
        "trial",
        "stimulus",
        "condition",
        "category",
        "response",
        "rt",
    ]
    own = frame.assign(experiment="x", session=1, block=1, trial=range(1, len(frame) + 1), rt="", n_evaluations="")
    own[[*columns, "n_evaluations", "percept_a", "percept_b"]].to_csv(log, index=False)
    assert len(read_trials([log])) == 80 and len(read_trials([log], ambiguous=True)) == 200


def test_observers_without_evidence_have_measures_of_responses_only():
    (row,) = bistability.bistability(simulated_trials.percepts(0.3)).itertuples()
    assert row.n == 120 and row.n_choices == 2 and 0 < row.share_a < 1
    assert np.isnan([row.position, row.unrelated, row.both_first]).all()


def test_measures_keep_their_names():
    """Scripts select rows of the table by these names."""
    frames = (simulated_trials.percepts(0.0, n=4), simulated_trials.hidden(0.4, 0.1), simulated_trials.geometric(0.1))
    names = [list(dict.fromkeys(illusion_table(frame, n_resamples=20)["measure"])) for frame in frames]
    assert names == [["seen as duck, of either", "PSE along the level"], ["false alarms", "threshold"], ["effect"]]
