"""The baselines of the microcosm: trained by their script, loaded as any classifier of transformers."""

import numpy as np
import pytest

from observers.microcosm import cnn
from observers.protocol import Trial
from observers.registry import make_observer
from stimuli import microcosm
from stimuli.categories import CATEGORIES
from stimuli.images import save_image
from stimuli.stimulus import Stimulus


@pytest.fixture
def drawn(monkeypatch):
    """Pictures of the shapes that are shown stand in for those of training shapes, which have to be fetched."""

    def pool(n, seed, *, icons=None):
        rng, shapes = np.random.default_rng(seed), microcosm.exemplars()
        labels = np.arange(n) % 16
        return np.stack([microcosm.draw(shapes[CATEGORIES[k]][0], CATEGORIES[k], rng) for k in labels]), labels

    monkeypatch.setattr(cnn, "pool", pool)
    return pool


def test_pictures_are_moved_and_mirrored_anew_in_every_epoch(drawn):
    pictures = cnn.PoolPictures(20, 3)
    one, label = pictures[5]
    assert (one.shape, one.dtype, label) == ((3, 64, 64), one.float().dtype, 5)
    assert -1 <= float(one.min()) < float(one.max()) <= 1
    assert (one == pictures[5][0]).all()
    pictures.epoch = 1
    assert (one != pictures[5][0]).any()


@pytest.mark.slow
def test_a_trained_one_is_loaded_and_answers(drawn, tmp_path):
    cnn.train_cnn("microcosm-cnn", tmp_path / "cnn", n_pictures=3200, epochs=4)
    observer = make_observer("hf:microcosm-cnn", {"weights": str(tmp_path / "cnn"), "device": "cpu"})
    trials = []
    for i, (picture, label) in enumerate(zip(*drawn(160, 9), strict=True)):
        save_image(picture, tmp_path / f"{i}.png")
        trials.append(Trial(i, 1, Stimulus(f"{i}.png", tmp_path / f"{i}.png", CATEGORIES[label]), CATEGORIES))
    responses = list(observer.observe(trials))
    assert all(r.evidence.shape == (16,) and r.evidence.sum() == pytest.approx(1) for r in responses)
    assert np.mean([r.choice == t.stimulus.category for r, t in zip(responses, trials, strict=True)]) > 0.8
