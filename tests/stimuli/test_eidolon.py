"""Eidolons against the published algorithm, done slowly with noise that is drawn pixel by pixel."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from stimuli.eidolon import _fields, eidolon, sigmas
from tests.stimuli.photos import photo

N = 512


def slow_plane(rng, sigma):
    noise = rng.standard_normal((N, N))
    noise = np.clip(noise * 127.5 / np.abs(noise).max(), -127, 127)
    blurred = ndimage.gaussian_filter(noise, sigma, mode="wrap", truncate=5)
    return blurred - blurred.mean() / blurred.std()


def slow_fields(rng, coherence, grain):
    scales = sigmas()
    shared = [[slow_plane(rng, s) * s / 64 for s in scales] for _ in range(2)]
    for k in range(len(scales)):
        yield [
            (1 - coherence) * (slow_plane(rng, grain) if coherence < 1 else 0) + coherence * sum(axis[k:])
            for axis in shared
        ]


def slow_eidolon(image, reach, rng, coherence, grain):
    """Of an image of 256 × 256 pixels, in 0..1."""
    padded = np.pad(image @ [0.299, 0.587, 0.114], 128, mode="edge")
    blurred = [ndimage.gaussian_filter(padded, s, mode="wrap", truncate=5) for s in sigmas()]
    planes = [a - b for a, b in pairwise(blurred)] + blurred[-1:]
    rows, columns = np.indices((N, N))
    out = np.zeros((N, N))
    for plane, (down, right) in zip(planes, slow_fields(rng, coherence, grain), strict=True):
        at = [np.clip(i + reach * f, 0, N - 1).astype(int) for i, f in ((rows, down), (columns, right))]
        out += plane[at[0], at[1]]
    return np.clip(out[128:384, 128:384], 0, 1)


def spread(fields):
    """(K,) standard deviation of displacements per unit of reach."""
    return np.array([np.sqrt(np.mean([np.var(f) for f in pair])) for pair in fields])


@pytest.mark.parametrize(
    ("coherence", "finest", "coarsest"), [(0.0, 0.77, 0.77), (0.3, 0.55, 0.54), (1.0, 0.410, 0.115)]
)
def test_displacements_are_as_large_as_the_published(coherence, finest, coarsest):
    n = 16
    found = [spread(_fields(N, np.random.default_rng(seed), coherence, 10.0, False)) for seed in range(n)]
    rms = np.sqrt(np.mean(np.square(found), axis=0))
    assert rms[0] == pytest.approx(finest, rel=0.05)
    assert rms[-1] == pytest.approx(coarsest, rel=0.05)


@pytest.mark.parametrize("coherence", [0.0, 0.3, pytest.param(1.0, marks=pytest.mark.slow)])
def test_fields_are_distributed_as_slow_ones(coherence):
    """Mean, spread and smoothness at each scale."""

    def about(fields):
        return np.array(
            [
                [f.var(), np.square(np.diff(f, axis=0)).mean(), np.square(np.diff(f, axis=1)).mean()]
                for a in fields
                for f in a
            ]
        )

    fast = np.mean([about(_fields(N, np.random.default_rng(s), coherence, 10.0, False)) for s in range(16)], axis=0)
    slow = np.mean([about(slow_fields(np.random.default_rng(s), coherence, 10.0)) for s in range(3)], axis=0)
    assert fast == pytest.approx(slow, rel=0.35)
    assert np.sqrt(fast.mean(axis=0)) == pytest.approx(np.sqrt(slow.mean(axis=0)), rel=0.08)


@pytest.mark.parametrize(
    ("reach", "coherence"),
    [pytest.param(8.0, 0.0, marks=pytest.mark.slow), (16.0, 0.3), pytest.param(32.0, 1.0, marks=pytest.mark.slow)],
)
def test_images_differ_from_the_original_as_much_as_slow_ones(reach, coherence):
    image = photo(height=256, width=256)
    original = eidolon(image, 0.0, np.random.default_rng(0), coherence=coherence)
    n = 8
    fast = [eidolon(image, reach, np.random.default_rng(s), coherence=coherence) for s in range(n)]
    slow = [slow_eidolon(image, reach, np.random.default_rng(s), coherence, 10.0) for s in range(3)]
    off = [np.mean([np.square(made - original).mean() ** 0.5 for made in some]) for some in (fast, slow)]
    assert off[0] == pytest.approx(off[1], rel=0.08)


def test_without_reach_it_is_the_finest_scale():
    image = photo(height=256, width=256)
    found = eidolon(image, 0.0, np.random.default_rng(0), coherence=1.0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(N), np.fft.fftfreq(N)))
    padded = np.pad(image @ [0.299, 0.587, 0.114], 128, mode="edge")
    blurred = np.fft.ifft2(np.fft.fft2(padded) * np.exp(-2 * (np.pi * sigmas()[0] * frequency) ** 2)).real
    expected = np.floor(255 * blurred[128:384, 128:384]) / 255
    assert np.abs(found - expected).max() < 1.01 / 255
    assert (found == expected).mean() > 0.99


def test_standardized_reach_is_in_pixels():
    for coherence in (0.0, 0.5, 1.0):
        for pair in _fields(N, np.random.default_rng(1), coherence, 10.0, True):
            for field in pair:
                assert field.std() == pytest.approx(1, abs=1e-3)
                assert field.mean() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("size", [(224, 224), (137, 201), (300, 20)])
def test_the_size_stays_and_the_seed_decides(size):
    image = np.resize(photo(height=224, width=300), (*size, 3))
    made = [eidolon(image, 8.0, np.random.default_rng(seed), coherence=0.3) for seed in (1, 1, 2)]
    assert made[0].shape == size
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_an_image_of_one_gray_stays_so():
    image = np.full((64, 64, 3), 128 / 255)
    found = eidolon(image, 64.0, np.random.default_rng(0), coherence=0.0)
    assert found == pytest.approx(128 / 255, abs=1.01 / 255)
    assert Image.fromarray(np.rint(255 * found).astype(np.uint8)).getextrema()[0] >= 127
