"""Schedules, fed with numbers: who leaves when, what it costs, what evidence the eliminated have, how often they err."""

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
    Exhaustive(80), Racing(draws=80), Racing(draws=80, anytime=True), ClarkJaini(draws=80),
    Staged(((10, 99), (40, 4), (80, 2))),
]  # fmt: skip


def positions(draws):
    return kronecker_sequence(draws, 0)


def run(schedule, scores):
    """Verdict, and what was asked: (choices, first, last) of each request."""
    race = schedule(len(scores), positions)
    asked = []
    request = next(race)
    while True:
        asked.append((request.choices.tolist(), request.first, request.last))
        try:
            request = race.send(scores[request.choices, request.first : request.last])
        except StopIteration as end:
            return end.value, asked


def made(n_choices=16, n_draws=80, gap=0.5, sd=1.0, seed=0, shared=5.0):
    """Scores whose means lie `gap` apart, the best last, with noise of one's own and, larger, noise shared by all."""
    rng = np.random.default_rng(seed)
    means = gap * np.arange(n_choices)
    return means[:, None] + sd * rng.normal(size=(n_choices, n_draws)) + shared * rng.normal(size=n_draws)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("seed", range(8))
def test_what_holds_for_every_schedule(schedule, seed):
    scores = made(gap=0.15, seed=seed)
    verdict, asked = run(schedule, scores)
    assert verdict.n_evaluations == sum(len(choices) * (last - first) for choices, first, last in asked)
    lowest, highest = schedule.bounds(16)
    assert lowest <= verdict.n_evaluations <= highest
    for (before, _, middle), (after, first, last) in pairwise(asked):
        assert set(after) <= set(before)
        assert middle == first < last
    survivors, _, n = asked[-1]
    assert not np.isnan(verdict.evidence).any()
    gone = sorted(set(range(16)) - set(survivors))
    best = int(verdict.evidence.argmax())
    assert best in survivors
    if gone:
        assert verdict.evidence[gone].max() <= verdict.evidence[best]
    assert verdict.evidence[best] == pytest.approx(scores[best, :n].mean())


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_choice_alone_wins_with_the_fewest_evaluations(schedule):
    verdict, _ = run(schedule, made(n_choices=1))
    assert verdict.evidence.shape == (1,)
    assert np.isfinite(verdict.evidence).all()
    assert verdict.n_evaluations <= max(schedule.bounds(1))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_equal_choices_tie_and_never_leave_at_random(schedule):
    scores = np.repeat(made(n_choices=1, n_draws=80), 3, axis=0)
    verdict, asked = run(schedule, scores)
    assert verdict.evidence.tolist() == [verdict.evidence[0]] * 3
    assert verdict.evidence.argmax() == 0
    if not isinstance(schedule, Staged):
        assert asked[-1][0] == [0, 1, 2]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_infinite_scores_end_in_a_verdict(schedule):
    scores = made(n_choices=3)
    scores[1] = -np.inf
    verdict, _ = run(schedule, scores)
    assert verdict.evidence.argmax() == 2
    assert not np.isnan(verdict.evidence).any()


def test_exhaustive_is_the_mean():
    scores = made()
    verdict, asked = run(Exhaustive(80), scores)
    assert asked == [(list(range(16)), 0, 80)]
    assert np.allclose(verdict.evidence, scores.mean(axis=1), rtol=1e-12)


def test_stages_cost_what_is_published():
    """Li et al.: 25 draws for all, 250 for the best five: 1,525 of 16 choices, 2,050 of 37; 50/500: 3,050."""
    scores = made(n_draws=500)
    verdict, asked = run(Staged(), scores)
    assert verdict.n_evaluations == 1525 == Staged().bounds(16)[0]
    best_five = np.argsort(-scores[:, :25].mean(axis=1))[:5]
    assert sorted(asked[1][0]) == sorted(best_five.tolist())
    assert run(Staged(((50, 16), (500, 5))), scores)[0].n_evaluations == 3050
    assert run(Staged(), made(37, 500))[0].n_evaluations == 2050


def test_clark_and_jaini_against_scipys_paired_test():
    """Who leaves at each draw by scipy.stats, in a loop of its own."""
    from scipy.stats import ttest_rel

    scores = made(n_choices=6, gap=0.4, n_draws=300)
    alive, gone = set(range(6)), {}
    for n in range(20, 301):
        leader = max(alive, key=lambda c: scores[c, :n].mean())
        out = {c for c in alive - {leader} if ttest_rel(scores[leader, :n], scores[c, :n]).pvalue < 2e-3}
        gone |= dict.fromkeys(out, n)
        alive -= out
        if len(alive) == 1:
            break
    last = n
    verdict, asked = run(ClarkJaini(draws=300), scores)
    left = {}
    for (before, _, n), (after, _, _) in pairwise(asked):
        left |= dict.fromkeys(set(before) - set(after), n)
    left |= dict.fromkeys(set(asked[-1][0]) - {int(verdict.evidence.argmax())}, asked[-1][2])
    assert left == gone
    assert verdict.n_evaluations == sum(gone.values()) + last


def test_the_evidence_of_the_eliminated_is_paired():
    """Behind its rival by their mean difference over the draws that both had, in spite of noise that all share."""
    scores = made(n_choices=3, gap=3.0, shared=20.0, n_draws=80)
    verdict, asked = run(Racing(draws=80), scores)
    n = asked[0][2]
    assert asked[-1][2] < 80
    difference = (scores[2, :n] - scores[0, :n]).mean()
    assert verdict.evidence[2] - verdict.evidence[0] == pytest.approx(difference, rel=1e-9)


def lost(schedule, n=1500):
    """The share of races between nearly equal choices whose verdict is not that of all draws."""
    wrong = 0
    for seed in range(n):
        scores = made(n_choices=4, n_draws=200, gap=0.08, seed=seed, shared=2.0)
        verdict, _ = run(schedule, scores)
        wrong += verdict.evidence.argmax() != scores.mean(axis=1).argmax()
    return wrong / n


@pytest.mark.parametrize("n_choices", [2, 3, 4, 16])
@pytest.mark.parametrize("error_rate", [0.05, 0.01])
def test_at_one_look_the_error_rate_holds(n_choices, error_rate):
    """Looks after 4 or 30 of 200 draws, choices equal: how often the one that all draws prefer is out."""
    for n in (4, 30):
        wrong, n_races = 0, 1500
        for seed in range(n_races):
            scores = made(n_choices=n_choices, n_draws=200, gap=0, seed=seed, shared=2.0)
            race = Racing(draws=200, min_draws=n, error_rate=error_rate)(n_choices, positions)
            next(race)
            try:
                left = race.send(scores[:, :n]).choices
            except StopIteration as end:
                left = [end.value.evidence.argmax()]
            wrong += scores.mean(axis=1).argmax() not in left
        assert wrong / n_races <= error_rate + 2 * (error_rate / n_races) ** 0.5, n


@pytest.mark.parametrize("n_choices", [2, 4])
def test_anytime_holds_with_few_choices(n_choices):
    wrong, n_races = 0, 600
    for seed in range(n_races):
        scores = made(n_choices=n_choices, n_draws=300, gap=0, seed=seed, shared=2.0)
        verdict, _ = run(Racing(draws=300, error_rate=0.01, anytime=True), scores)
        wrong += verdict.evidence.argmax() != scores.mean(axis=1).argmax()
    assert wrong / n_races <= 0.01 + 2 * (0.01 / n_races) ** 0.5


def test_who_is_left_alone_draws_no_more():
    scores = made(n_choices=2, gap=100.0, n_draws=80, shared=0.0)
    verdict, _ = run(Racing(draws=80), scores)
    assert verdict.n_evaluations == 2 * 4


@pytest.mark.slow
def test_over_all_looks_it_holds_for_anytime_and_within_a_few_times_otherwise():
    assert lost(Racing(draws=200, error_rate=0.05, anytime=True)) <= 0.05
    assert 0.05 < lost(Racing(draws=200, error_rate=0.05)) < 0.2


def test_racing_is_cheap_where_it_is_clear():
    spent = [run(Racing(), made(gap=3.0, n_draws=500, seed=seed))[0].n_evaluations for seed in range(20)]
    assert np.mean(spent) < 16 * 8


def test_a_lower_error_rate_costs_more():
    rates = (0.3, 0.05, 0.005)
    spent = [
        np.mean([run(Racing(error_rate=rate), made(gap=0.2, n_draws=500, seed=s))[0].n_evaluations for s in range(40)])
        for rate in rates
    ]
    assert spent == sorted(spent)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Racing(draws=0), "draws must be 1 to 100,000, got 0"),
        (lambda: Racing(error_rate=1.5), "error_rate must lie between 0 and 1, got 1.5"),
        (lambda: ClarkJaini(error_rate=0.0), "error_rate must lie between 0 and 1"),
        (lambda: Exhaustive(-3), "draws must be 1 to 100,000, got -3"),
        (lambda: Staged(()), "stages"),
        (lambda: Staged(((50, 16), (20, 5))), "stages"),
        (lambda: Staged(((50, 5), (90, 16))), "stages"),
        (lambda: Staged(((0, 5),)), "stages"),
    ],
)
def test_settings_that_make_no_sense(make, said):
    with pytest.raises(ObserverError, match=re.escape(said)):
        make()


def test_racing_needs_no_torch():
    code = "import sys; import observers.generative.racing; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
