"""Parameter recovery: simulate an observer with a known truth, run it, log it, read it, measure it, get the truth back."""

import numpy as np
import pytest

from analysis.consistency import consistency
from analysis.frame import read_trials
from analysis.shape_bias import overall, shape_bias
from benchmarks.recovery import MEASURES, rates
from experiments.session import run
from observers.simulated import Biased, Chance, Correlated


@pytest.mark.parametrize(("bias", "cue_rate"), [(0.0, 1.0), (0.25, 1.0), (0.96, 0.8), (0.5, 0.5)])
def test_shape_bias_and_cue_rate(drawn, tmp_path, bias, cue_rate):
    logs = [run(drawn, Biased(bias, cue_rate, seed=seed, name=f"o{seed}"), tmp_path) for seed in range(4)]
    table = overall(shape_bias(read_trials(logs)))
    n = 4 * 240
    spread = 4 * np.sqrt(max(bias * (1 - bias), 1e-9) / (n * cue_rate)) + 1e-12
    assert table["n_shape"].sum() / (table["n_shape"] + table["n_texture"]).sum() == pytest.approx(bias, abs=spread)
    spread = 4 * np.sqrt(max(cue_rate * (1 - cue_rate), 1e-9) / n) + 1e-12
    assert table["cue_rate"].mean() == pytest.approx(cue_rate, abs=spread)


def test_chance_is_at_chance(drawn, tmp_path):
    frame = read_trials([run(drawn, Chance(seed=seed, name=f"c{seed}"), tmp_path) for seed in range(8)])
    assert frame["correct"].mean() == pytest.approx(1 / 16, abs=4 * np.sqrt(1 / 16 * 15 / 16 / (8 * 256)))


@pytest.mark.parametrize(("kappa", "accuracy"), [(0.0, None), (0.3, None), (0.8, None), (0.3, 0.5), (-0.1, None)])
def test_kappa_with_another_log(drawn, tmp_path, kappa, accuracy):
    other = run(drawn, Biased(0.7, name="other"), tmp_path)
    logs = [run(drawn, Correlated(other, kappa, accuracy, seed=s, name=f"o{s}"), tmp_path) for s in range(12)]
    frame = read_trials([other, *logs])
    table = consistency(frame, intervals=False)
    pairs = table[(table["observer_1"] == "other") | (table["observer_2"] == "other")]
    assert len(pairs) == 12
    assert pairs["kappa"].mean() == pytest.approx(kappa, abs=4 * pairs["kappa"].std() / np.sqrt(12) + 1e-9)
    assert pairs["kappa"].std() < 0.12
    share = frame.groupby("observer")["correct"].mean()
    target = share["other"] if accuracy is None else accuracy
    assert share.drop("other").mean() == pytest.approx(target, abs=4 * np.sqrt(0.25 / (12 * 256)))


@pytest.mark.parametrize("measure", MEASURES)
def test_intervals_hold_the_truth_quickly(measure):
    """30 runs: an interval of 95 % misses at most 5 (p = .003 that it misses more), one of 70 % nearly always more."""
    assert sum(not MEASURES[measure](seed) for seed in range(1000, 1030)) <= 5


@pytest.mark.slow
def test_intervals_hold_the_truth_at_the_nominal_rate():
    """500 runs, 95 % ± 2."""
    found = {name: share for name, share, _ in rates(500)}
    assert all(0.93 <= share <= 0.97 for share in found.values()), found
