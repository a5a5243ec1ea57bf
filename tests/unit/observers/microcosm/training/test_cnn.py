"""The baselines of the microcosm are trained by their script and loaded like any classifier of transformers."""

import numpy as np
import pytest

from observers.microcosm.training import cnn
from observers.protocol import Trial
from observers.registry import make_observer
from observers.training.noise_training import ClassifierTrainingSettings
from stimuli.categories import CATEGORIES
from stimuli.images import save_image
from stimuli.stimulus import Stimulus
from tests.unit.observers.microcosm.conftest import draw_images


def test_images_are_shifted_and_mirrored_differently_in_every_epoch(images):
    shifted = cnn.ShiftedImages(images, 3)
    image, label = shifted[5]
    assert (image.shape, image.dtype, label) == ((3, 64, 64), image.float().dtype, 5)
    assert -1 <= float(image.min()) < float(image.max()) <= 1
    assert (image == shifted[5][0]).all()
    shifted.epoch = 1
    assert (image != shifted[5][0]).any()


@pytest.mark.slow
def test_a_trained_network_recognizes_new_images(tmp_path):
    """Training from scratch reaches more than 80 % on new images of the same shapes, in about a minute."""
    out = tmp_path / "cnn"
    cnn.train_cnn(draw_images(3200, 3), out, tmp_path / "work", print, ClassifierTrainingSettings(epochs=4, seed=1))
    observer = make_observer("hf:microcosm-cnn", {"weights": str(out), "device": "cpu"})
    trials, new_images = [], draw_images(160, 9)
    for i, (pixels, label) in enumerate(zip(new_images.pixels, new_images.labels, strict=True)):
        save_image(pixels, tmp_path / f"{i}.png")
        trials.append(Trial(i, 1, Stimulus(f"{i}.png", tmp_path / f"{i}.png", CATEGORIES[int(label)]), CATEGORIES))
    responses = list(observer.observe(trials))
    assert all(r.evidence.shape == (16,) and r.evidence.sum() == pytest.approx(1) for r in responses)
    assert np.mean([r.choice == t.stimulus.category for r, t in zip(responses, trials, strict=True)]) > 0.8
