"""The allocation pilot finds the noise levels at which differences between choices are noisiest, whatever their mean is."""

import numpy as np
import pytest
import torch
from attrs import evolve, frozen
from typer.testing import CliRunner

from cli import app
from observers.generative.allocation_pilot import MIN_DRAWS, N_BINS, binned_standard_deviations, estimate_allocation
from observers.generative.classifier import GenerativeClassifier
from observers.generative.draws import kronecker_sequence, neyman_allocation, read_allocation
from observers.generative.noising import noise
from observers.generative.options import Objective
from observers.protocol import ObserverError
from tests.unit.observers.generative import tiny_latent
from tests.unit.observers.generative.toy import Toy, with_gray_levels


@pytest.fixture
def trials(small):
    return with_gray_levels(small.trials(0))


@frozen
class Uneven(Toy):
    """A likelihood with independent noise for each choice: standard deviation 8 in the lower half of the levels, 1 above."""

    objective: Objective = Objective()

    def score(self, images, conditioning, draws):
        pairs = zip(conditioning[0], draws, strict=True)
        independent = torch.stack([noise(int(level), int(draw), (1,))[0] for level, draw in pairs])
        low = torch.tensor(self.positions(draws) < 0.5)
        return -(images[:, 0] - conditioning[0]).abs() + torch.where(low, 8.0, 1.0) * independent


def test_standard_deviations_are_those_within_a_bin():
    """Recover standard deviations of 1 to 10 in ten bins, despite trends along the levels and pairs of different size."""
    rng = np.random.default_rng(0)
    n = 6000
    u = kronecker_sequence(np.arange(n), 0)
    sd = 1.0 + (u * N_BINS).astype(int)
    scores = [size * (rng.normal(size=(2, n)) * sd + np.array([[30.0], [0.0]]) * u) for size in (1.0, 1e6, 1e-6)]
    estimate = binned_standard_deviations(scores, u)
    assert estimate / estimate.mean() == pytest.approx(np.arange(1, 11) / 5.5, rel=0.06)


def test_a_pilot_finds_the_allocation_and_what_it_saves(trials):
    observer = GenerativeClassifier(Uneven(), "uneven")
    allocation, fraction = estimate_allocation(observer, trials[:6], n_draws=400)
    assert allocation.density[:5].mean() / allocation.density[5:].mean() == pytest.approx(8, rel=0.25)
    # With the density q the variance is the mean of sd²/q: (8 + 1)²/4 instead of (8² + 1²)/2.
    assert fraction == pytest.approx((9 / 2) ** 2 / (65 / 2), rel=0.1)


def test_choices_that_do_not_differ_are_refused(trials):
    with pytest.raises(ObserverError, match="no two choices differ in any trial of the pilot"):
        binned_standard_deviations([np.ones((3, 50))], kronecker_sequence(np.arange(50), 0))
    single_choice = [evolve(trial, choices=("gray 1",)) for trial in trials[:1]]
    with pytest.raises(ObserverError, match="no two choices differ"):
        estimate_allocation(GenerativeClassifier(Uneven(), "uneven"), single_choice)


def test_infinite_scores_are_ignored():
    rng = np.random.default_rng(0)
    scores, u = rng.normal(size=(3, 200)), kronecker_sequence(np.arange(200), 0)
    with_infinite = np.vstack([scores, np.full(200, -np.inf)])
    assert binned_standard_deviations([with_infinite], u) == pytest.approx(binned_standard_deviations([scores], u))


def test_invalid_pilots_are_refused(trials, tmp_path):
    with pytest.raises(ObserverError, match="toy does not use noise levels, so draws cannot be allocated to them"):
        estimate_allocation(GenerativeClassifier(Toy(), "toy"), trials)
    with pytest.raises(ObserverError, match=f"needs at least {MIN_DRAWS} draws, got 39"):
        estimate_allocation(GenerativeClassifier(Uneven(), "uneven"), trials, n_draws=39)
    with pytest.raises(ObserverError, match="at least one trial"):
        estimate_allocation(GenerativeClassifier(Uneven(), "uneven"), [])
    uneven = Uneven(objective=Objective(allocation=tmp_path / "a.csv"))
    with pytest.raises(ObserverError, match="omit -o allocation"):
        estimate_allocation(GenerativeClassifier(uneven, "uneven"), trials)


@pytest.mark.slow
def test_the_command_line_writes_an_allocation_that_a_run_uses(tmp_path):
    weights = tiny_latent.save(tmp_path / "model", "sd1")
    observer = ["--observer", "latent:tiny", "-o", f"weights={weights}", "--device", "cpu"]
    out = tmp_path / "allocation.csv"
    estimate = ["estimate-allocation", "drawn-cue-conflict", *observer, "--limit", "2", "--draws", "40"]
    completed = CliRunner().invoke(app, [*estimate, "--out", str(out)])
    assert completed.exit_code == 0, completed.output
    assert "of the draws that an even allocation needs for the same precision" in completed.output
    allocation, _ = read_allocation(out)
    assert allocation.density.tolist() == neyman_allocation(allocation.density).density.tolist()
    assert len(allocation.density) == N_BINS
    run = ["run-experiment", "drawn-cue-conflict", *observer, "-o", f"allocation={out}", "-o", "draws=4"]
    completed = CliRunner().invoke(app, [*run, "--limit", "2", "--out", str(tmp_path / "logs"), "--quiet"])
    assert completed.exit_code == 0, completed.output
