"""The error rates of the schedules of draws, in many simulated races."""

import pytest

from observers.generative.racing import Racing
from tests.unit.observers.generative.test_racing import positions, run, simulate


def share_of_errors(schedule, n=500):
    """Return the share of races between nearly equal choices whose decision differs from that of all draws."""
    n_wrong = 0
    for seed in range(n):
        scores = simulate(n_choices=4, n_draws=200, gap=0.08, seed=seed, shared=2.0)
        result, _ = run(schedule, scores)
        n_wrong += result.evidence.argmax() != scores.mean(axis=1).argmax()
    return n_wrong / n


@pytest.mark.parametrize("n_choices", [2, 3, 4, 16])
@pytest.mark.parametrize("error_rate", [0.05, 0.01])
def test_a_single_round_keeps_the_error_rate(n_choices, error_rate):
    """After 4 or 30 of 200 draws of equal choices, count how often the choice that all draws prefer is eliminated."""
    for n in (4, 30):
        n_wrong, n_races = 0, 1500
        rule = Racing(draws=200, min_draws=n, error_rate=error_rate, error_rate_per="round")
        for seed in range(n_races):
            scores = simulate(n_choices=n_choices, n_draws=200, gap=0, seed=seed, shared=2.0)
            race = rule(n_choices, positions)
            next(race)
            try:
                remaining = race.send(scores[:, :n]).choices
            except StopIteration as end:
                remaining = [end.value.evidence.argmax()]
            n_wrong += scores.mean(axis=1).argmax() not in remaining
        assert n_wrong / n_races <= error_rate + 2 * (error_rate / n_races) ** 0.5, n


@pytest.mark.parametrize("n_choices", [2, 4])
def test_anytime_keeps_the_error_rate_with_few_choices(n_choices):
    n_wrong, n_races = 0, 600
    for seed in range(n_races):
        scores = simulate(n_choices=n_choices, n_draws=300, gap=0, seed=seed, shared=2.0)
        result, _ = run(Racing(draws=300, error_rate=0.01, anytime=True), scores)
        n_wrong += result.evidence.argmax() != scores.mean(axis=1).argmax()
    assert n_wrong / n_races <= 0.01 + 2 * (0.01 / n_races) ** 0.5


@pytest.mark.parametrize("n_choices", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("gap", [0, 0.3])
def test_a_race_keeps_the_error_rate(n_choices, gap):
    """The best choice is better than all others, which are tied, by a gap in standard deviations of a score."""
    n_wrong, n_races, error_rate = 0, 250, 0.05
    for seed in range(n_races):
        scores = simulate(n_choices=n_choices, n_draws=64, gap=0, seed=seed, shared=2.0)
        scores[0] += gap
        result, _ = run(Racing(draws=64, error_rate=error_rate), scores)
        n_wrong += result.evidence.argmax() != scores.mean(axis=1).argmax()
    assert n_wrong / n_races <= error_rate + 2 * (error_rate / n_races) ** 0.5


def test_over_all_rounds_an_error_rate_per_round_is_exceeded_a_few_times():
    assert share_of_errors(Racing(draws=200, error_rate=0.05)) <= 0.06
    assert share_of_errors(Racing(draws=200, error_rate=0.05, anytime=True)) <= 0.06
    assert 0.05 < share_of_errors(Racing(draws=200, error_rate=0.05, error_rate_per="round")) < 0.2
