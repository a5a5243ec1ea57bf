"""Sizes of units of work."""

import pytest

from experiments.running.planning import FIRST_TRIALS, MAX_TRIALS, TARGET_SECONDS, is_near_end, unit_size


def test_units_take_about_two_minutes_when_the_time_per_trial_is_known():
    assert unit_size(100_000, 4, None) == FIRST_TRIALS
    assert unit_size(100_000, 4, 2.0) == TARGET_SECONDS / 2
    assert unit_size(100_000, 4, 60.0) == 2
    assert unit_size(100_000, 4, 1000.0) == 1
    assert unit_size(10**9, 4, 0.0) == MAX_TRIALS


@pytest.mark.parametrize(("seconds", "first", "last"), [(0.1, 250, 1), (5.0, 24, 1), (200.0, 1, 1)])
def test_units_become_smaller_towards_the_end(seconds, first, last):
    sizes, remaining = [], 3000
    while remaining:
        sizes.append(unit_size(remaining, 4, seconds))
        remaining -= sizes[-1]
    assert sizes[0] == first and sizes == sorted(sizes, reverse=True)
    assert min(sizes[:-1]) == last and sum(sizes) == 3000


@pytest.mark.parametrize("seconds", [None, 0.01, 0.5])
def test_units_are_multiples_of_a_batch(seconds):
    assert unit_size(10_000, 2, seconds, 12) % 12 == 0
    assert unit_size(10_000, 2, seconds, 32) % 32 == 0
    assert unit_size(5, 2, seconds, 32) == 5


def test_a_slow_observer_does_not_wait_for_a_whole_batch():
    assert unit_size(10_000, 2, 30.0, 32) == 4
    assert unit_size(10_000, 2, None, 1000) == 64


def test_every_unit_has_a_trial():
    for n_remaining in (1, 2, 17, 1000):
        for n_workers in (1, 3, 100):
            for seconds in (None, 1e-6, 1.0, 1e6):
                assert 1 <= unit_size(n_remaining, n_workers, seconds, 7) <= n_remaining


def test_a_short_session_is_divided_among_all_workers():
    assert unit_size(224, 2, 0.03) == 112
    assert unit_size(224, 1, 0.03) == 224
    assert unit_size(24, 8, None) == 1


def test_near_the_end_units_are_smaller_than_the_target():
    whole = unit_size(10**6, 4, 5.0)
    for n_remaining in range(1, 400):
        assert is_near_end(n_remaining, 4, 5.0) == (n_remaining < 3 * 4 * whole)
        if not is_near_end(n_remaining, 4, 5.0):
            assert unit_size(n_remaining, 4, 5.0) == whole
    assert not is_near_end(1, 4, None)
