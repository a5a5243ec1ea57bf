"""Textures by plenoptic: run where the extra `textures` is installed (`make test-extras`), and refused where it is not."""

import sys

import numpy as np
import pytest
from scipy import ndimage

from stimuli.cue_conflict import CueConflictSettings, make_cue_conflict
from stimuli.distortions import gray
from stimuli.drawn import silhouette
from stimuli.errors import StimulusError, UserError
from stimuli.folder import read_folder
from stimuli.images import save_image
from tests.stimuli.photos import as_uint8

SIDE = 64


def stripes(angle, size=SIDE, period=6.0):
    """(size, size, 3): a grating with some noise, orange where it is light and blue where it is dark."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:size, :size]
    g = (
        0.5
        + 0.3 * np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
        + rng.normal(0, 0.05, (size, size))
    )
    return np.clip(g[..., None] + np.outer(g - 0.5, [0.4, 0, -0.6]).reshape(size, size, 3), 0, 1)


def cat(size=SIDE):
    """(size, size, 3): a dark cat on light gray."""
    return np.repeat((0.8 - 0.6 * silhouette("cat", size))[..., None], 3, axis=2)


def blurred(image):
    return ndimage.gaussian_filter(gray(image), 4).ravel()


def orientation(image):
    """Energy of gradients across over that along."""
    g = ndimage.gaussian_filter(gray(image), 1)
    return np.log(np.square(ndimage.sobel(g, 1)).sum() / np.square(ndimage.sobel(g, 0)).sum())


@pytest.fixture
def synthesized():
    pytest.importorskip("plenoptic", reason="plenoptic is not installed: it comes with the extra textures")
    from stimuli.texture_synthesis import synthesized

    return lambda shape, texture, **options: synthesized(shape, texture, np.random.default_rng(0), **options)


def test_the_shape_from_afar_the_texture_close_by(synthesized):
    upright, lying = (synthesized(cat(), stripes(angle), steps=60) for angle in (0, np.pi / 2))
    assert upright.shape == (SIDE, SIDE, 3)
    assert upright.min() >= 0 and upright.max() <= 1
    assert orientation(upright) > orientation(cat()) + 0.5 > orientation(cat()) - 0.5 > orientation(lying)
    for found in (upright, lying):
        assert np.corrcoef(blurred(found), blurred(cat()))[0, 1] > 0.7
    warm = np.corrcoef(gray(upright).ravel(), (upright[..., 0] - upright[..., 2]).ravel())[0, 1]
    assert warm > 0.8  # colors go with light as in the texture


def test_more_content_is_more_of_the_shape(synthesized):
    alike = [
        np.corrcoef(blurred(synthesized(cat(), stripes(0), content=content, steps=40)), blurred(cat()))[0, 1]
        for content in (0.0, 5.0, 1000.0)
    ]
    assert alike == sorted(alike)
    assert alike[2] > 0.8 > alike[0]


def test_any_size_and_flat_textures(synthesized):
    shape = np.repeat(np.linspace(0, 1, 45)[None, :, None], 30, 0).repeat(3, 2)
    for height, width in ((30, 45), (9, 45), (30, 8)):
        found = synthesized(shape[:height, :width], stripes(0)[:height, :width], steps=2)
        assert found.shape == (height, width, 3)
        assert np.isfinite(found).all()
    assert np.isfinite(synthesized(np.full_like(shape, 0.5), stripes(0)[:30, :45], steps=2)).all()
    with pytest.raises(StimulusError, match="the texture is of one gray"):
        synthesized(shape, np.full((30, 45, 3), [0.6, 0.4, 0.2]))
    with pytest.raises(UserError, match="expected a content of 0 or more and 1 step or more, got 15 and 0"):
        synthesized(shape, shape, steps=0)


def test_as_a_method_the_same_bytes_whatever_the_workers(synthesized, tmp_path):
    save_image(as_uint8(cat()), tmp_path / "shapes" / "cat" / "c.png")
    for i, category in enumerate(("clock", "oven", "boat")):
        save_image(as_uint8(stripes(i)), tmp_path / "textures" / category / f"t{i}.png")
    shapes, textures = read_folder(tmp_path / "shapes"), read_folder(tmp_path / "textures")
    mix = CueConflictSettings("plenoptic", {"steps": "3", "content": "5"}, size=SIDE)
    one, two = (
        [s.pixels().tobytes() for s in make_cue_conflict(shapes, textures, tmp_path / name, mix, workers=n).stimuli]
        for name, n in (("one", 1), ("two", 2))
    )
    assert one == two


def test_without_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "plenoptic", None)
    monkeypatch.delitem(sys.modules, "stimuli.texture_synthesis", raising=False)
    save_image(as_uint8(cat()), tmp_path / "cats" / "cat" / "c.png")
    cats = read_folder(tmp_path / "cats")
    with pytest.raises(UserError, match=r"texture synthesis comes with an extra: pip install .*\[textures\]"):
        make_cue_conflict(cats, cats, tmp_path / "set", CueConflictSettings("plenoptic"))
    assert not (tmp_path / "set").exists()
