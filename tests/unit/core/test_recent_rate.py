"""The recent rate: passes are timed from their beginnings, and warm-up does not count."""

import pytest

from core.progress import WINDOW, RecentRate, format_remaining


def feed(rate, events):
    for now, n_done in events:
        rate.update(n_done, now)


def batches(n, size, seconds, start):
    """Return the times at which the responses of `n` passes arrive, all responses of a pass within a millisecond."""
    return [(start + p * seconds + i / 1e4, p * size + i + 1) for p in range(n) for i in range(size)]


def test_the_rate_is_known_after_two_timed_passes_and_excludes_warm_up():
    rate = RecentRate()
    rate.update(0, 0.0)
    assert not rate.is_warm
    events = batches(4, 8, 10.0, start=60.0)  # the first pass ends after a minute of loading
    feed(rate, events[:1])
    assert rate.is_warm and rate.rate() is None
    feed(rate, events[1:9])  # the first step of the second pass
    assert rate.n_timed == 1 and rate.rate() is None and rate.remaining(100, 70.0) is None
    assert rate.rate(min_passes=1) == pytest.approx(0.8)
    feed(rate, events[9:17])
    assert rate.rate() == pytest.approx(0.8)
    # 17 of 97 steps are done at the beginning of the third pass; the pass has been running for two seconds.
    assert rate.remaining(97, 82.0) == pytest.approx(98.0)
    feed(rate, events[17:])
    assert rate.rate() == pytest.approx(0.8)


def test_the_rate_follows_a_change():
    rate = RecentRate()
    rate.update(0, 0.0)
    feed(rate, [(1.0 + i, i + 1) for i in range(60)])
    assert rate.rate() == pytest.approx(1.0)
    feed(rate, [(60.0 + 4 * (i + 1), 61 + i) for i in range(12)])
    assert rate.rate() == pytest.approx(0.25)
    assert WINDOW < 4 * 12


def test_a_continuous_stream_counts_as_one_pass_per_second():
    rate = RecentRate()
    rate.update(1000, 0.0)  # an earlier run has done these
    feed(rate, [(0.005 * i, 1000 + i) for i in range(1, 1001)])
    assert rate.rate() == pytest.approx(200, rel=0.01)
    assert rate.remaining(3000, 5.0) == pytest.approx(5, abs=0.2)


def test_updates_without_progress_are_ignored():
    rate = RecentRate()
    feed(rate, [(0.0, 0), (1.0, 0), (2.0, 1), (3.0, 1), (4.0, 2), (6.0, 3)])
    assert rate.rate() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "5 s"), (42, "40 s"), (89, "90 s"), (149, "2 min"), (2458, "41 min"), (5400, "1.5 h"), (200_000, "2.3 days")],
)
def test_durations_have_readable_units(seconds, text):
    assert format_remaining(seconds) == text
