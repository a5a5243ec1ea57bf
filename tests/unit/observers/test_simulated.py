"""Simulated observers have the accuracy, shape bias, error consistency and threshold that their options say."""

from pathlib import Path

import numpy as np
import pytest

from experiments.running.session import run
from observers.protocol import ObserverError, Trial
from observers.simulated import Biased, Chance, Correlated, Ideal, Psychometric
from stimuli.stimulus import Stimulus


def trial(path, **cues):
    return Trial(1, 1, Stimulus("x", path, "cat", "", cues), ("cat", "dog", "car"))


def test_evidence_is_the_probability_of_each_choice(tmp_path):
    (response,) = Biased(shape_bias=0.75, cue_rate=0.8).observe([trial(tmp_path, shape="cat", texture="dog")])
    assert response.evidence == pytest.approx([0.6, 0.2, 0.2])
    (response,) = Biased(shape_bias=0.75, cue_rate=0.4).observe([trial(tmp_path)])
    assert response.evidence == pytest.approx([0.4, 0.3, 0.3])
    two = Trial(1, 1, Stimulus("x", tmp_path, "cat", "", {"shape": "cat", "texture": "dog"}), ("cat", "dog"))
    (response,) = Biased(shape_bias=1.0, cue_rate=0.5).observe([two])
    assert response.evidence.sum() == pytest.approx(1)  # there is no third choice, so both share the rest


def test_category_must_be_one_of_the_choices(tmp_path):
    trial_without_category = Trial(1, 1, Stimulus("x", tmp_path, "cow"), ("cat", "dog"))
    with pytest.raises(ObserverError, match="the category 'cow' of x is not one of the choices"):
        next(Ideal().observe([trial_without_category]))


@pytest.mark.parametrize("options", [{"shape_bias": 1.2}, {"cue_rate": -0.1}])
def test_probabilities_must_lie_between_0_and_1(options):
    with pytest.raises(ObserverError, match="must lie between 0 and 1"):
        Biased(**options)


def test_correlated_refuses_impossible_options(small, tmp_path):
    log = run(small, Chance(), tmp_path)
    with pytest.raises(ObserverError, match=r"kappa can be -0\.\d+ to 0\.\d+, not 0.9"):
        next(Correlated(log, kappa=0.9, accuracy=0.5).observe(small.trials(0)))
    with pytest.raises(ObserverError, match="accuracy must lie between 0 and 1, got -1"):
        Correlated(log, accuracy=-1)
    perfect = run(small, Ideal(), tmp_path)
    with pytest.raises(
        ObserverError, match=r"the recorded observer is always right in condition '', .*kappa is undefined"
    ):
        next(Correlated(perfect).observe(small.trials(0)))
    unknown = Trial(1, 1, Stimulus("new", tmp_path, "cat"), small.choices)
    with pytest.raises(ObserverError, match="does not have a response to new"):
        next(Correlated(log, kappa=0.1).observe([unknown]))


def test_responses_depend_on_the_seed_and_names_on_the_options(small):
    trials = small.trials(0)
    choices = [[r.choice for r in Chance(seed=seed).observe(trials)] for seed in (0, 0, 1)]
    assert choices[0] == choices[1] != choices[2]
    assert Biased(0.25).name == "biased-0.25"
    assert Biased(0.25, name="mine").name == "mine"


@pytest.mark.slow
def test_observers_with_shared_random_numbers_err_on_the_same_images():
    """They share random numbers on a proportion s² of the images: for equal accuracies kappa is s²."""
    stimuli = [Stimulus(f"{i}.png", Path(f"{i}.png"), "cat") for i in range(4000)]
    trials = [Trial(i, 1, stimulus, ("cat", "dog", "car", "bird")) for i, stimulus in enumerate(stimuli, start=1)]

    def is_correct(seed, shared):
        observer = Biased(cue_rate=0.7, seed=seed, shared=shared)
        return np.array([r.choice == "cat" for r in observer.observe(trials)])

    for shared in (0.0, 0.6, 1.0):
        first, second = is_correct(1, shared), is_correct(2, shared)
        assert first.mean() == pytest.approx(0.7, abs=0.03)
        expected = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
        assert ((first == second).mean() - expected) / (1 - expected) == pytest.approx(shared**2, abs=0.05)


def p_correct(condition, tmp_path, **options):
    trial = Trial(1, 1, Stimulus("x", tmp_path, "cat", condition), ("cat", "dog", "car", "bear"))
    (response,) = Psychometric(**options).observe([trial])
    assert response.evidence.sum() == pytest.approx(1)
    return response.evidence[0]


def test_psychometric_observer_has_the_threshold_of_its_options(tmp_path):
    noise = {"threshold": 0.1, "width": -0.25, "lapse_rate": 0.1, "dataset": "uniform-noise"}
    assert p_correct("0.10", tmp_path, **noise) == pytest.approx(0.25 + 0.65 / 2)  # at the threshold
    assert p_correct("0.225", tmp_path, **noise) == pytest.approx(0.25 + 0.65 * 0.05)  # half a width above: F = .05
    assert p_correct("", tmp_path, **noise) == pytest.approx(0.9)  # not distorted: correct except for lapses
    filtered = {"threshold": 1.0, "width": 0.5, "lapse_rate": 0.0, "dataset": "high-pass"}
    assert p_correct("inf", tmp_path, **filtered) == pytest.approx(1)
    assert p_correct("0.4", tmp_path, **filtered) < p_correct("3", tmp_path, **filtered)
    steep = {"threshold": 0.1, "width": -1e-4, "lapse_rate": 0.0, "dataset": "uniform-noise"}
    assert p_correct("0.90", tmp_path, **steep) == pytest.approx(0.25)
