"""Texture synthesis with plenoptic, which the extra `textures` installs (`make test-extras`), and the error without it."""

import sys

import numpy as np
import pytest
from scipy import ndimage

from core.errors import StimulusError, UserError
from core.extras import MissingExtra
from stimuli.build.cue_conflict import CueConflictSettings, make_cue_conflict
from stimuli.distort.distortions import to_gray
from stimuli.draw.drawn import draw_silhouette
from stimuli.folder import read_folder
from stimuli.images import save_image
from tests.unit.stimuli.photos import as_uint8

SIDE = 64


def stripes(angle, size=SIDE, period=6.0):
    """Return a grating with some noise, (size, size, 3), that is orange where it is light and blue where it is dark."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:size, :size]
    g = (
        0.5
        + 0.3 * np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
        + rng.normal(0, 0.05, (size, size))
    )
    return np.clip(g[..., None] + np.outer(g - 0.5, [0.4, 0, -0.6]).reshape(size, size, 3), 0, 1)


def cat(size=SIDE):
    """Return a dark cat on light gray, (size, size, 3)."""
    return np.repeat((0.8 - 0.6 * draw_silhouette("cat", size))[..., None], 3, axis=2)


def blurred(image):
    return ndimage.gaussian_filter(to_gray(image), 4).ravel()


def orientation(image):
    """Return the log ratio of the energy of horizontal gradients to that of vertical gradients."""
    g = ndimage.gaussian_filter(to_gray(image), 1)
    return np.log(np.square(ndimage.sobel(g, 1)).sum() / np.square(ndimage.sobel(g, 0)).sum())


@pytest.fixture
def synthesize():
    pytest.importorskip("plenoptic", reason="plenoptic is not installed: it comes with the extra textures")
    from stimuli.distort.texture_synthesis import synthesize

    return lambda shape, texture, **options: synthesize(shape, texture, np.random.default_rng(0), **options)


def test_the_result_has_the_coarse_structure_of_the_shape_and_the_orientation_of_the_texture(synthesize):
    vertical, horizontal = (synthesize(cat(), stripes(angle), steps=60) for angle in (0, np.pi / 2))
    assert vertical.shape == (SIDE, SIDE, 3)
    assert vertical.min() >= 0 and vertical.max() <= 1
    assert orientation(vertical) > orientation(cat()) + 0.5 > orientation(cat()) - 0.5 > orientation(horizontal)
    for image in (vertical, horizontal):
        assert np.corrcoef(blurred(image), blurred(cat()))[0, 1] > 0.7
    correlation = np.corrcoef(to_gray(vertical).ravel(), (vertical[..., 0] - vertical[..., 2]).ravel())[0, 1]
    assert correlation > 0.8  # light pixels are orange, as in the texture


def test_more_content_preserves_more_of_the_shape(synthesize):
    similarities = [
        np.corrcoef(blurred(synthesize(cat(), stripes(0), content=content, steps=40)), blurred(cat()))[0, 1]
        for content in (0.0, 5.0, 1000.0)
    ]
    assert similarities == sorted(similarities)
    assert similarities[2] > 0.8 > similarities[0]


def test_images_of_any_size_are_synthesized_and_uniform_textures_are_errors(synthesize):
    shape = np.repeat(np.linspace(0, 1, 45)[None, :, None], 30, 0).repeat(3, 2)
    for height, width in ((30, 45), (9, 45), (30, 8)):
        image = synthesize(shape[:height, :width], stripes(0)[:height, :width], steps=2)
        assert image.shape == (height, width, 3)
        assert np.isfinite(image).all()
    assert np.isfinite(synthesize(np.full_like(shape, 0.5), stripes(0)[:30, :45], steps=2)).all()
    with pytest.raises(StimulusError, match="the texture is uniformly gray"):
        synthesize(shape, np.full((30, 45, 3), [0.6, 0.4, 0.2]))
    with pytest.raises(UserError, match="expected a content of 0 or more and at least 1 step, got 15 and 0"):
        synthesize(shape, shape, steps=0)


@pytest.mark.usefixtures("synthesize")
def test_the_bytes_of_a_set_do_not_depend_on_the_number_of_workers(tmp_path):
    save_image(as_uint8(cat()), tmp_path / "shapes" / "cat" / "c.png")
    for i, category in enumerate(("clock", "oven", "boat")):
        save_image(as_uint8(stripes(i)), tmp_path / "textures" / category / f"t{i}.png")
    shapes, textures = read_folder(tmp_path / "shapes"), read_folder(tmp_path / "textures")
    settings = CueConflictSettings("plenoptic", {"steps": "3", "content": "5"}, size=SIDE)
    first, second = (
        [
            s.pixels().tobytes()
            for s in make_cue_conflict(shapes, textures, tmp_path / name, settings, n_workers=n).stimuli
        ]
        for name, n in (("one", 1), ("two", 2))
    )
    assert first == second


def test_without_the_extra_the_error_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "plenoptic", None)
    monkeypatch.delitem(sys.modules, "stimuli.distort.texture_synthesis", raising=False)
    save_image(as_uint8(cat()), tmp_path / "cats" / "cat" / "c.png")
    cats = read_folder(tmp_path / "cats")
    with pytest.raises(
        MissingExtra, match=r'^cue-conflict method plenoptic needs plenoptic: .* install "observers\[textures\]"$'
    ):
        make_cue_conflict(cats, cats, tmp_path / "set", CueConflictSettings("plenoptic"))
    assert not (tmp_path / "set").exists()
