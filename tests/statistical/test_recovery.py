"""Parameter recovery: simulated observers with known parameters are run and logged, and the measures recover them."""

import numpy as np
import pytest

from analysis.io.frame import read_trials
from analysis.kappa.consistency import error_consistency
from analysis.measures.shape_bias import overall_shape_bias, shape_bias
from benchmarks.recovery import MEASURES, coverage_rates
from experiments.running.session import run
from observers.simulated import Biased, Chance, Correlated


@pytest.mark.parametrize(("bias", "cue_rate"), [(0.0, 1.0), (0.25, 1.0), (0.96, 0.8), (0.5, 0.5)])
def test_shape_bias_and_cue_rate(drawn, tmp_path, bias, cue_rate):
    logs = [run(drawn, Biased(bias, cue_rate, seed=seed, name=f"o{seed}"), tmp_path) for seed in range(4)]
    table = overall_shape_bias(shape_bias(read_trials(logs)))
    n = 4 * 240
    tolerance = 4 * np.sqrt(max(bias * (1 - bias), 1e-9) / (n * cue_rate)) + 1e-12
    assert table["n_shape"].sum() / (table["n_shape"] + table["n_texture"]).sum() == pytest.approx(bias, abs=tolerance)
    tolerance = 4 * np.sqrt(max(cue_rate * (1 - cue_rate), 1e-9) / n) + 1e-12
    assert table["cue_rate"].mean() == pytest.approx(cue_rate, abs=tolerance)


def test_random_responses_are_at_chance(drawn, tmp_path):
    frame = read_trials([run(drawn, Chance(seed=seed, name=f"c{seed}"), tmp_path) for seed in range(8)])
    assert frame["correct"].mean() == pytest.approx(1 / 16, abs=4 * np.sqrt(1 / 16 * 15 / 16 / (8 * 256)))


@pytest.mark.parametrize(("kappa", "accuracy"), [(0.0, None), (0.3, None), (0.8, None), (0.3, 0.5), (-0.1, None)])
def test_kappa_and_accuracy_of_correlated_observers(drawn, tmp_path, kappa, accuracy):
    other = run(drawn, Biased(0.7, name="other"), tmp_path)
    logs = [run(drawn, Correlated(other, kappa, accuracy, seed=s, name=f"o{s}"), tmp_path) for s in range(12)]
    frame = read_trials([other, *logs])
    table = error_consistency(frame, intervals=False)
    pairs = table[(table["observer_1"] == "other") | (table["observer_2"] == "other")]
    assert len(pairs) == 12
    assert pairs["kappa"].mean() == pytest.approx(kappa, abs=4 * pairs["kappa"].std() / np.sqrt(12) + 1e-9)
    assert pairs["kappa"].std() < 0.12
    accuracies = frame.groupby("observer")["correct"].mean()
    target = accuracies["other"] if accuracy is None else accuracy
    assert accuracies.drop("other").mean() == pytest.approx(target, abs=4 * np.sqrt(0.25 / (12 * 256)))


@pytest.mark.parametrize("measure", MEASURES)
def test_intervals_contain_the_true_value_in_30_runs(measure):
    """95 % intervals miss in at most 5 runs (p = .003 that they miss in more), 70 % intervals almost always in more."""
    assert sum(not MEASURES[measure](seed) for seed in range(1000, 1030)) <= 5


def test_intervals_have_their_nominal_coverage():
    """In 500 runs, 93 to 97 % of the 95 % intervals contain the true value."""
    coverage = {name: share for name, share, _ in coverage_rates(500)}
    assert all(0.93 <= share <= 0.97 for share in coverage.values()), coverage
