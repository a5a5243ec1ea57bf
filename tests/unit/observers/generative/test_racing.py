"""Schedules of draws: when choices are eliminated, the cost, the evidence of eliminated choices, and the error rate."""

import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from observers.generative.draws import kronecker_sequence
from observers.generative.racing import ClarkJaini, Exhaustive, Racing, Staged
from observers.protocol import ObserverError

SCHEDULES = [
    Exhaustive(80), Racing(draws=80), Racing(draws=80, error_rate_per="round"), Racing(draws=80, anytime=True),
    ClarkJaini(draws=80),
    Staged(((10, 99), (40, 4), (80, 2))),
]  # fmt: skip


def positions(draws):
    return kronecker_sequence(draws, 0)


def run(schedule, scores):
    """Return the result of a race, and its requests as (choices, first draw, last draw)."""
    race = schedule(len(scores), positions)
    requests = []
    request = next(race)
    while True:
        requests.append((request.choices.tolist(), request.first, request.last))
        try:
            request = race.send(scores[request.choices, request.first : request.last])
        except StopIteration as end:
            return end.value, requests


def simulate(n_choices=16, n_draws=80, gap=0.5, sd=1.0, seed=0, shared=5.0):
    """Return scores, (n_choices, n_draws), whose means are `gap` apart with the best last.

    Each choice has independent noise of size `sd`; noise of size `shared` is common to all choices.
    """
    rng = np.random.default_rng(seed)
    means = gap * np.arange(n_choices)
    return means[:, None] + sd * rng.normal(size=(n_choices, n_draws)) + shared * rng.normal(size=n_draws)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("seed", range(8))
def test_every_schedule_only_eliminates_choices_and_counts_evaluations(schedule, seed):
    scores = simulate(gap=0.15, seed=seed)
    result, requests = run(schedule, scores)
    assert result.n_evaluations == sum(len(choices) * (last - first) for choices, first, last in requests)
    lowest, highest = schedule.bounds(16)
    assert lowest <= result.n_evaluations <= highest
    for (before, _, middle), (after, first, last) in pairwise(requests):
        assert set(after) <= set(before)
        assert middle == first < last
    remaining, _, n = requests[-1]
    assert not np.isnan(result.evidence).any()
    eliminated = sorted(set(range(16)) - set(remaining))
    best = int(result.evidence.argmax())
    assert best in remaining
    if eliminated:
        assert result.evidence[eliminated].max() <= result.evidence[best]
    assert result.evidence[best] == pytest.approx(scores[best, :n].mean())


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_single_choice_wins(schedule):
    result, _ = run(schedule, simulate(n_choices=1))
    assert result.evidence.shape == (1,)
    assert np.isfinite(result.evidence).all()
    assert result.n_evaluations <= max(schedule.bounds(1))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_equal_choices_tie_and_are_not_eliminated_at_random(schedule):
    scores = np.repeat(simulate(n_choices=1, n_draws=80), 3, axis=0)
    result, requests = run(schedule, scores)
    assert result.evidence.tolist() == [result.evidence[0]] * 3
    assert result.evidence.argmax() == 0
    if not isinstance(schedule, Staged):
        assert requests[-1][0] == [0, 1, 2]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_infinite_scores_give_a_result(schedule):
    scores = simulate(n_choices=3)
    scores[1] = -np.inf
    result, _ = run(schedule, scores)
    assert result.evidence.argmax() == 2
    assert not np.isnan(result.evidence).any()


def test_exhaustive_evidence_is_the_mean_score():
    scores = simulate()
    result, requests = run(Exhaustive(80), scores)
    assert requests == [(list(range(16)), 0, 80)]
    assert np.allclose(result.evidence, scores.mean(axis=1), rtol=1e-12)


def test_stages_cost_as_many_evaluations_as_published():
    """Check the numbers for the stages of Li et al.

    25 draws for all choices and 250 for the best five are 1,525 evaluations of 16 choices and 2,050 of 37; 50 and 500 draws
    are 3,050.
    """
    scores = simulate(n_draws=500)
    result, requests = run(Staged(), scores)
    assert result.n_evaluations == 1525 == Staged().bounds(16)[0]
    best_five = np.argsort(-scores[:, :25].mean(axis=1))[:5]
    assert sorted(requests[1][0]) == sorted(best_five.tolist())
    assert run(Staged(((50, 16), (500, 5))), scores)[0].n_evaluations == 3050
    assert run(Staged(), simulate(37, 500))[0].n_evaluations == 2050


def test_clark_jaini_eliminates_by_scipys_paired_test():
    """Compare the draw of each elimination with an independent loop over scipy.stats.ttest_rel."""
    from scipy.stats import ttest_rel

    scores = simulate(n_choices=6, gap=0.4, n_draws=300)
    remaining, expected = set(range(6)), {}
    for n in range(20, 301):
        leader = max(remaining, key=lambda c: scores[c, :n].mean())
        out = {c for c in remaining - {leader} if ttest_rel(scores[leader, :n], scores[c, :n]).pvalue < 2e-3}
        expected |= dict.fromkeys(out, n)
        remaining -= out
        if len(remaining) == 1:
            break
    last = n
    result, requests = run(ClarkJaini(draws=300), scores)
    eliminated = {}
    for (before, _, n), (after, _, _) in pairwise(requests):
        eliminated |= dict.fromkeys(set(before) - set(after), n)
    eliminated |= dict.fromkeys(set(requests[-1][0]) - {int(result.evidence.argmax())}, requests[-1][2])
    assert eliminated == expected
    assert result.n_evaluations == sum(expected.values()) + last


def test_evidence_of_eliminated_choices_is_a_paired_difference():
    """An eliminated choice is behind its rival by their mean difference over common draws, whatever noise they share."""
    scores = simulate(n_choices=3, gap=3.0, shared=20.0, n_draws=80)
    result, requests = run(Racing(draws=80), scores)
    n = requests[0][2]
    assert requests[-1][2] < 80
    difference = (scores[2, :n] - scores[0, :n]).mean()
    assert result.evidence[2] - result.evidence[0] == pytest.approx(difference, rel=1e-9)


def test_a_race_ends_when_one_choice_remains():
    scores = simulate(n_choices=2, gap=100.0, n_draws=80, shared=0.0)
    result, _ = run(Racing(draws=80), scores)
    assert result.n_evaluations == 2 * 4
    result, _ = run(Racing(draws=80, error_rate_per="round"), scores)
    assert result.n_evaluations == 2 * 4


def test_racing_is_cheap_if_one_choice_is_clearly_best():
    n_evaluations = [run(Racing(), simulate(gap=3.0, n_draws=500, seed=s))[0].n_evaluations for s in range(20)]
    assert np.mean(n_evaluations) < 16 * 8


def test_a_lower_error_rate_costs_more_evaluations():
    def mean_evaluations(rate):
        races = [run(Racing(error_rate=rate), simulate(gap=0.2, n_draws=500, seed=s))[0] for s in range(40)]
        return np.mean([race.n_evaluations for race in races])

    means = [mean_evaluations(rate) for rate in (0.3, 0.05, 0.005)]
    assert means == sorted(means)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Racing(draws=0), "draws must be 1 to 100,000, got 0"),
        (lambda: Racing(error_rate=1.5), "error_rate must lie between 0 and 1, got 1.5"),
        (lambda: Racing(error_rate_per="day"), "error_rate_per must be race or round, got 'day'"),
        (
            lambda: Racing(anytime=True, error_rate_per="round"),
            "a confidence sequence (anytime=true) has its error rate",
        ),
        (lambda: ClarkJaini(error_rate=0.0), "error_rate must lie between 0 and 1"),
        (lambda: Exhaustive(-3), "draws must be 1 to 100,000, got -3"),
        (lambda: Staged(()), "stages"),
        (lambda: Staged(((50, 16), (20, 5))), "stages"),
        (lambda: Staged(((50, 5), (90, 16))), "stages"),
        (lambda: Staged(((0, 5),)), "stages"),
    ],
)
def test_invalid_settings_are_refused(make, message):
    with pytest.raises(ObserverError, match=re.escape(message)):
        make()


@pytest.mark.slow
def test_racing_does_not_import_torch():
    code = "import sys; import observers.generative.racing; print('torch' in sys.modules)"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "False"
