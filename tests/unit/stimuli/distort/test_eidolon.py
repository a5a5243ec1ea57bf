"""Eidolons: their size, their scaling, and how an image is continued at its border."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats

from stimuli.distort.eidolon import _displacement_fields, eidolon, scale_sigmas
from tests.unit.stimuli.photos import photo

N = 512


def test_an_eidolon_without_reach_is_the_image_at_the_finest_scale():
    image = photo(height=256, width=256)
    distorted = eidolon(image, 0.0, np.random.default_rng(0), coherence=1.0)
    padded = np.pad(image @ [0.299, 0.587, 0.114], 128, mode="symmetric")
    gaussian = stats.norm.pdf(np.arange(-8, 9), scale=scale_sigmas()[0])
    blurred = ndimage.convolve1d(ndimage.convolve1d(padded, gaussian, axis=0), gaussian, axis=1)
    expected = np.floor(255 * blurred[128:384, 128:384]) / 255
    assert np.abs(distorted - expected).max() < 1.01 / 255
    assert (distorted == expected).mean() > 0.99


def test_standardized_reach_is_in_pixels():
    for coherence in (0.0, 0.5, 1.0):
        for pair in _displacement_fields(N, np.random.default_rng(1), coherence, 10.0, True):
            for field in pair:
                assert field.std() == pytest.approx(1, abs=1e-3)
                assert field.mean() == pytest.approx(0, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(224, 224), (137, 201), (300, 20)])
def test_the_result_has_the_size_of_the_image_and_depends_on_the_seed(size):
    image = np.resize(photo(height=224, width=300), (*size, 3))
    first, again, other = (eidolon(image, 8.0, np.random.default_rng(seed), coherence=0.3) for seed in (1, 1, 2))
    assert first.shape == size
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_uniform_gray_image_does_not_change():
    image = np.full((64, 64, 3), 128 / 255)
    distorted = eidolon(image, 64.0, np.random.default_rng(0), coherence=0.0)
    assert distorted == pytest.approx(128 / 255, abs=1.01 / 255)
    assert Image.fromarray(np.rint(255 * distorted).astype(np.uint8)).getextrema()[0] >= 127


def test_the_image_is_mirrored_at_its_border():
    """A displacement beyond the border shows the mirrored image; repeated border pixels would be a uniform gray."""
    stripes = np.zeros((256, 256, 3))
    stripes[:, 16:] = (np.arange(240) % 32 < 16)[None, :, None]  # the border itself is black
    images = [eidolon(stripes, 300.0, np.random.default_rng(s), coherence=0.0, grain=60.0) for s in range(4)]
    assert np.mean(images) == pytest.approx(stripes.mean(), abs=0.05)
