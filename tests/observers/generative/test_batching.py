"""Continuous batching: the same answers whatever stands beside a trial, in order, with little held at a time."""

import numpy as np
import pytest
import torch

from observers.generative.batching import run_races
from observers.generative.racing import ClarkJaini, Exhaustive, Racing, Staged
from observers.protocol import ObserverError
from tests.observers.generative.toy import Toy, numbered

SCHEDULES = [Exhaustive(40), Racing(draws=60), ClarkJaini(draws=60, min_draws=5), Staged(stages=((10, 99), (40, 3)))]


def ask(trials, size=16, likelihood=None, schedule=None, say=lambda size: None):
    likelihood, schedule = likelihood or Toy(), schedule or Racing(draws=60)
    conditions = {c: likelihood.condition([c])[0] for c in trials[0].choices}
    return list(run_races(iter(trials), likelihood, schedule, lambda t: [conditions[c] for c in t.choices], size, say))


def same(one, other):
    for (trial, a), (trial_2, b) in zip(one, other, strict=True):
        assert trial is trial_2
        assert a.n_evaluations == b.n_evaluations
        assert np.allclose(a.evidence, b.evidence, rtol=1e-6, atol=1e-9)


@pytest.fixture
def grays(small):
    return numbered(small.trials(0))


def test_exhaustive_is_the_naive_double_loop(grays):
    likelihood, found = Toy(), ask(grays, schedule=Exhaustive(40))
    for trial, verdict in found:
        x = likelihood.encode(trial.stimulus.pixels())
        means = []
        for choice in trial.choices:
            (mean,) = likelihood.condition([choice])[0]
            scores = [likelihood.score(x[None], (mean[None],), np.array([d])) for d in range(40)]
            means.append(torch.cat(scores).double().mean().item())
        assert verdict.evidence == pytest.approx(means, rel=1e-6)
        assert verdict.n_evaluations == 5 * 40


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_any_size_and_any_neighbors_give_the_same(schedule, grays):
    whole = ask(grays, size=16, schedule=schedule)
    for size in (1, 3, 64, 500):
        same(whole, ask(grays, size=size, schedule=schedule))
    alone = [pair for trial in grays for pair in ask([trial], schedule=schedule)]
    same(whole, alone)
    same(whole, ask(grays[:5], schedule=schedule) + ask(grays[5:], schedule=schedule))
    same(whole, ask(grays[::-1], schedule=schedule)[::-1])
    assert len({v.n_evaluations for _, v in whole}) > 1 or schedule is SCHEDULES[0] or schedule is SCHEDULES[3]


def test_out_of_memory_goes_on_with_fewer_rows_and_loses_nothing(grays):
    said = []
    found = ask(grays, size=64, likelihood=Toy(fits=5), say=said.append)
    assert said == [32, 16, 8, 4]
    same(found, ask(grays))


def test_not_even_one_row(grays):
    with pytest.raises(ObserverError, match="one row at once is more than the device's memory holds: take a smaller"):
        ask(grays, likelihood=Toy(fits=0))


def test_no_number(grays):
    where = r"the model gives nan for \S+, choice gray 40, draw 7: take --dtype"
    with pytest.raises(ObserverError, match=where):
        ask(grays, likelihood=Toy(nan_from=7), schedule=Exhaustive(20), size=1)


@pytest.mark.parametrize("size", [4, 64])
def test_little_is_held_at_a_time(size, grays):
    """However long the stream: what was taken and not answered yet stays about what two passes need."""
    n_taken, ahead = 0, []

    def stream():
        nonlocal n_taken
        for i in range(400):
            n_taken += 1
            yield grays[i % len(grays)]

    likelihood = Toy()
    conditions = [likelihood.condition([c])[0] for c in grays[0].choices]
    for n_given, _ in enumerate(run_races(stream(), likelihood, Racing(draws=200), lambda t: conditions, size), start=1):
        ahead.append(n_taken - n_given)
    assert n_given == 400
    assert max(ahead) <= max(2 * size, 16)


def test_passes_are_full_but_for_the_last_few(grays):
    """Counted by what the likelihood is given: repeated rows are those that only fill up."""
    used, given = 0, 0
    likelihood = Toy()

    class Counting:
        device, positions = likelihood.device, likelihood.positions

        def encode(self, pixels):
            return likelihood.encode(pixels)

        def score(self, images, conditions, draws):
            nonlocal given
            given += len(draws)
            return likelihood.score(images, conditions, draws)

    trials = grays * 8
    conditions = [likelihood.condition([c])[0] for c in grays[0].choices]
    for _, verdict in run_races(iter(trials), Counting(), Racing(draws=60), lambda t: conditions, 32):
        used += verdict.n_evaluations
    assert used <= given < 1.05 * used


def test_an_error_of_the_schedule_is_not_swallowed(grays):
    def broken(n_choices, positions):
        raise RuntimeError("mine")
        yield

    with pytest.raises(RuntimeError, match="mine"):
        ask(grays, schedule=broken)


def test_no_trials():
    assert list(run_races(iter([]), Toy(), Racing(), lambda t: [], 4)) == []
