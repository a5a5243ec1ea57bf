"""Observers with a known bias are recovered by every measure within its interval; those without one show no illusion."""

import numpy as np
import pytest

from analysis.frame import read_trials
from analysis.illusions import bistability, geometric, pareidolia
from analysis.illusions.summary import illusions
from experiments.registry import make_experiment
from experiments.session import run
from observers.fooled import Fooled
from tests.analysis.illusions import simulated_trials


def misses(measured, truth):
    """How many of (value, low, high) do not hold the truth; 95 % intervals of n runs miss n / 20."""
    return sum(not (low <= truth <= high) for _, low, high in measured)


def effect_of(**given):
    (row,) = geometric.effects(geometric.pse_table(simulated_trials.geometric(**given))).to_dict("records")
    return row["effect"], row["low"], row["high"]


@pytest.mark.parametrize(("effect", "lean"), [(0.0, 0.0), (0.15, 0.0), (0.15, 0.08), (-0.1, 0.0)])
def test_effects(effect, lean):
    """A leaning to one answer falls out of it. Of 20 runs five or more miss with p = .003."""
    found = [effect_of(effect=effect, lean=lean, seed=seed) for seed in range(20)]
    assert misses(found, effect) <= 4
    assert np.mean([value for value, _, _ in found]) == pytest.approx(effect, abs=0.012)


def test_shifts_and_slopes():
    table = geometric.pse_table(simulated_trials.geometric(0.2, lean=0.05, n=200)).set_index("strength")
    assert table["pse"].to_dict() == pytest.approx({-1.0: 0.15, 0.0: -0.05, 1.0: -0.25}, abs=0.02)
    assert table["shift"][[-1.0, 1.0]].tolist() == pytest.approx([-0.2, 0.2], abs=0.02)
    assert table["slope"].tolist() == pytest.approx([30] * 3, rel=0.2)
    assert np.isnan(table["shift"][0.0])


@pytest.mark.parametrize(("threshold", "false_alarms"), [(0.4, 0.0), (0.5, 0.3)])
def test_hidden_faces(threshold, false_alarms):
    """Of 5 runs three or more miss with p = .001."""
    found = [pareidolia.pareidolia(simulated_trials.hidden(threshold, false_alarms, seed=s)).iloc[0] for s in range(5)]
    assert misses([(r.threshold, r.low, r.high) for r in found], threshold) <= 2
    spans = [(r.false_alarms, r.false_alarms_low, r.false_alarms_high) for r in found]
    assert misses(spans, false_alarms) <= 2


@pytest.mark.parametrize(("lean", "turns", "truth"), [(0.0, False, 0.0), (0.2, False, -0.2), (35.0, True, 35.0)])
def test_percepts(lean, turns, truth):
    found = []
    for seed in range(20):
        (row,) = bistability.pse_table(
            bistability.curves(simulated_trials.percepts(lean, turns=turns, seed=seed))
        ).itertuples()
        found.append((row.pse, row.low, row.high))
    assert misses(found, truth) <= 4


def test_position():
    """Evidence that lies between the controls by a known share."""
    frame = simulated_trials.percepts(0.0, n=60)
    rng = np.random.default_rng(1)
    at = frame["category"].map({"duck": 1.0, "rabbit": -1.0}).fillna(0.5)  # three quarters of the way to a duck
    frame["evidence_duck"] = 100 + at * 3 + rng.normal(0, 1, len(frame))
    frame["evidence_rabbit"] = 100 - at * 3 + rng.normal(0, 1, len(frame))
    (row,) = bistability.bistability(frame).itertuples()
    assert row.position_low < 0.75 < row.position_high and row.position_high - row.position_low < 0.1
    (flat,) = bistability.bistability(frame.assign(evidence_rabbit=frame["evidence_duck"])).itertuples()
    assert np.isnan([flat.position, flat.position_low, flat.position_high]).all()


def test_unrelated_choices_by_hand():
    """Both percepts above 3 of the 4 other choices on one image, first on the other."""
    frame = simulated_trials.percepts(0.0, n=1).iloc[1:3].reset_index(drop=True)
    assert set(frame["category"]) == {"(ambiguous)"}
    for name, values in {
        "duck": (5, 5),
        "rabbit": (3, 9),
        "cat": (4, 1),
        "car": (1, 1),
        "dog": (1, 2),
        "cow": (1, 3),
    }.items():
        frame[f"evidence_{name}"] = np.array(values, float)
    (row,) = bistability.bistability(frame).itertuples()
    assert (row.both_first, row.unrelated, row.n_choices) == (0.5, (3 / 4 + 1) / 2, 6)


@pytest.mark.slow
def test_fooled_observers_from_pictures_to_numbers(tmp_path):
    """Through the experiments, the session and the log, four observers of each making; unfooled, no illusion."""
    truth = {"muller-lyer": 0.004 * 40, "ponzo": 0.004 * 25}
    for name in (*truth, "duck-rabbit", "pareidolia"):
        for effect, who in ((0.004, "fooled"), (0.0, "unfooled")):
            for seed in range(4):
                one = Fooled(effect=effect, slope=20, seed=seed, name=f"{who}-{seed}")
                run(make_experiment(name), one, tmp_path)
    table = illusions(read_trials([tmp_path], ambiguous=True), n_resamples=20)
    table["who"] = table["observer"].str.split("-").str[0]
    for name, effect in truth.items():
        of = table[table["dataset"] == name]
        for who, expected in (("fooled", effect), ("unfooled", 0.0)):
            found = of[of["who"] == who]
            assert found["value"].mean() == pytest.approx(expected, abs=0.03)
            assert misses(found[["value", "low", "high"]].to_numpy(), expected) <= 1
    for name, measure, expected in (("duck-rabbit", "PSE along the turn", 45), ("pareidolia", "threshold", 0.4)):
        found = table[(table["dataset"] == name) & (table["measure"] == measure)]
        assert len(found) == 8 and misses(found[["value", "low", "high"]].to_numpy(), expected) <= 2
