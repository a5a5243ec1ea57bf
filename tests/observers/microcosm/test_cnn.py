"""The baselines of the microcosm: trained by their script, loaded as any classifier of transformers."""

import numpy as np
import pytest

from observers.microcosm import cnn
from observers.noise_training import ClassifierTrainingSettings
from observers.protocol import Trial
from observers.registry import make_observer
from stimuli.categories import CATEGORIES
from stimuli.images import save_image
from stimuli.stimulus import Stimulus
from tests.observers.microcosm.conftest import drawn


def test_pictures_are_moved_and_mirrored_anew_in_every_epoch(pictures):
    moved = cnn.ShiftedImages(pictures, 3)
    one, label = moved[5]
    assert (one.shape, one.dtype, label) == ((3, 64, 64), one.float().dtype, 5)
    assert -1 <= float(one.min()) < float(one.max()) <= 1
    assert (one == moved[5][0]).all()
    moved.epoch = 1
    assert (one != moved[5][0]).any()


@pytest.mark.slow
def test_a_trained_one_is_loaded_and_answers(tmp_path):
    """From scratch to 80 % and more of new pictures of the same shapes, in about a minute."""
    out = tmp_path / "cnn"
    cnn.train_cnn(drawn(3200, 3), out, tmp_path / "work", print, ClassifierTrainingSettings(epochs=4, seed=1))
    observer = make_observer("hf:microcosm-cnn", {"weights": str(out), "device": "cpu"})
    trials, new = [], drawn(160, 9)
    for i, (picture, label) in enumerate(zip(new.pixels, new.labels, strict=True)):
        save_image(picture, tmp_path / f"{i}.png")
        trials.append(Trial(i, 1, Stimulus(f"{i}.png", tmp_path / f"{i}.png", CATEGORIES[int(label)]), CATEGORIES))
    responses = list(observer.observe(trials))
    assert all(r.evidence.shape == (16,) and r.evidence.sum() == pytest.approx(1) for r in responses)
    assert np.mean([r.choice == t.stimulus.category for r, t in zip(responses, trials, strict=True)]) > 0.8
