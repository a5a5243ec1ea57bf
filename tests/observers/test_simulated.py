from pathlib import Path

import numpy as np
import pytest

from experiments.session import run
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
    assert response.evidence.sum() == pytest.approx(1)  # nothing else to choose: the rest is shared by all choices


def test_a_category_that_is_no_choice(tmp_path):
    bad = Trial(1, 1, Stimulus("x", tmp_path, "cow"), ("cat", "dog"))
    with pytest.raises(ObserverError, match="the category 'cow' of x is no choice"):
        next(Ideal().observe([bad]))


@pytest.mark.parametrize("options", [{"shape_bias": 1.2}, {"cue_rate": -0.1}])
def test_probabilities_lie_between_0_and_1(options):
    with pytest.raises(ObserverError, match="must lie between 0 and 1"):
        Biased(**options)


def test_correlated_refuses_what_cannot_be(small, tmp_path):
    log = run(small, Chance(), tmp_path)
    with pytest.raises(ObserverError, match=r"kappa can be -0\.\d+ to 0\.\d+, not 0.9"):
        next(Correlated(log, kappa=0.9, accuracy=0.5).observe(small.trials(0)))
    with pytest.raises(ObserverError, match="accuracy must lie between 0 and 1, got -1"):
        Correlated(log, accuracy=-1)
    always = run(small, Ideal(), tmp_path)
    with pytest.raises(
        ObserverError, match=r"the other observer is always right in condition '', .*kappa is undefined"
    ):
        next(Correlated(always).observe(small.trials(0)))
    other = Trial(1, 1, Stimulus("new", tmp_path, "cat"), small.choices)
    with pytest.raises(ObserverError, match="has no answer to new"):
        next(Correlated(log, kappa=0.1).observe([other]))


def test_seeds_differ_and_names_say_what_is_simulated(small):
    trials = small.trials(0)
    answers = [[r.choice for r in Chance(seed=seed).observe(trials)] for seed in (0, 0, 1)]
    assert answers[0] == answers[1] != answers[2]
    assert Biased(0.25).name == "biased-0.25"
    assert Biased(0.25, name="mine").name == "mine"


def test_those_who_share_their_luck_err_on_the_same_images():
    """In a share s² of images two of them do as one, else independently: kappa is s² for equal accuracies."""
    stimuli = [Stimulus(f"{i}.png", Path(f"{i}.png"), "cat") for i in range(4000)]
    trials = [Trial(i, 1, stimulus, ("cat", "dog", "car", "bird")) for i, stimulus in enumerate(stimuli, start=1)]

    def right(seed, shared):
        observer = Biased(cue_rate=0.7, seed=seed, shared=shared)
        return np.array([r.choice == "cat" for r in observer.observe(trials)])

    for shared in (0.0, 0.6, 1.0):
        one, other = right(1, shared), right(2, shared)
        assert one.mean() == pytest.approx(0.7, abs=0.03)
        expected = one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean())
        assert ((one == other).mean() - expected) / (1 - expected) == pytest.approx(shared**2, abs=0.05)


def probability_right(condition, tmp_path, **options):
    shown = Trial(1, 1, Stimulus("x", tmp_path, "cat", condition), ("cat", "dog", "car", "bear"))
    (response,) = Psychometric(**options).observe([shown])
    assert response.evidence.sum() == pytest.approx(1)
    return response.evidence[0]


def test_a_known_threshold(tmp_path):
    noise = {"threshold": 0.1, "width": -0.25, "lapse_rate": 0.1, "dataset": "uniform-noise"}
    assert probability_right("0.10", tmp_path, **noise) == pytest.approx(0.25 + 0.65 / 2)  # halfway
    assert probability_right("0.225", tmp_path, **noise) == pytest.approx(
        0.25 + 0.65 * 0.05
    )  # half a width on: F = .05
    assert probability_right("", tmp_path, **noise) == pytest.approx(0.9)  # not distorted: but for lapses
    filtered = {"threshold": 1.0, "width": 0.5, "lapse_rate": 0.0, "dataset": "high-pass"}
    assert probability_right("inf", tmp_path, **filtered) == pytest.approx(1)
    assert probability_right("0.4", tmp_path, **filtered) < probability_right("3", tmp_path, **filtered)
    steep = {"threshold": 0.1, "width": -1e-4, "lapse_rate": 0.0, "dataset": "uniform-noise"}
    assert probability_right("0.90", tmp_path, **steep) == pytest.approx(0.25)
