"""Eidolons agree in distribution with the published algorithm, which `benchmarks.published_eidolon` computes slowly."""

import numpy as np
import pytest

from benchmarks.eidolons import statistics_of, version_1
from benchmarks.published_eidolon import displacement_fields, mirror, published_eidolon
from stimuli.distort.eidolon import _displacement_fields, eidolon
from tests.unit.stimuli.distort.test_eidolon import N
from tests.unit.stimuli.photos import photo


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
    slow = np.mean(
        [statistics(displacement_fields(np.random.default_rng(s), coherence, 10.0, flattened=False)) for s in range(3)],
        axis=0,
    )
    assert fast == pytest.approx(slow, rel=0.35)
    assert np.sqrt(fast.mean(axis=0)) == pytest.approx(np.sqrt(slow.mean(axis=0)), rel=0.08)


def mean_statistics(distort, reach, n, **options):
    """Return the mean STATISTICS of n eidolons of a test image, and their difference from the image without reach."""
    image = photo(height=256, width=256)
    original = eidolon(image, 0.0, np.random.default_rng(0), coherence=1.0)
    images = [distort(image, reach, np.random.default_rng(s), **options) for s in range(n)]
    return np.mean([(*statistics_of(i), np.square(i - original).mean() ** 0.5) for i in images], axis=0)


@pytest.mark.parametrize(("reach", "coherence"), [(16.0, 1.0), (64.0, 0.3), (128.0, 0.0)])
def test_gradients_and_contrast_are_those_of_the_published_algorithm(reach, coherence):
    published = mean_statistics(published_eidolon, reach, 6, coherence=coherence, flattened=False)
    assert mean_statistics(eidolon, reach, 12, coherence=coherence) == pytest.approx(published, rel=0.05)
    if reach == 128:  # the comparison is sensitive to the pixels beyond the border
        repeated = mean_statistics(version_1, reach, 12, coherence=coherence)
        assert (repeated / published)[0] < 0.93


def test_the_published_algorithm_mirrors_the_image_at_its_border():
    image = np.arange(256 * 256.0).reshape(256, 256)
    assert np.array_equal(mirror(image), np.pad(image, 128, mode="symmetric"))
