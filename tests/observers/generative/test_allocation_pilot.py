"""A pilot finds the noise levels at which choices differ most noisily, whatever the mean does along them."""

import numpy as np
import pytest
import torch
from attrs import evolve, frozen
from typer.testing import CliRunner

from cli import app
from observers.generative.allocation_pilot import MIN_DRAWS, N_BINS, estimate_allocation, binned_standard_deviations
from observers.generative.classifier import GenerativeClassifier
from observers.generative.draws import kronecker_sequence, neyman_allocation, read_allocation
from observers.generative.noising import noise
from observers.generative.options import Objective
from observers.protocol import ObserverError
from tests.observers.generative import tiny_latent
from tests.observers.generative.toy import Toy, numbered


@pytest.fixture
def trials(small):
    return numbered(small.trials(0))


@frozen
class Uneven(Toy):
    """Only in the lower half of the levels does a choice's score hold noise of its own."""

    objective: Objective = Objective()

    def score(self, images, conditions, draws):
        own = torch.stack([noise(int(c), int(d), (1,))[0] for c, d in zip(conditions[0], draws, strict=True)])
        low = torch.tensor(self.positions(draws) < 0.5)
        return -(images[:, 0] - conditions[0]).abs() + torch.where(low, 8.0, 1.0) * own


def test_spreads_are_those_within_a_bin():
    """Standard deviations 1 to 10 in ten bins, differences that rise along the levels, pairs of very different size."""
    rng = np.random.default_rng(0)
    n = 6000
    u = kronecker_sequence(np.arange(n), 0)
    sd = 1.0 + (u * N_BINS).astype(int)
    scores = [size * (rng.normal(size=(2, n)) * sd + np.array([[30.0], [0.0]]) * u) for size in (1.0, 1e6, 1e-6)]
    found = binned_standard_deviations(scores, u)
    assert found / found.mean() == pytest.approx(np.arange(1, 11) / 5.5, rel=0.06)


def test_a_pilot_and_what_it_saves(trials):
    observer = GenerativeClassifier(Uneven(), "uneven")
    found, share = estimate_allocation(observer, trials[:6], n_draws=400)
    assert found.density[:5].mean() / found.density[5:].mean() == pytest.approx(8, rel=0.25)
    # Variance with density q is the mean of sd²/q: (8 + 1)²/4 after (8² + 1²)/2.
    assert share == pytest.approx((9 / 2) ** 2 / (65 / 2), rel=0.1)


def test_choices_that_do_not_differ(trials):
    with pytest.raises(ObserverError, match="no two choices differ in any trial of the pilot"):
        binned_standard_deviations([np.ones((3, 50))], kronecker_sequence(np.arange(50), 0))
    one = [evolve(trial, choices=("gray 1",)) for trial in trials[:1]]
    with pytest.raises(ObserverError, match="no two choices differ"):
        estimate_allocation(GenerativeClassifier(Uneven(), "uneven"), one)


def test_a_score_without_likelihood_counts_for_nothing():
    rng = np.random.default_rng(0)
    scores, u = rng.normal(size=(3, 200)), kronecker_sequence(np.arange(200), 0)
    assert binned_standard_deviations([np.vstack([scores, np.full(200, -np.inf)])], u) == pytest.approx(binned_standard_deviations([scores], u))


def test_what_cannot_be_estimated(trials, tmp_path):
    with pytest.raises(ObserverError, match="toy has no noise levels to allocate draws to"):
        estimate_allocation(GenerativeClassifier(Toy(), "toy"), trials)
    with pytest.raises(ObserverError, match=f"takes {MIN_DRAWS} draws at least, got 39"):
        estimate_allocation(GenerativeClassifier(Uneven(), "uneven"), trials, n_draws=39)
    with pytest.raises(ObserverError, match="one trial at least"):
        estimate_allocation(GenerativeClassifier(Uneven(), "uneven"), [])
    uneven = Uneven(objective=Objective(allocation=tmp_path / "a.csv"))
    with pytest.raises(ObserverError, match="leave out -o allocation"):
        estimate_allocation(GenerativeClassifier(uneven, "uneven"), trials)


def test_by_the_command_line(tmp_path):
    weights = tiny_latent.save(tmp_path / "model", "sd1")
    who = ["--observer", "latent:tiny", "-o", f"weights={weights}", "--device", "cpu"]
    out = tmp_path / "allocation.csv"
    done = CliRunner().invoke(
        app, ["estimate-allocation", "drawn-cue-conflict", *who, "--limit", "2", "--draws", "40", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "of the draws are as precise as evenly allocated draws" in done.output
    again, _ = read_allocation(out)
    assert again.density.tolist() == neyman_allocation(again.density).density.tolist()
    assert len(again.density) == N_BINS
    run = ["run-experiment", "drawn-cue-conflict", *who, "-o", f"allocation={out}", "-o", "draws=4", "--limit", "2"]
    done = CliRunner().invoke(app, [*run, "--out", str(tmp_path / "logs"), "--quiet"])
    assert done.exit_code == 0, done.output
