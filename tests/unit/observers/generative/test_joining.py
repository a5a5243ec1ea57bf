"""Rules that join the scores of the classes of a choice, and races between classes in groups."""

import numpy as np
import pytest
import torch
from attrs import evolve, field, frozen

from observers import HasConditions
from observers.check import check_observer
from observers.generative.classifier import GenerativeClassifier
from observers.generative.draws import draw_positions, kronecker_sequence
from observers.generative.joining import JoinedSchedule, join_evidence
from observers.generative.racing import ClarkJaini, Exhaustive, Groups, Racing, Staged
from observers.protocol import ObserverError
from tests.unit.observers.generative.toy import Toy

RULES = ("log-mean-exp", "mean", "max")
CHOICE_OF = np.repeat(np.arange(5), (1, 2, 6, 20, 1))  # 30 classes of 5 choices
ALL_CLASSES = Groups(CHOICE_OF, np.zeros(len(CHOICE_OF)))
SCHEDULES = (Racing(draws=120), Staged(((25, 1000), (60, 5), (120, 2))), ClarkJaini(draws=120), Exhaustive(120))


def positions(draws):
    return kronecker_sequence(draws, 0)


def run_race(schedule, scores, groups=None):
    """Run a race with known scores (C, T); return its result and the number of scores that were sent."""
    race = schedule(len(scores), positions) if groups is None else schedule(len(scores), positions, groups)
    request, n_sent = next(race), 0
    while True:
        part = scores[request.choices, request.first : request.last]
        n_sent += part.size
        try:
            request = race.send(part)
        except StopIteration as end:
            return end.value, n_sent


def random_scores(seed, lead=0.0, sd=1.0):
    """Return scores (30, 120), in which class 12, of choice 3, leads."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(30, 1)) + sd * rng.normal(size=(30, 120))
    scores[12] += lead
    return scores


def naive_evidence(scores, join):
    """Return the evidence of the choices with plain loops."""
    evidence = []
    for choice in range(5):
        means = [scores[c].mean() for c in range(30) if CHOICE_OF[c] == choice]
        if join == "mean":
            evidence.append(sum(means) / len(means))
        elif join == "max":
            evidence.append(max(means))
        else:
            evidence.append(np.log(sum(np.exp(mean) for mean in means) / len(means)))
    return np.array(evidence)


@pytest.mark.parametrize("join", RULES)
def test_exhaustive_evidence_equals_plain_loops(join):
    for seed in range(20):
        scores = random_scores(seed)
        result, n_sent = run_race(JoinedSchedule(Exhaustive(120), join), scores, ALL_CLASSES)
        assert result.evidence == pytest.approx(naive_evidence(scores, join), rel=1e-12)
        assert result.n_evaluations == n_sent == 30 * 120


def test_the_rules_are_the_same_for_single_classes_and_do_not_overflow():
    evidence = np.array([-5000.0, -4000.0, -9000.0])
    for join in RULES:
        assert np.allclose(join_evidence(evidence, np.arange(3), join), evidence, rtol=1e-15)
    choice_of = np.array([0, 0, 1])
    assert join_evidence(evidence, choice_of, "log-mean-exp") == pytest.approx([-4000 - np.log(2), -9000])
    assert join_evidence(evidence, choice_of, "max").tolist() == [-4000, -9000]
    assert join_evidence(evidence, choice_of, "mean").tolist() == [-4500, -9000]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
@pytest.mark.parametrize("join", RULES)
def test_easy_races_are_decided_as_by_all_draws(schedule, join):
    """The evidence is finite, the decision has the highest evidence, and every sent score is counted."""
    joined = JoinedSchedule(schedule, join)
    lowest, highest = joined.bounds_of(np.bincount(CHOICE_OF).tolist())
    n_evaluations = []
    for seed in range(10):
        scores = random_scores(seed, lead=40 if join == "mean" else 8)
        result, n_sent = run_race(joined, scores, ALL_CLASSES)
        assert result.evidence.shape == (5,) and np.isfinite(result.evidence).all()
        assert result.evidence.argmax() == naive_evidence(scores, join).argmax() == 3
        assert result.n_evaluations == n_sent and lowest <= n_sent <= highest
        n_evaluations.append(n_sent)
    assert isinstance(schedule, Exhaustive) or np.mean(n_evaluations) < 0.9 * 30 * 120


@pytest.mark.parametrize("join", ["log-mean-exp", "max"])
def test_a_race_ends_when_all_remaining_classes_belong_to_one_choice(join):
    """Two classes of one choice are nearly tied; a race between them would take all draws."""
    scores = random_scores(0)
    scores[9:29] = scores[12] + 9 + 0.01 * np.random.default_rng(1).normal(size=(20, 120))
    for schedule in SCHEDULES[:3]:
        joined, _ = run_race(JoinedSchedule(schedule, join), scores, ALL_CLASSES)
        alone, _ = run_race(schedule, scores)
        assert joined.evidence.argmax() == CHOICE_OF[alone.evidence.argmax()] == 3
        assert joined.n_evaluations < alone.n_evaluations


@pytest.mark.slow
@pytest.mark.parametrize("join", RULES)
def test_error_rates_of_races_in_groups(join):
    """With small differences and much noise, races agree with all draws nearly as often as the error rate promises."""
    disagreements = []
    for seed in range(150):
        scores = random_scores(seed, lead=2, sd=4)
        result, _ = run_race(JoinedSchedule(Racing(draws=120, error_rate=0.05), join), scores, ALL_CLASSES)
        disagreements.append(result.evidence.argmax() != naive_evidence(scores, join).argmax())
    assert np.mean(disagreements) < 0.1


def test_a_large_choice_below_its_best_class_is_not_eliminated_too_early():
    """Twenty equal classes win over a single class that is slightly worse, although log 20 is more than their lead."""
    scores = np.random.default_rng(0).normal(size=(30, 120)) - 20
    scores[9:29] += 18
    scores[29] += 17.5
    for schedule in SCHEDULES:
        result, _ = run_race(JoinedSchedule(schedule, "log-mean-exp"), scores, ALL_CLASSES)
        assert result.evidence.argmax() == naive_evidence(scores, "log-mean-exp").argmax() == 3


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
def test_groups_of_one_class_change_nothing(schedule):
    """Races without groups, with one class per group, and with joined evidence are the same to the last bit."""
    scores = random_scores(3, lead=1, sd=3)
    plain, n_sent = run_race(schedule, scores)
    groups = Groups(np.arange(30), np.zeros(30))
    for other, n_other in (run_race(schedule, scores, groups), run_race(JoinedSchedule(schedule, "max"), scores)):
        if not isinstance(schedule, Staged):  # with groups, its last stages are omitted if one choice remains
            assert other.evidence.tobytes() == plain.evidence.tobytes()
        assert n_other <= n_sent and other.evidence.argmax() == plain.evidence.argmax()
    assert JoinedSchedule(schedule, "mean").bounds(30) == schedule.bounds(30)


def test_bounds_with_stages_count_the_classes_of_the_best_choices():
    staged = Staged(((10, 1000), (30, 2)))
    assert JoinedSchedule(staged, "mean").bounds_of([1, 2, 6]) == (90 + 20 * 3, 90 + 20 * 8)
    assert JoinedSchedule(staged, "max").bounds_of([1, 2, 6]) == (90, 90 + 20 * 2)


def test_positions_on_a_grid_use_every_level_once():
    u = draw_positions(np.arange(500), 3, n_grid=250)
    level = np.floor(u * 250).astype(int)
    assert sorted(level[:250]) == sorted(level[250:]) == list(range(250))
    # Every prefix covers the levels evenly, as with the sequence itself.
    assert np.abs(np.sort(level[:16]) - 250 * (np.arange(16) + 0.5) / 16).max() < 18
    assert np.array_equal(draw_positions(np.arange(9), 3), kronecker_sequence(np.arange(9), 3))


@frozen
class Levels:
    """A likelihood of one's own, with several conditions for each choice: the gray levels in the name of the choice."""

    toy: Toy = field(factory=lambda: Toy(sd=5.0))
    join: str = "max"

    @property
    def scorer(self):
        return self.toy

    def conditions(self, choices):
        return [tuple(f"gray {level}" for level in choice.split(" or ")) for choice in choices]


def test_a_likelihood_may_have_its_own_conditions(small):
    """A choice with several gray levels is chosen if one of them is that of the image."""
    assert isinstance(Levels(), HasConditions) and not isinstance(Toy(), HasConditions)
    trials = [evolve(t, choices=("0 or 90 or 250", "20 or 130", "160")) for t in small.trials(0)[:12]]
    means = [t.stimulus.pixels().mean() for t in trials]
    nearest = [min((0, 90, 250, 20, 130, 160), key=lambda level: abs(level - mean)) for mean in means]
    observer = GenerativeClassifier(Levels(), "levels", draws=200)
    responses = list(observer.observe(iter(trials)))
    chosen = [str(level) in r.choice.split(" or ") for r, level in zip(responses, nearest, strict=True)]
    assert all(chosen) and len({r.choice for r in responses}) > 1
    assert all(r.evidence.shape == (3,) and 6 * 4 <= r.n_evaluations < 6 * 200 for r in responses)
    assert [finding for finding in check_observer(observer, trials) if not finding.passed] == []
    assert observer.prompts(trials[0].choices) == list(trials[0].choices)
    assert observer.cost(trials[0]).n_evaluations == (24, 1200)
    exact = GenerativeClassifier(Levels(Toy(sd=5.0, n_draws=3)), "exact")
    assert next(exact.observe(iter(trials))).n_evaluations == 18 and exact.cost(trials[0]).n_evaluations == (18, 18)


def test_a_score_that_is_not_finite_is_reported_with_the_choice_of_its_condition(small):
    trial = evolve(small.trials(0)[0], choices=("0 or 90", "20 or 130"))
    observer = GenerativeClassifier(Levels(Toy(nan_from=0), "mean"), "levels", batch_size=3)
    with pytest.raises(ObserverError, match=r"returns nan for .*, choice 0 or 90, draw 0"):
        list(observer.observe(iter([trial])))
    assert torch.isnan(Toy(nan_from=0).score(torch.zeros(1, 1), (torch.zeros(1),), np.array([0]))).all()
