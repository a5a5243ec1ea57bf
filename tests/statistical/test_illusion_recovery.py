"""Parameter recovery: the measures recover the known effects of simulated observers within their intervals."""

import numpy as np
import pytest

from analysis.illusions import bistability, geometric, pareidolia
from analysis.illusions.summary import illusion_table
from analysis.io.frame import read_trials
from experiments.running.session import run
from experiments.sets.registry import make_experiment
from observers.fooled import Fooled
from tests.unit.analysis.illusions import simulated_trials


def n_misses(estimates, truth):
    """Count the intervals that do not contain the true value; 95 % intervals of n runs are expected to miss n / 20 times.

    Each estimate is a tuple of value, lower end and upper end.
    """
    return sum(not (low <= truth <= high) for _, low, high in estimates)


def estimate_effect(**options):
    """Return the effect of simulated geometric trials with its interval."""
    (row,) = geometric.effects(geometric.pse_table(simulated_trials.geometric(**options))).to_dict("records")
    return row["effect"], row["low"], row["high"]


@pytest.mark.parametrize(("effect", "bias"), [(0.0, 0.0), (0.15, 0.0), (0.15, 0.08), (-0.1, 0.0)])
def test_effects_are_recovered_in_spite_of_response_bias(effect, bias):
    """The probability of five or more misses in 20 runs is .003."""
    estimates = [estimate_effect(effect=effect, bias=bias, seed=seed) for seed in range(20)]
    assert n_misses(estimates, effect) <= 4
    assert np.mean([value for value, _, _ in estimates]) == pytest.approx(effect, abs=0.012)


@pytest.mark.parametrize(("threshold", "false_alarms"), [(0.4, 0.0), (0.5, 0.3)])
def test_thresholds_and_false_alarms_are_recovered(threshold, false_alarms):
    """The probability of three or more misses in five runs is .001."""
    rows = [pareidolia.pareidolia(simulated_trials.hidden(threshold, false_alarms, seed=s)).iloc[0] for s in range(5)]
    assert n_misses([(r.threshold, r.low, r.high) for r in rows], threshold) <= 2
    rates = [(r.false_alarms, r.false_alarms_low, r.false_alarms_high) for r in rows]
    assert n_misses(rates, false_alarms) <= 2


@pytest.mark.parametrize(("bias", "turns", "truth"), [(0.0, False, 0.0), (0.2, False, -0.2), (35.0, True, 35.0)])
def test_points_of_equality_of_percepts_are_recovered(bias, turns, truth):
    estimates = []
    for seed in range(20):
        (row,) = bistability.pse_table(
            bistability.curves(simulated_trials.percepts(bias, turns=turns, seed=seed))
        ).itertuples()
        estimates.append((row.pse, row.low, row.high))
    assert n_misses(estimates, truth) <= 4


def test_fooled_observers_are_recovered_from_whole_sessions(tmp_path):
    """Four observers with an effect and four without it take the experiments; their logs are read and analyzed."""
    truth = {"muller-lyer": 0.004 * 40, "ponzo": 0.004 * 25}
    for name in (*truth, "duck-rabbit", "pareidolia"):
        for effect, group in ((0.004, "fooled"), (0.0, "unfooled")):
            for seed in range(4):
                observer = Fooled(effect=effect, slope=20, seed=seed, name=f"{group}-{seed}")
                run(make_experiment(name), observer, tmp_path)
    table = illusion_table(read_trials([tmp_path], ambiguous=True), n_resamples=20)
    table["group"] = table["observer"].str.split("-").str[0]
    for name, effect in truth.items():
        rows = table[table["dataset"] == name]
        for group, expected in (("fooled", effect), ("unfooled", 0.0)):
            estimates = rows[rows["group"] == group]
            assert estimates["value"].mean() == pytest.approx(expected, abs=0.03)
            assert n_misses(estimates[["value", "low", "high"]].to_numpy(), expected) <= 1
    for name, measure, expected in (("duck-rabbit", "PSE along the turn", 45), ("pareidolia", "threshold", 0.4)):
        estimates = table[(table["dataset"] == name) & (table["measure"] == measure)]
        assert len(estimates) == 8 and n_misses(estimates[["value", "low", "high"]].to_numpy(), expected) <= 2
