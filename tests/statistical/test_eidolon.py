"""Eidolons agree in distribution with the published algorithm, implemented with noise that is drawn pixel by pixel."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from stimuli.distort.eidolon import _displacement_fields, eidolon, scale_sigmas
from tests.unit.stimuli.distort.test_eidolon import N
from tests.unit.stimuli.photos import photo


def slow_plane(rng, sigma):
    noise = rng.standard_normal((N, N))
    noise = np.clip(noise * 127.5 / np.abs(noise).max(), -127, 127)
    blurred = ndimage.gaussian_filter(noise, sigma, mode="wrap", truncate=5)
    return blurred - blurred.mean() / blurred.std()


def slow_fields(rng, coherence, grain):
    sigmas = scale_sigmas()
    coherent = [[slow_plane(rng, s) * s / 64 for s in sigmas] for _ in range(2)]
    for k in range(len(sigmas)):
        yield [
            (1 - coherence) * (slow_plane(rng, grain) if coherence < 1 else 0) + coherence * sum(axis[k:])
            for axis in coherent
        ]


def slow_eidolon(image, reach, rng, coherence, grain):
    """Distort an image of 256 × 256 pixels in 0..1."""
    padded = np.pad(image @ [0.299, 0.587, 0.114], 128, mode="edge")
    blurred = [ndimage.gaussian_filter(padded, s, mode="wrap", truncate=5) for s in scale_sigmas()]
    planes = [a - b for a, b in pairwise(blurred)] + blurred[-1:]
    rows, columns = np.indices((N, N))
    out = np.zeros((N, N))
    for plane, (down, right) in zip(planes, slow_fields(rng, coherence, grain), strict=True):
        positions = [np.clip(i + reach * f, 0, N - 1).astype(int) for i, f in ((rows, down), (columns, right))]
        out += plane[positions[0], positions[1]]
    return np.clip(out[128:384, 128:384], 0, 1)


def spread(fields):
    """Return the standard deviation of displacements per unit of reach, (K,)."""
    return np.array([np.sqrt(np.mean([np.var(f) for f in pair])) for pair in fields])


@pytest.mark.parametrize(
    ("coherence", "finest", "coarsest"), [(0.0, 0.77, 0.77), (0.3, 0.55, 0.54), (1.0, 0.410, 0.115)]
)
def test_displacements_are_as_large_as_the_published_ones(coherence, finest, coarsest):
    n = 16
    spreads = [
        spread(_displacement_fields(N, np.random.default_rng(seed), coherence, 10.0, False)) for seed in range(n)
    ]
    rms = np.sqrt(np.mean(np.square(spreads), axis=0))
    assert rms[0] == pytest.approx(finest, rel=0.05)
    assert rms[-1] == pytest.approx(coarsest, rel=0.05)


@pytest.mark.parametrize("coherence", [0.0, 0.3, 1.0])
def test_fields_have_the_variance_and_smoothness_of_the_published_algorithm(coherence):
    def statistics(fields):
        return np.array(
            [
                [f.var(), np.square(np.diff(f, axis=0)).mean(), np.square(np.diff(f, axis=1)).mean()]
                for a in fields
                for f in a
            ]
        )

    fast = np.mean(
        [statistics(_displacement_fields(N, np.random.default_rng(s), coherence, 10.0, False)) for s in range(16)],
        axis=0,
    )
    slow = np.mean([statistics(slow_fields(np.random.default_rng(s), coherence, 10.0)) for s in range(3)], axis=0)
    assert fast == pytest.approx(slow, rel=0.35)
    assert np.sqrt(fast.mean(axis=0)) == pytest.approx(np.sqrt(slow.mean(axis=0)), rel=0.08)


@pytest.mark.parametrize(
    ("reach", "coherence"),
    [(8.0, 0.0), (16.0, 0.3), (32.0, 1.0)],
)
def test_images_differ_from_the_original_as_much_as_with_the_published_algorithm(reach, coherence):
    image = photo(height=256, width=256)
    original = eidolon(image, 0.0, np.random.default_rng(0), coherence=coherence)
    n = 8
    fast = [eidolon(image, reach, np.random.default_rng(s), coherence=coherence) for s in range(n)]
    slow = [slow_eidolon(image, reach, np.random.default_rng(s), coherence, 10.0) for s in range(3)]
    rms = [np.mean([np.square(image - original).mean() ** 0.5 for image in images]) for images in (fast, slow)]
    assert rms[0] == pytest.approx(rms[1], rel=0.08)
