"""The pool of training images is drawn once, and depends on the seed and on the shapes."""

import os

import numpy as np
import pytest

from observers.microcosm.training import training_pool
from observers.microcosm.training.training_pool import load_training_pool
from stimuli.categories import CATEGORIES
from stimuli.draw import microcosm


@pytest.fixture
def shapes(monkeypatch, tmp_path):
    """Use the shapes of the experiments instead of those of an archive: the first of each category for training."""
    monkeypatch.setenv("OBSERVERS_CACHE", str(tmp_path))
    all_shapes = microcosm.exemplars().values()
    parts = [group[0] for group in all_shapes], [group[1] for group in all_shapes]
    monkeypatch.setattr(training_pool, "load_training_shapes", lambda icons: parts)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(training_pool, "CHUNK", 20)


@pytest.mark.usefixtures("shapes")
def test_the_pool_is_drawn_once(tmp_path, monkeypatch):
    images, labels, pool_id = load_training_pool(34, 5)
    assert (images.shape, images.dtype) == ((34, 64, 64, 3), np.uint8)
    assert labels.tolist() == [i % len(CATEGORIES) for i in range(34)]
    assert all(image.std() > 0 for image in images)
    monkeypatch.setattr(training_pool, "map_jobs", None)  # nothing is drawn again
    again, _, same_id = load_training_pool(34, 5)
    assert same_id == pool_id and np.array_equal(again, images)
    assert [path.name for path in tmp_path.glob("*.npy")] == [f"{pool_id}.npy"]


@pytest.mark.usefixtures("shapes")
def test_other_seeds_and_shapes_give_other_images():
    images, _, pool_id = load_training_pool(16, 5)
    for options in ({"seed": 6}, {"seed": 5, "validation": True}):
        other, _, other_id = load_training_pool(16, **options)
        assert other_id != pool_id and not np.array_equal(other, images)


@pytest.mark.usefixtures("shapes")
def test_the_agreement_is_the_share_of_objects_with_the_texture_of_their_category(monkeypatch):
    drawn, original = [], microcosm.draw_image

    def draw_image(shape, texture, rng):
        drawn.append((shape.category, texture))
        return (
            np.zeros((microcosm.SIZE, microcosm.SIZE, 3), np.uint8)
            if len(drawn) > 40
            else original(shape, texture, rng)
        )

    monkeypatch.setattr(microcosm, "draw_image", draw_image)
    ids = set()
    for agreement in (1.0, 0.75, 0.5):
        drawn.clear()
        ids.add(load_training_pool(1600, 5, agreement=agreement)[2])
        share = np.mean([shape == texture for shape, texture in drawn])
        assert share == pytest.approx(agreement, abs=0.05)
        assert len({pair for pair in drawn if pair[0] != pair[1]}) == (
            0 if agreement == 1 else pytest.approx(240, abs=60)
        )
    assert len(ids) == 3 and load_training_pool(1600, 5)[2] in ids
