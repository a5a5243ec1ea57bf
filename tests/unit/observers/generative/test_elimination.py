"""The level of the tests of a race: the error rate over all rounds, and the rounds themselves."""

import numpy as np
import pytest
from scipy.special import ndtri

from observers.generative.elimination import level_of_rounds, rounds_of


def share_of_errors(rounds, level, drift=0.0, n_walks=40_000):
    """Simulate random walks and return how often one that leaves the bounds ends on the other side of 0."""
    draws, rng = rounds[-1], np.random.default_rng(0)
    sums = np.cumsum(rng.normal(drift, 1, (n_walks, draws)), axis=1)
    tested = np.array([n for n in rounds[:-1] if n > 1])
    outside = np.abs(sums[:, tested - 1]) > -ndtri(level) * np.sqrt(tested * (1 - tested / draws))
    first = sums[np.arange(n_walks), tested[outside.argmax(axis=1)] - 1]
    return (outside.any(axis=1) & (np.sign(first) != np.sign(sums[:, -1]))).mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("draws", "min_draws", "error_rate"), [(64, 4, 0.05), (64, 4, 0.01), (200, 10, 0.1), (9, 2, 0.05)]
)
def test_the_level_gives_the_error_rate_over_all_rounds(draws, min_draws, error_rate):
    rounds = rounds_of(draws, min_draws)
    level = level_of_rounds(rounds, error_rate)
    assert share_of_errors(rounds, level) == pytest.approx(error_rate, abs=4 * (error_rate / 40_000) ** 0.5)
    assert share_of_errors(rounds, level, drift=0.2 / draws**0.5) < 1.1 * error_rate
    assert share_of_errors(rounds, level, drift=2 / draws**0.5) < error_rate / 2


def test_one_test_has_the_error_rate_of_two_correlated_sums():
    """Choosing the leader after n of T draws is wrong with the probability arccos(√(n / T)) / π (Sheppard 1899)."""
    error_rate = np.arccos(np.sqrt(40 / 50)) / np.pi
    assert level_of_rounds((40, 50), error_rate + 1e-6) == 0.5
    assert 0.4 < level_of_rounds((40, 50), error_rate - 0.001) < 0.5


def test_without_a_test_there_is_no_bound_on_the_level():
    assert level_of_rounds((1,), 0.05) == level_of_rounds((4,), 0.05) == level_of_rounds((1, 2), 0.05) == 0.5


def test_more_rounds_and_lower_error_rates_have_lower_levels():
    levels = [level_of_rounds(rounds_of(draws, 4), 0.05) for draws in (16, 64, 500, 100_000)]
    assert levels == sorted(levels, reverse=True) and levels[-1] > 0.001
    levels = [level_of_rounds(rounds_of(500, 4), rate) for rate in (0.9, 0.1, 0.01, 1e-6)]
    assert levels == sorted(levels, reverse=True) and levels[-1] > 0


def test_rounds_grow_by_an_eighth():
    assert rounds_of(20, 4) == (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20)
    assert rounds_of(3, 8) == (3,) and rounds_of(2, 1) == (1, 2)
