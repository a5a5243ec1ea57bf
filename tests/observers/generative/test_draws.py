"""The order of draws covers the noise levels evenly at every length, and an allocation changes shares, not means."""

import numpy as np
import pytest

from observers.generative.draws import EVEN, GOLDEN_RATIO, MIN_DENSITY, kronecker_sequence, neyman_allocation, read_allocation, write_allocation
from observers.protocol import ObserverError


@pytest.mark.parametrize("seed", range(5))
def test_every_prefix_covers_the_levels(seed):
    u = kronecker_sequence(np.arange(2000), seed)
    for n in (2, 3, 5, 10, 37, 100, 600, 1999):
        gaps = np.diff(np.sort(u[:n]), append=u[:n].min() + 1)
        assert gaps.max() < 2.7 / n  # three-gap theorem: golden ratio
        assert gaps.min() > 0.38 / n
        assert 0 <= u.min() < u.max() < 1


def test_positions_follow_from_draw_and_seed_alone():
    assert kronecker_sequence(np.array([7, 3]), 1).tolist() == kronecker_sequence(np.arange(8), 1)[[7, 3]].tolist()
    assert kronecker_sequence(np.array([0]), 1) != kronecker_sequence(np.array([0]), 2)


def test_even_is_even():
    u = kronecker_sequence(np.arange(100), 0)
    assert EVEN.inverse_cdf(u).tolist() == u.tolist()
    assert EVEN.density_at(u).tolist() == [1] * 100


def test_the_most_precise_allocation_is_in_proportion_to_the_spread():
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 5.0, 2.0, 0.0])
    found = neyman_allocation(spread)
    assert found.density.mean() == pytest.approx(1)
    assert found.density[1] / found.density[0] == pytest.approx(5)
    assert found.density[3] >= MIN_DENSITY / 2  # never starved

    def means(share):
        u = share.inverse_cdf((rng.random((4000, 1)) + np.arange(50) * GOLDEN_RATIO) % 1)
        values = 0.3 + spread[(u * 4).astype(int)] * rng.normal(size=u.shape)
        return (values / share.density_at(u)).mean(axis=1)

    even, ours = means(EVEN), means(found)
    assert ours.std() == pytest.approx(even.std() * 2.02 / 2.74, rel=0.06)  # √mean(sd²/q) after √mean(sd²)
    assert even.mean() == pytest.approx(0.3, abs=0.03)
    assert ours.mean() == pytest.approx(0.3, abs=0.03)


def test_written_and_read(tmp_path):
    found = neyman_allocation(np.array([1.0, 3.0]))
    write_allocation(tmp_path / "a.csv", found)
    again, digest = read_allocation(tmp_path / "a.csv")
    assert again.density == pytest.approx(found.density)
    assert len(digest) == 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,share\n0.5,1\n", "KeyError: 'density'.: expected a CSV with a column density"),
        ("t,density\n0.5,much\n", "could not convert string to float: 'much'"),
        ("t,density\n0.5,-1\n", "spreads from 0 on in each bin, and one above 0"),
        ("t,density\n0.5,nan\n", "spreads from 0 on"),
        ("t,density\n", "spreads from 0 on"),
        ("t,density\n0.5\n", "cannot be read"),
    ],
)
def test_a_damaged_allocation_is_refused(text, said, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(ObserverError, match=rf"a\.csv.*{said}"):
        read_allocation(path)


def test_no_allocation(tmp_path):
    with pytest.raises(ObserverError, match=r"none\.csv cannot be read"):
        read_allocation(tmp_path / "none.csv")
