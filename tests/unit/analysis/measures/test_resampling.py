"""Bootstrap weights, percentiles, means and p values."""

import numpy as np
import pytest

from analysis.measures.resampling import nan_mean, p_value, percentiles, resample_weights


def test_weights_count_images_in_resamples():
    weight = resample_weights(50, 200, 3)
    assert weight.shape == (50, 200) and (weight.sum(axis=0) == 50).all()
    assert np.array_equal(weight, resample_weights(50, 200, 3))
    assert not np.array_equal(weight, resample_weights(50, 200, 4))
    assert weight.mean() == pytest.approx(1) and weight.var() == pytest.approx(1 - 1 / 50, abs=0.05)
    assert resample_weights(5, 0, 0).shape == (5, 0)


def test_percentiles_exclude_undefined_values():
    values = np.array([[1.0, 2, 3, np.nan], [np.nan] * 4, [0, 10, 20, 30]])
    low, high = percentiles(values)
    assert low[0] == pytest.approx(1.05) and np.isnan(low[1]) and high[2] == pytest.approx(29.25)
    assert np.isnan(percentiles(np.empty((2, 0)))).all()


def test_mean_of_no_values_is_nan():
    assert nan_mean(np.array([[1.0, np.nan], [3.0, np.nan]]), axis=0)[0] == 2
    assert np.isnan(nan_mean(np.full((2, 2), np.nan), axis=0)).all()


def test_p_value_is_never_0_and_uniform_under_the_null():
    null = np.random.default_rng(0).normal(size=(1, 99))
    assert p_value(null, np.array([9.0]))[0] == pytest.approx(2 / 100)
    assert p_value(null, np.array([np.median(null)]))[0] == pytest.approx(1)
    assert np.isnan(p_value(null, np.array([np.nan]))[0])
    assert np.isnan(p_value(np.full((1, 5), np.nan), np.array([1.0]))[0])
    drawn = np.random.default_rng(1).normal(size=(2000, 100))
    assert np.mean(p_value(drawn[:, 1:], drawn[:, 0]) <= 0.1) == pytest.approx(0.1, abs=0.025)
