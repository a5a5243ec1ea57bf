"""Continuous batching: results do not depend on the other trials in a pass, keep their order, and need little memory."""

import numpy as np
import pytest
import torch

from observers.generative.batching import run_races
from observers.generative.racing import ClarkJaini, Exhaustive, Racing, Staged
from observers.protocol import ObserverError
from tests.unit.observers.generative.toy import Toy, with_gray_levels

SCHEDULES = [Exhaustive(40), Racing(draws=60), ClarkJaini(draws=60, min_draws=5), Staged(stages=((10, 99), (40, 3)))]


def run(trials, n_rows=16, likelihood=None, schedule=None, report=lambda n_rows: None):
    likelihood, schedule = likelihood or Toy(), schedule or Racing(draws=60)
    conditioning = {c: likelihood.condition([c])[0] for c in trials[0].choices}

    def condition(trial):
        return [conditioning[c] for c in trial.choices]

    return list(run_races(iter(trials), likelihood, schedule, condition, n_rows, report))


def assert_same(first, second):
    for (trial_1, result_1), (trial_2, result_2) in zip(first, second, strict=True):
        assert trial_1 is trial_2
        assert result_1.n_evaluations == result_2.n_evaluations
        assert np.allclose(result_1.evidence, result_2.evidence, rtol=1e-6, atol=1e-9)


@pytest.fixture
def trials(small):
    return with_gray_levels(small.trials(0))


@pytest.mark.slow
def test_exhaustive_results_equal_a_double_loop(trials):
    likelihood = Toy()
    for trial, result in run(trials, schedule=Exhaustive(40)):
        x = likelihood.encode(trial.stimulus.pixels())
        means = []
        for choice in trial.choices:
            (level,) = likelihood.condition([choice])[0]
            scores = [likelihood.score(x[None], (level[None],), np.array([d])) for d in range(40)]
            means.append(torch.cat(scores).double().mean().item())
        assert result.evidence == pytest.approx(means, rel=1e-6)
        assert result.n_evaluations == 5 * 40


@pytest.mark.slow
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_results_depend_neither_on_the_batch_size_nor_on_other_trials(schedule, trials):
    trials = trials[:8]
    expected = run(trials, n_rows=16, schedule=schedule)
    for n_rows in (1, 3, 64, 500):
        assert_same(expected, run(trials, n_rows=n_rows, schedule=schedule))
    alone = [pair for trial in trials for pair in run([trial], schedule=schedule)]
    assert_same(expected, alone)
    assert_same(expected, run(trials[:5], schedule=schedule) + run(trials[5:], schedule=schedule))
    assert_same(expected, run(trials[::-1], schedule=schedule)[::-1])
    n_evaluations = {result.n_evaluations for _, result in expected}
    assert len(n_evaluations) > 1 or schedule is SCHEDULES[0] or schedule is SCHEDULES[3]


def test_out_of_memory_continues_with_fewer_rows_and_loses_nothing(trials):
    reports = []
    results = run(trials, n_rows=64, likelihood=Toy(max_rows=5), report=reports.append)
    assert reports == [32, 16, 8, 4]
    assert_same(results, run(trials))


def test_a_single_row_that_does_not_fit_is_refused(trials):
    with pytest.raises(ObserverError, match="a single row does not fit into the memory of the device: use a smaller"):
        run(trials, likelihood=Toy(max_rows=0))


def test_a_score_that_is_not_a_number_is_refused(trials):
    message = r"the model returns nan for \S+, choice gray 40, draw 7: use --dtype"
    with pytest.raises(ObserverError, match=message):
        run(trials, likelihood=Toy(nan_from=7), schedule=Exhaustive(20), n_rows=1)


@pytest.mark.slow
@pytest.mark.parametrize(("n_rows", "n_trials"), [(4, 60), (64, 250)])
def test_few_trials_are_in_memory_at_a_time(n_rows, n_trials, trials):
    """However many trials there are, the number taken but not answered stays near what two passes need."""
    n_taken, n_ahead = 0, []

    def stream():
        nonlocal n_taken
        for i in range(n_trials):
            n_taken += 1
            yield trials[i % len(trials)]

    likelihood = Toy()
    conditionings = [likelihood.condition([c])[0] for c in trials[0].choices]
    results = run_races(stream(), likelihood, Racing(draws=100), lambda trial: conditionings, n_rows)
    for n_answered, _ in enumerate(results, start=1):
        n_ahead.append(n_taken - n_answered)
    assert n_answered == n_trials
    assert max(n_ahead) <= max(2 * n_rows, 16)


@pytest.mark.slow
def test_only_the_last_passes_are_padded(trials):
    """Count the rows that the likelihood scores; those beyond the evaluations of the races are padding."""
    n_used, n_scored = 0, 0
    likelihood = Toy()

    class Counting:
        device, positions = likelihood.device, likelihood.positions

        def encode(self, pixels):
            return likelihood.encode(pixels)

        def score(self, images, conditioning, draws):
            nonlocal n_scored
            n_scored += len(draws)
            return likelihood.score(images, conditioning, draws)

    conditionings = [likelihood.condition([c])[0] for c in trials[0].choices]
    for _, result in run_races(iter(trials * 8), Counting(), Racing(draws=60), lambda trial: conditionings, 32):
        n_used += result.n_evaluations
    assert n_used <= n_scored < 1.05 * n_used


def test_an_error_of_the_schedule_is_raised(trials):
    def broken(n_choices, positions):
        raise RuntimeError("error of the schedule")
        yield

    with pytest.raises(RuntimeError, match="error of the schedule"):
        run(trials, schedule=broken)


def test_no_trials_give_no_results():
    assert list(run_races(iter([]), Toy(), Racing(), lambda trial: [], 4)) == []
