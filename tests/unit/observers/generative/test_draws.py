"""Draws: every prefix covers the noise levels evenly, and an allocation changes the shares of draws but not the mean."""

import numpy as np
import pytest

from observers.generative.draws import (
    EVEN,
    GOLDEN_RATIO,
    MIN_DENSITY,
    kronecker_sequence,
    neyman_allocation,
    read_allocation,
    write_allocation,
)
from observers.protocol import ObserverError


@pytest.mark.parametrize("seed", range(5))
def test_every_prefix_covers_the_levels_evenly(seed):
    u = kronecker_sequence(np.arange(2000), seed)
    for n in (2, 3, 5, 10, 37, 100, 600, 1999):
        gaps = np.diff(np.sort(u[:n]), append=u[:n].min() + 1)
        assert gaps.max() < 2.7 / n  # three-gap theorem for the golden ratio
        assert gaps.min() > 0.38 / n
        assert 0 <= u.min() < u.max() < 1


def test_positions_depend_only_on_draw_and_seed():
    assert kronecker_sequence(np.array([7, 3]), 1).tolist() == kronecker_sequence(np.arange(8), 1)[[7, 3]].tolist()
    assert kronecker_sequence(np.array([0]), 1) != kronecker_sequence(np.array([0]), 2)


def test_the_even_allocation_changes_nothing():
    u = kronecker_sequence(np.arange(100), 0)
    assert EVEN.inverse_cdf(u).tolist() == u.tolist()
    assert EVEN.density_at(u).tolist() == [1] * 100


def test_the_neyman_allocation_is_proportional_to_the_standard_deviation_and_unbiased():
    rng = np.random.default_rng(0)
    sd = np.array([1.0, 5.0, 2.0, 0.0])
    allocation = neyman_allocation(sd)
    assert allocation.density.mean() == pytest.approx(1)
    assert allocation.density[1] / allocation.density[0] == pytest.approx(5)
    assert allocation.density[3] >= MIN_DENSITY / 2  # every bin gets some draws

    def means(allocation):
        u = allocation.inverse_cdf((rng.random((4000, 1)) + np.arange(50) * GOLDEN_RATIO) % 1)
        values = 0.3 + sd[(u * 4).astype(int)] * rng.normal(size=u.shape)
        return (values / allocation.density_at(u)).mean(axis=1)

    even, neyman = means(EVEN), means(allocation)
    assert neyman.std() == pytest.approx(even.std() * 2.02 / 2.74, rel=0.06)  # √mean(sd²/q) instead of √mean(sd²)
    assert even.mean() == pytest.approx(0.3, abs=0.03)
    assert neyman.mean() == pytest.approx(0.3, abs=0.03)


def test_an_allocation_is_read_as_it_was_written(tmp_path):
    allocation = neyman_allocation(np.array([1.0, 3.0]))
    write_allocation(tmp_path / "a.csv", allocation)
    again, digest = read_allocation(tmp_path / "a.csv")
    assert again.density == pytest.approx(allocation.density)
    assert len(digest) == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,share\n0.5,1\n", "KeyError: 'density'.: expected a CSV file with a column density"),
        ("t,density\n0.5,much\n", "could not convert string to float: 'much'"),
        ("t,density\n0.5,-1\n", "a finite number of 0 or more for each bin, and at least one number above 0"),
        ("t,density\n0.5,nan\n", "a finite number of 0 or more for each bin"),
        ("t,density\n", "a finite number of 0 or more for each bin"),
        ("t,density\n0.5\n", "cannot be read"),
    ],
)
def test_a_damaged_allocation_is_refused(text, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ObserverError, match=rf"a\.csv.*{message}"):
        read_allocation(path)


def test_a_missing_allocation_is_refused(tmp_path):
    with pytest.raises(ObserverError, match=r"none\.csv cannot be read"):
        read_allocation(tmp_path / "none.csv")
