"""Too little, all alike, and what is no illusion: a sentence or NaN."""

import numpy as np
import pandas as pd
import pytest

from analysis.answerable import with_answers
from analysis.frame import read_trials
from analysis.illusions import bistability, geometric, pareidolia
from analysis.illusions.kinds import illusion_kind
from analysis.illusions.pse import difference, pse
from analysis.illusions.summary import COLUMNS, has_illusions, illusions
from stimuli.errors import LogError
from tests.analysis.frames import right
from tests.analysis.illusions import simulated_trials


def test_the_interval_of_a_difference_is_the_normal_one_where_both_are_symmetric():
    d, low, high = difference((3.0, 2.0, 4.0), (1.0, 0.0, 2.0))
    assert (d, low, high) == (2.0, pytest.approx(2 - np.sqrt(2)), pytest.approx(2 + np.sqrt(2)))
    assert difference((3.0, -np.inf, 4.0), (1.0, 0.0, 2.0))[1] == -np.inf
    assert np.isnan(difference((np.nan,) * 3, (1.0, 0.0, 2.0))).all()


@pytest.mark.parametrize(
    ("k", "reason"),
    [
        ([8, 8, 8, 8], "always the first answer"),
        ([0, 0, 0, 0], "never the first answer"),
        ([4, 4, 4, 4], "answers do not change with the level"),
        ([6, 7, 8, 8], "it lies outside the levels shown"),
    ],
)
def test_no_equality(k, reason):
    found = pse(np.arange(4.0), np.array(k, float), np.full(4, 8.0))
    assert found["reason"] == reason or (reason.startswith("it lies") and "change" in found["reason"])
    assert np.isnan(found["pse"])


def test_a_step_has_an_equality_between_its_levels():
    """A machine that never wavers."""
    found = pse(np.arange(6.0), np.array([0, 0, 0, 5, 5, 5.0]), np.full(6, 5.0))
    assert 2 < found["pse"] < 3 and 2 - 0.2 < found["low"] <= found["pse"] <= found["high"] < 3 + 0.2


@pytest.mark.parametrize(
    "make",
    [
        lambda: simulated_trials.geometric(0.1, n=1),
        lambda: simulated_trials.hidden(0.4, 0.1, n=1),
        lambda: simulated_trials.percepts(0, n=1),
    ],
)
@pytest.mark.parametrize("said", ["first", "second", "nothing", "as it was"])
@pytest.mark.parametrize("part", [slice(None), slice(0, 1), slice(0, 3)])
def test_too_little_is_a_sentence_or_nan(make, said, part):
    frame = make().iloc[part].reset_index(drop=True)
    choices = sorted(set(make()["response"]))
    if said != "as it was":
        frame["response"] = {"first": choices[0], "second": choices[-1], "nothing": ""}[said]
    known = {"difference": frame.get("difference", "0"), "hidden": frame.get("hidden", "0")}
    if ("hidden" in frame or "difference" in frame) and not any(
        (pd.to_numeric(v) > 0).any() for v in known.values() if not isinstance(v, str)
    ):
        with pytest.raises(LogError, match="must have one category"):
            illusions(frame, n_resamples=20)
        return
    table = illusions(frame, n_resamples=20)
    assert list(table.columns) == list(COLUMNS)
    assert all(row.note for row in table.itertuples() if np.isnan(row.value))


def test_what_is_no_illusion():
    frame = right("net", "generative", "1010")
    assert not has_illusions(frame)
    with pytest.raises(LogError, match="no log here is of an illusion: give logs of duck-rabbit"):
        illusions(frame)
    both = pd.concat([frame, simulated_trials.geometric(0.1)], ignore_index=True).fillna(
        dict.fromkeys(("strength", "difference"), "")
    )
    assert illusions(both).attrs["notes"] == ["no illusion, left out: mine"]


def test_cues_that_are_no_numbers():
    frame = simulated_trials.geometric(0.1).assign(strength="strong")
    with pytest.raises(LogError, match="x: the cue strength is 'strong', expected a number"):
        illusions(frame)
    frame = simulated_trials.hidden(0.4, 0).assign(hidden="nan")
    with pytest.raises(LogError, match="the cue hidden is 'nan'"):
        illusions(frame)


def test_several_right_answers():
    frame = simulated_trials.geometric(0.1)
    frame.loc[frame.index[-1], "category"] = "middle"
    with pytest.raises(
        LogError, match="must have one category, the answer that they are right to get; here they have left, middle"
    ):
        illusions(frame)
    frame = simulated_trials.hidden(0.4, 0)
    frame.loc[frame.index[-1], "category"] = "cat"
    with pytest.raises(LogError, match="something hidden must have one category, here they have cat, face"):
        illusions(frame)


def test_only_one_direction():
    (row,) = geometric.effects(geometric.pse_table(simulated_trials.geometric(0.1, strengths=(0, 1)))).itertuples()
    assert np.isnan(row.effect) and row.reason == geometric.NOT_BOTH


def test_nothing_hidden_was_never_shown():
    frame = simulated_trials.hidden(0.4, 0)
    (row,) = pareidolia.pareidolia(frame[frame["hidden"] != "0"]).itertuples()
    assert np.isnan(row.false_alarms) and row.reason == pareidolia.NOTHING


@pytest.mark.parametrize(
    ("answer", "false_alarms", "reason"), [("face", 1, "always seen where it is hidden"), ("texture", 0, "never seen")]
)
def test_all_or_nothing_is_seen(answer, false_alarms, reason):
    (row,) = pareidolia.pareidolia(simulated_trials.hidden(0.4, 0).assign(response=answer)).itertuples()
    assert row.false_alarms == false_alarms and np.isnan(row.threshold) and row.reason == reason


def test_trials_without_a_right_answer_are_left_out_elsewhere(tmp_path):
    frame = simulated_trials.percepts(0.0)
    assert illusion_kind(frame) == "percepts"
    kept = with_answers(frame)
    assert set(kept["category"]) == {"duck", "rabbit"} and len(kept) == 80
    assert kept.attrs["notes"] == [
        "without a right answer, left out (120 trials of x): see observers analyze illusions"
    ]
    with pytest.raises(LogError, match="no trial here has a right answer: observers analyze illusions"):
        with_answers(frame[frame["condition"] == "0"])
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


def test_observers_without_evidence_have_answers():
    (row,) = bistability.bistability(simulated_trials.percepts(0.3)).itertuples()
    assert row.n == 120 and row.n_choices == 2 and 0 < row.share_a < 1
    assert np.isnan([row.position, row.unrelated, row.both_first]).all()
