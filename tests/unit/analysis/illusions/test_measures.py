"""Measures of illusions recover what one large set of simulated trials contains."""

import numpy as np
import pytest

from analysis.illusions import bistability, geometric, pareidolia
from tests.unit.analysis.illusions import simulated_trials


def test_shifts_and_slopes_are_recovered():
    table = geometric.pse_table(simulated_trials.geometric(0.2, bias=0.05, n=200)).set_index("strength")
    assert table["pse"].to_dict() == pytest.approx({-1.0: 0.15, 0.0: -0.05, 1.0: -0.25}, abs=0.02)
    assert table["shift"][[-1.0, 1.0]].tolist() == pytest.approx([-0.2, 0.2], abs=0.02)
    assert table["slope"].tolist() == pytest.approx([30] * 3, rel=0.2)
    assert np.isnan(table["shift"][0.0])


def test_the_position_between_the_controls_is_recovered():
    """The evidence on ambiguous images lies at a known position between that on the controls."""
    frame = simulated_trials.percepts(0.0, n=60)
    rng = np.random.default_rng(1)
    support = frame["category"].map({"duck": 1.0, "rabbit": -1.0}).fillna(0.5)  # three quarters of the way to the duck
    frame["evidence_duck"] = 100 + support * 3 + rng.normal(0, 1, len(frame))
    frame["evidence_rabbit"] = 100 - support * 3 + rng.normal(0, 1, len(frame))
    (row,) = bistability.bistability(frame).itertuples()
    assert row.position_low < 0.75 < row.position_high and row.position_high - row.position_low < 0.1
    (equal,) = bistability.bistability(frame.assign(evidence_rabbit=frame["evidence_duck"])).itertuples()
    assert np.isnan([equal.position, equal.position_low, equal.position_high]).all()


def test_unrelated_choices_are_counted():
    """Both percepts have more evidence than 3 of the 4 other choices on one image, and than all 4 on the other."""
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


def test_a_threshold_and_false_alarms_are_recovered():
    (row,) = pareidolia.pareidolia(simulated_trials.hidden(0.5, 0.3, n=200)).itertuples()
    assert row.low <= 0.5 <= row.high and row.false_alarms == pytest.approx(0.3, abs=0.1)
